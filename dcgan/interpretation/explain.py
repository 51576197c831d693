"""The command that explains: what a feature map of the discriminator responds to, beside its projections."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcgan import runs
from dcgan.config import ExplainConfig
from dcgan.core.errors import UserError
from dcgan.data.image_dataset import evenly_spaced
from dcgan.runs import Run
from dcgan.sampling.output_path import check_png_path
from dcgan.sampling.seeds import Seeds, parse_seeds
from dcgan.sampling.writers import MOST_PIXELS
from dcgan.visualization import save_png
from dcgan.visualization.figures import cut_out, normalize_projections, projection_grid, projection_panel

FOLDER = "explained"
"""Where sheets lie in a run directory."""

SETTLING_IMAGES = 256
"""Of the data set, from which a random network takes its BatchNorm statistics."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What is explained.

    Args:
        images: uint8 (N, H, W, C), perhaps memory-mapped.
        layer: the name of one.
        maps: which of its feature maps.
        networks: by what is added to a label, the discriminator and perhaps one of random weights.
    """

    images: np.ndarray
    layer: str
    maps: Seeds
    networks: dict


def explain(config: ExplainConfig) -> Path:
    """Draw the sheet that the options ask for, and say in one line where it is.

    For every feature map, the images that excite it most stand beside what the chosen rule projects from the place
    where they do (Zeiler and Fergus 2014, figure 2). With random weights beside it, six maps of the last convolution
    and guided backpropagation, the sheet is the DCGAN paper's figure 5.

    Args:
        config: every option; see `ExplainConfig`.

    Returns:
        The file that was written.

    Raises:
        UserError: no such run, state, layer or map, images that don't fit, or a place that is taken.
    """
    run = runs.find_run(config.run_dir)
    check_png_path(config.out, config.overwrite)
    subject = _subject(config, run)
    out = config.out or _default(config, run, subject.layer)
    save_png(out, _draw(subject, config), _notes(config, run, subject))
    random = "; on the right the same with random weights" if config.random_weights else ""
    what = f"{_counted(config.images, 'image')} each and their {config.rule} projections{random}"
    print(f"Map{'s' * (len(subject.maps) > 1)} {subject.maps} of {subject.layer}, {what}: {out}")
    return out


def parse_maps(text: str, available: int) -> Seeds:
    """Read which feature maps a person means.

    Args:
        text: a number for the first so many, or numbers and ranges parted by commas or dashes, as `3,5,9-12` or `6-6`.
        available: how many there are.

    Raises:
        UserError: it is neither, or there is no such map.
    """
    try:
        maps = parse_seeds(text) if not text.strip().isdecimal() else _first(int(text), available)
    except UserError as error:
        raise UserError(f"--maps {text} names no maps.", "Examples: 6 for the first six, or 3,5,9-12.") from error
    if max(maps) >= available:
        raise UserError(f"There is no map {max(maps)}.", f"The layer has {available}: 0 to {available - 1}.")
    return maps


def _first(count: int, available: int) -> Seeds:
    return parse_seeds(f"0-{min(count, available) - 1}")


def _subject(config: ExplainConfig, run: Run) -> Subject:
    """Load the networks and the images; TensorFlow is imported here, quietly."""
    from dcgan.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    from dcgan import data
    from dcgan.core import devices
    from dcgan.interpretation.deconvnet import checked
    from dcgan.networks.submodel import layers_to, resolve_layer
    from dcgan.runs.loading import data_options, load_discriminator

    devices.configure_tensorflow(seed=0)  # whatever is drawn has a seed of its own
    shape = run.load_generator().output_shape[1:]
    network = load_discriminator(run, shape[:2], shape[2])
    layer = resolve_layer(network, config.layer)
    maps = parse_maps(config.maps, checked(layers_to(network, layer))[-1].output.shape[-1])
    images = data.load(data_options(config, run, shape)).images
    if images.shape[1:] != shape:
        sizes = " and ".join("x".join(map(str, each)) for each in (images.shape[1:], shape))
        raise UserError(f"Images and discriminator differ in size: {sizes}.", "Leave out --image-size and --channels.")
    networks = {"": network}
    if config.random_weights:
        networks[", random weights"] = _random(run, images, config.seed)
    return Subject(images, layer, maps, networks)


def _random(run: Run, images: np.ndarray, seed: int):
    """The run's discriminator as it might have begun, with BatchNorm statistics of the data, as the trained one has."""
    from dcgan.core.rng import derived_seed
    from dcgan.deconvolution.bn_statistics import recompute_bn_statistics
    from dcgan.runs.loading import build_untrained_discriminator

    network = build_untrained_discriminator(
        run, images.shape[1:3], images.shape[3], derived_seed(seed, "random weights")
    )
    recompute_bn_statistics(network, images[evenly_spaced(len(images), min(len(images), SETTLING_IMAGES))])
    return network


def _draw(subject: Subject, config: ExplainConfig) -> np.ndarray:
    """The whole sheet: a block a map, or a row of two with random weights; uint8 (height, width, C)."""
    columns = [_blocks(subject, network, addition, config) for addition, network in subject.networks.items()]
    blocks = [each for row in zip(*columns, strict=True) for each in row]
    if sum(each.shape[0] * each.shape[1] for each in blocks) > MOST_PIXELS:
        raise UserError("These are too many pictures for one sheet.", "Take fewer --maps or --images.")
    return projection_grid(blocks, len(columns) if len(columns) > 1 else None)


def _blocks(subject: Subject, network, addition: str, config: ExplainConfig) -> list[np.ndarray]:
    """A network's blocks, one a map."""
    from dcgan.interpretation.top_activations import find_top_activations

    found = find_top_activations(network, subject.layer, subject.maps, subject.images, config.images)
    return [
        projection_panel(f"map {feature}{addition}", *_pictures(subject, network, feature, numbers, places, config))
        for feature, numbers, places in zip(subject.maps, found.images, found.places, strict=True)
    ]


def _pictures(
    subject: Subject, network, feature: int, numbers: np.ndarray, places: np.ndarray, config: ExplainConfig
) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray]]:
    """A map's images and their projections, cut to what the unit sees unless they are wanted whole."""
    from dcgan.core.image_range import to_float
    from dcgan.interpretation.deconvnet import record
    from dcgan.interpretation.receptive_field import receptive_field

    images = subject.images[numbers]
    recording = record(network, to_float(images), subject.layer)
    projections = normalize_projections(recording.project(recording.units(feature, places), config.rule).numpy())
    if config.whole:
        return images, projections
    fields = [receptive_field(recording, place) for place in places]
    return tuple(
        [cut_out(picture, *field) for picture, field in zip(side, fields, strict=True)]
        for side in (images, projections)
    )


def _default(config: ExplainConfig, run: Run, layer: str) -> Path:
    """A name that says what is in it."""
    random = "-and-random" if config.random_weights else ""
    return run.path / FOLDER / f"{layer}-{config.rule}{random}.png"


def _notes(config: ExplainConfig, run: Run, subject: Subject) -> dict[str, str]:
    """What the sheet's file says about where it is from."""
    notes = {"Software": "dcgan", "Run": run.path.resolve().name, "Layer": subject.layer, "Maps": str(subject.maps)}
    return notes | {"Rule": config.rule} | ({"Random seed": str(config.seed)} if config.random_weights else {})


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
