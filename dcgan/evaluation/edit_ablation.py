"""Edits by feature ablation: generate images without the feature maps that predict a class."""

import numpy as np

from dcgan.config import EditConfig
from dcgan.core.errors import errors_about
from dcgan.evaluation.label_predictor import GeneratedImages, LabelPredictor, RunGenerator, parse_class
from dcgan.sampling.feature_ablation import ablate_maps, feature_maps, split_generator, weights_by_labels
from dcgan.sampling.generation import generate_images
from dcgan.visualization import tile

NUM_IMAGES = 1000
"""Default number of images that the feature maps are found on."""

NUM_SHOWN = 10
"""Images of the class in the figure, and as many of other classes."""

VARIANTS = "all maps", "without these maps", "without random maps"


def ablate_class(source: RunGenerator, config: EditConfig) -> tuple[np.ndarray, str, str]:
    """Set the feature maps that predict a class to zero, and print how many images are still classified as before.

    Args:
        source: the generator.
        config: all options, with `ablate`.

    Returns:
        The figure, uint8 (H', W', C), one column per image; a name for it; and a summary in one line.

    Raises:
        UserError: there is no such layer or class, or no image of the class.
    """
    names, predict = source.label_predictor()
    with errors_about("--ablate"):
        target = parse_class(config.ablate or "", names)
    num = config.num or NUM_IMAGES
    found_on, others = source.generate(range(num)), source.generate(range(num, 2 * num))
    maps = feature_maps(split_generator(source.generator, config.layer)[0], found_on.rows)
    ablated = weights_by_labels(maps, _labels(found_on, predict) == target) > 0
    variants, labels = _variants(source, config, others, ablated), _labels(others, predict)
    print(f"{ablated.sum()} of {len(ablated)} maps predict {names[target]!r}.")
    _print_table(
        {name: predict(images) == labels for name, images in variants.items()}, labels == target, names[target]
    )
    summary = f"One column per image, {names[target]!r} first; rows: {', '.join(VARIANTS)}"
    return _figure(variants, labels == target), f"without-{names[target]}", summary


def _variants(
    source: RunGenerator, config: EditConfig, images: GeneratedImages, ablated: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the same images in each of the `VARIANTS`."""
    random = np.random.default_rng(config.seed).permutation(ablated)
    edited = [
        generate_images(ablate_maps(source.generator, maps, config.layer), images.rows) for maps in (ablated, random)
    ]
    return dict(zip(VARIANTS, [images.images, *edited], strict=True))


def _labels(images: GeneratedImages, predict: LabelPredictor) -> np.ndarray:
    """Return the classes that images were generated for, or else the predicted classes."""
    return predict(images.images) if images.labels is None else images.labels


def _print_table(unchanged: dict[str, np.ndarray], is_target: np.ndarray, name: str) -> None:
    """Print how many images, of the class and of all others, are still classified as before."""
    print(f"Classified as their class, of {len(is_target)} images:")
    print(f"  {'':24}{name:>10}{'others':>10}")
    for variant, correct in unchanged.items():
        print(f"  {variant:24}{_percentage(correct[is_target]):>10}{_percentage(correct[~is_target]):>10}")


def _percentage(correct: np.ndarray) -> str:
    return f"{correct.mean():.1%}" if len(correct) else "–"


def _figure(variants: dict[str, np.ndarray], is_target: np.ndarray) -> np.ndarray:
    """Tile one column per image, those of the class first, and one row per variant."""
    columns = np.concatenate([np.flatnonzero(is_target)[:NUM_SHOWN], np.flatnonzero(~is_target)[:NUM_SHOWN]])
    return tile(np.concatenate([images[columns] for images in variants.values()]), len(columns))
