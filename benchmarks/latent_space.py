"""Does latent arithmetic do what it promises? The DCGAN paper's experiments on digits, evaluated by a classifier.

Radford et al. 2016, section 6.3, shows images. Here the dataset's classifier predicts the digit, and pixels give the
thickness and slant of the strokes. Latents are chosen by these measurements alone, and directions are evaluated on
other seeds than those they were found on. Thick and thin, right and left are the upper and the lower third of a class.
A direction's unit is the distance between the means of its two groups.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.options import add_run_options, argument_parser
from benchmarks.sample_pool import SamplePool, generate, load_classified_generator
from benchmarks.stroke_features import STROKE_FEATURES, horizontal_and_vertical_strokes
from benchmarks.tables import format_number, markdown_table

CLASS_STRENGTHS = (0.5, 1.0, 1.5, 2.0)
FEATURE_STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)

MIN_CLASS_IMAGES = 60
"""Images of a class that a pool needs before the class takes part."""


def class_pairs(pool: SamplePool) -> list[tuple[int, int]]:
    """Return all ordered pairs of different classes with enough images in the pool."""
    labels, counts = np.unique(pool.targets, return_counts=True)
    frequent = [int(label) for label, count in zip(labels, counts, strict=True) if count >= MIN_CLASS_IMAGES]
    return [(a, b) for a in frequent for b in frequent if a != b]


def arithmetic_rows(pool: SamplePool, feature: str, trials: int) -> Iterator[list[str]]:
    """Yield rows: how often high a - low a + low b is a b with a high feature, by the number of latents per term.

    Args:
        pool: images to choose from.
        feature: name in `STROKE_FEATURES`.
        trials: sums per pair of classes.
    """
    for per_term, rescaled in ((1, False), (3, False), (10, False), (10, True)):
        name = f"{feature}, {per_term} per term{', rescaled' * rescaled}"
        yield [name, *_evaluate_sums(pool, feature, *_sums(pool, feature, per_term, trials), rescaled)]
    sums = _sums(pool, feature, 3, trials, last_term_only=True)
    yield [f"{feature}, low b alone, 3 per term", *_evaluate_sums(pool, feature, *sums, False)]


def _sums(
    pool: SamplePool, feature: str, per_term: int, trials: int, last_term_only: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the results of arithmetic, float32 (N, dim), and the class b that each should have, int (N,)."""
    from dcgan.sampling.latent_arithmetic import combine

    high, low = pool.thirds(feature)
    sums, targets = [], []
    for a, b in class_pairs(pool):
        terms = [(1, high & (pool.targets == a)), (-1, low & (pool.targets == a)), (1, low & (pool.targets == b))]
        for _ in range(trials):
            chosen = terms[2:] if last_term_only else terms
            sums.append(combine((sign, _choose(pool, group, per_term)) for sign, group in chosen))
            targets.append(b)
    return np.stack(sums), np.array(targets)


def _choose(pool: SamplePool, group: np.ndarray, count: int) -> np.ndarray:
    """Return random latents of a group, bool (N,)."""
    members = np.flatnonzero(group)
    return pool.latents[pool.model.random.choice(members, min(count, len(members)), replace=False)]


def _evaluate_sums(pool: SamplePool, feature: str, sums: np.ndarray, targets: np.ndarray, rescaled: bool) -> list[str]:
    """Return how often sums have the target class, a feature above its median, and both."""
    typical_length = np.sqrt(sums.shape[1])
    length = np.linalg.norm(sums, axis=1).mean() / typical_length
    if rescaled:
        sums = sums * typical_length / np.linalg.norm(sums, axis=1, keepdims=True)
    result = SamplePool(pool.model, sums, targets if pool.model.classes else None)
    values, result_values = STROKE_FEATURES[feature](pool.images), STROKE_FEATURES[feature](result.images)
    medians = {label: np.median(values[pool.targets == label]) for label in np.unique(targets)}
    correct, above = result.predicted == targets, result_values > [medians[label] for label in targets]
    return [format_number(1.0 if rescaled else length), *map(_percent, (correct, above, correct & above))]


def class_direction_rows(pool: SamplePool, others: SamplePool, images_per_pair: int) -> Iterator[list[str]]:
    """Yield rows: how often adding a direction changes class a into b, by how it was found and how much is added.

    Args:
        pool: images to find directions on.
        others: images to evaluate directions on.
        images_per_pair: number of images that are changed per pair of classes.
    """
    pairs = [(a, b, np.flatnonzero(others.targets == a)[:images_per_pair]) for a, b in class_pairs(pool)]
    targets = np.concatenate([np.full(len(members), b) for _, b, members in pairs])
    latents = np.concatenate([others.latents[members] for *_, members in pairs])
    for name, find in FIND_DIRECTION.items():
        directions = []
        for a, b, members in pairs:
            either = np.isin(pool.targets, (a, b))
            direction = find(pool.latents[either], pool.targets[either] == b, pool.model.random)
            directions.append(np.tile(direction, (len(members), 1)))
        moved = (latents + np.float32(strength) * np.concatenate(directions) for strength in CLASS_STRENGTHS)
        yield [name, *(_percent(SamplePool(pool.model, rows).predicted == targets) for rows in moved)]


def feature_direction_rows(pool: SamplePool, others: SamplePool, feature: str) -> Iterator[list[str]]:
    """Yield rows: how often images keep their class along a feature's direction, and how far the feature shifts.

    Args:
        pool: images to find directions on.
        others: images to evaluate directions on.
        feature: name in `STROKE_FEATURES`.
    """
    high, low = pool.thirds(feature)
    either = high | low
    directions = {
        name: find(pool.latents[either], high[either], pool.model.random) for name, find in FIND_DIRECTION.items()
    }
    if not pool.model.classes:
        directions["difference, orthogonal to the classes'"] = _orthogonal_to_classes(
            pool, directions["difference of means"]
        )
    for name, direction in directions.items():
        cells = (_evaluate_move(others, feature, direction, strength) for strength in FEATURE_STRENGTHS)
        yield [f"{feature}, {name}", *cells]


def _orthogonal_to_classes(pool: SamplePool, direction: np.ndarray) -> np.ndarray:
    """Return a direction without its part along those of the classes, rescaled to its length."""
    from dcgan.sampling.latent_directions import difference_of_means, orthogonal_to

    classes = [difference_of_means(pool.latents, pool.targets == label) for label in np.unique(pool.targets)]
    rest = orthogonal_to(direction, *classes)
    return rest * (np.linalg.norm(direction) / np.linalg.norm(rest))


def _evaluate_move(others: SamplePool, feature: str, direction: np.ndarray, strength: float) -> str:
    """Return how often the class stays, and the feature's shift in standard deviations within a class."""
    moved = SamplePool(others.model, others.latents + np.float32(strength) * direction, others.labels)
    values = STROKE_FEATURES[feature](others.images)
    variances = [values[others.targets == label].var() for label in np.unique(others.targets)]
    deviation = float(np.sqrt(np.mean(variances)))
    shift = (STROKE_FEATURES[feature](moved.images) - values).mean() / deviation
    return f"{_percent(moved.predicted == others.targets)}, {shift:+.2f}"


def _difference_of_means(latents: np.ndarray, positive: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the difference of the groups' means."""
    from dcgan.sampling.latent_directions import difference_of_means

    return difference_of_means(latents, positive)


def _linear_normal(latents: np.ndarray, positive: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the normal of a linear classifier, scaled so that the groups' means are one unit apart along it."""
    from dcgan.sampling.latent_directions import difference_of_means, linear_direction

    normal = linear_direction(latents, positive)
    return normal * (normal @ difference_of_means(latents, positive))


def _random_direction(latents: np.ndarray, positive: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a random direction as long as the difference of means."""
    direction = random.standard_normal(latents.shape[1])
    length = np.linalg.norm(_difference_of_means(latents, positive, random))
    return (direction * (length / np.linalg.norm(direction))).astype(np.float32)


FIND_DIRECTION = {
    "difference of means": _difference_of_means,
    "linear normal": _linear_normal,
    "random": _random_direction,
}
"""Functions that find a direction from latents (N, dim), a mask of the positive ones (N,), and random numbers."""


def ablation_rows(pool: SamplePool, others: SamplePool, layer: str | None) -> Iterator[list[str]]:
    """Yield rows: what remains of a class or stroke and of others without its feature maps, and without random ones.

    Args:
        pool: images to find feature maps on.
        others: images to evaluate the ablation on.
        layer: layer of the feature maps; None for the last hidden layer.
    """
    from dcgan.sampling.feature_ablation import feature_maps, split_generator, weights_by_labels, weights_by_masks

    maps = feature_maps(split_generator(pool.model.generator, layer)[0], pool.rows)
    labels = np.unique(pool.targets)
    ablated_by_class = [weights_by_labels(maps, pool.targets == label) > 0 for label in labels]
    fractions = [
        _ablate(others, ablated, layer, _remaining_accuracy, others.targets == label)
        for label, ablated in zip(labels, ablated_by_class, strict=True)
    ]
    yield ["class (mean of all): fraction that keeps its class", *_mean_cells(fractions)]
    found, evaluated = horizontal_and_vertical_strokes(pool.images), horizontal_and_vertical_strokes(others.images)
    for name, other_name, index, other in (("horizontal", "vertical", 0, 1), ("vertical", "horizontal", 1, 0)):
        ablated = weights_by_masks(maps, found[index], among=found[other]) > 0
        fractions = [
            _ablate(others, ablated, layer, _remaining_ink, evaluated[index], evaluated[other]) for _ in range(3)
        ]
        yield [f"{name} strokes, others {other_name}: ink", *_mean_cells(fractions)]


def _ablate(
    others: SamplePool,
    ablated: np.ndarray,
    layer: str | None,
    measure: Callable[..., list[float]],
    *masks: np.ndarray,
) -> list[float]:
    """Return the fraction of maps ablated, what remains of target and others, and the same for random maps."""
    from dcgan.sampling.feature_ablation import ablate_maps

    model, fractions = others.model, [ablated.mean()]
    for chosen in (ablated, model.random.permutation(ablated)):
        images = generate(ablate_maps(model.generator, chosen, layer), others.rows)
        fractions += measure(others, images, *masks)
    return fractions


def _remaining_accuracy(others: SamplePool, images: np.ndarray, target: np.ndarray) -> list[Any]:
    """Return the fraction of the target class, and of other classes, that keeps its class."""
    kept = others.model.classify(images) == others.targets
    return [kept[target].mean(), kept[~target].mean()]


def _remaining_ink(others: SamplePool, images: np.ndarray, target: np.ndarray, other: np.ndarray) -> list[Any]:
    """Return the fraction of the ink that remains under two masks, bool (N, H, W)."""
    return [images[..., 0][mask].sum() / others.images[..., 0][mask].sum() for mask in (target, other)]


def _mean_cells(fractions: Sequence[Sequence[float]]) -> list[str]:
    """Return the mean of each column in percent."""
    return [f"{mean:.0%}" for mean in np.mean(fractions, axis=0)]


def _percent(correct: np.ndarray) -> str:
    """Return the fraction of True in percent."""
    return f"{np.mean(correct):.1%}"


def report(pool: SamplePool, others: SamplePool, trials: int, images_per_pair: int, layer: str | None) -> Iterator[str]:
    """Yield headings and tables, each as soon as it is measured.

    Args:
        pool: images to choose from and to find directions on.
        others: images to evaluate on.
        trials: as for `arithmetic_rows`.
        images_per_pair: as for `class_direction_rows`.
        layer: as for `ablation_rows`.
    """
    yield "High a - low a + low b: is it classified as b, with a high feature?"
    head = ("", "length / typical", "classified as b", "above the median of b", "both")
    yield markdown_table(head, [row for feature in STROKE_FEATURES for row in arithmetic_rows(pool, feature, trials)])
    if not pool.model.classes:
        yield "Class directions: images of class a that are classified as b, by the multiple of the direction added"
        head = ("", *map(format_number, CLASS_STRENGTHS))
        yield markdown_table(head, class_direction_rows(pool, others, images_per_pair))
    yield (
        "Feature directions: images that keep their class, and the feature's shift in standard deviations within a "
        "class, by the multiple of the direction added"
    )
    head = ("", *(f"{strength:+.0f}" for strength in FEATURE_STRENGTHS))
    rows = [row for feature in STROKE_FEATURES for row in feature_direction_rows(pool, others, feature)]
    yield markdown_table(head, rows)
    yield f"Feature ablation: what remains without the maps of {layer or 'the last hidden layer'} that favor a target"
    head = ("target", "maps ablated", "target", "others", "random maps: target", "random maps: others")
    yield markdown_table(head, ablation_rows(pool, others, layer))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.latent_space`."""
    parser = argument_parser(__doc__)
    add_run_options(parser)
    parser.add_argument("--num", type=int, default=4000, help="number of images to choose from, and to evaluate on")
    parser.add_argument("--trials", type=int, default=10, help="sums per pair of classes")
    parser.add_argument("--images-per-pair", type=int, default=20, help="images changed per pair of classes")
    parser.add_argument("--layer", help="layer whose maps are ablated; the last hidden layer if not given")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    model, description = load_classified_generator(options.run_dir, options.weights, options.seed, options.data_dir)
    pool, others = model.pool(range(options.num)), model.pool(range(options.num, 2 * options.num))
    print(description)
    for part in report(pool, others, options.trials, options.images_per_pair, options.layer):
        print(f"\n{part}", flush=True)
    print(f"\n- seed {options.seed}, {time.monotonic() - start:.0f} s\n{machine.describe()}")


if __name__ == "__main__":
    main()
