"""The `explain` command: the images that activate the discriminator's feature maps most, beside their projections."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dcgan import runs
from dcgan.config import ExplainConfig
from dcgan.core.errors import UserError
from dcgan.core.sizes import format_shape
from dcgan.core.transparency import on_white
from dcgan.data.image_dataset import evenly_spaced
from dcgan.data.load import check_options
from dcgan.runs import Run
from dcgan.runs.loading import data_options
from dcgan.sampling.output import check_png_path
from dcgan.sampling.seeds import Seeds, parse_seeds
from dcgan.visualization import save_png
from dcgan.visualization.figures import crop_or_pad, normalize_projections, projection_grid, projection_panel
from dcgan.visualization.grid import MAX_GRID_PIXELS

if TYPE_CHECKING:
    import keras

FOLDER = "explained"
"""Folder of the figures in a run directory."""

BN_IMAGES = 256
"""Number of images from which an untrained network takes its BatchNorm statistics."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What a figure shows.

    Args:
        images: uint8 (N, H, W, C), possibly memory-mapped.
        layer: name of the layer.
        maps: indices of its feature maps.
        networks: the discriminator and possibly an untrained one, by what is added to the label of a feature map.
    """

    images: np.ndarray
    layer: str
    maps: Seeds
    networks: "dict[str, keras.Model]"


def explain(config: ExplainConfig) -> Path:
    """Write a figure of the top activations of feature maps, and print its path.

    For every feature map, the images with the largest activations stand beside the projections from the position of
    that activation to the pixels (Zeiler and Fergus 2014, figure 2). With random weights beside it, six maps of the
    last convolution and guided backpropagation, the figure is the DCGAN paper's figure 5.

    Args:
        config: options of the command.

    Returns:
        The file that was written.

    Raises:
        UserError: there is no such run, checkpoint, layer or feature map, the images don't have the size of the run,
            or the output path exists.
    """
    run = runs.find_run(config.run_dir)
    check_png_path(config.out, config.overwrite)
    parse_maps(config.maps, sys.maxsize)
    check_options(data_options(config, run), "train")
    subject = _load_subject(config, run)
    out = config.out or _default_path(config, run, subject.layer)
    save_png(out, _figure(subject, config), _metadata(config, run, subject))
    images = f"{config.images} {'image' if config.images == 1 else 'images'} each and their {config.rule} projections"
    random = "; on the right the same with random weights" if config.random_weights else ""
    maps = f"{'Map' if len(subject.maps) == 1 else 'Maps'} {subject.maps} of {subject.layer}"
    print(f"{maps}, {images}{random}: {out}")
    return out


def parse_maps(text: str, available: int) -> Seeds:
    """Parse the `--maps` option.

    Args:
        text: a number of feature maps, counted from the first one, or indices and ranges such as `3,5,9-12` or `6-6`.
        available: number of feature maps of the layer.

    Returns:
        Indices of feature maps.

    Raises:
        UserError: the text is neither, or there is no such feature map.
    """
    try:
        maps = parse_seeds(text)
        if text.strip().isdecimal():
            maps = parse_seeds(f"0-{min(maps[0], available) - 1}")
    except UserError as error:
        raise UserError(f"--maps {text} names no feature maps.", "Examples: 6 for the first 6, or 3,5,9-12.") from error
    if maps.largest >= available:
        hint = f"The layer has {available} feature maps: 0 to {available - 1}."
        raise UserError(f"--maps {text}: there is no feature map {maps.largest}.", hint)
    return maps


def _load_subject(config: ExplainConfig, run: Run) -> Subject:
    """Import TensorFlow, and load the networks and the images."""
    from dcgan.core.imports import import_tensorflow

    import_tensorflow()
    from dcgan import data
    from dcgan.core import devices
    from dcgan.interpretation.deconvnet import check_supported
    from dcgan.networks.submodel import layers_to, resolve_layer
    from dcgan.runs.loading import load_discriminator

    devices.configure_tensorflow(seed=0, device=config.device)  # random weights have a seed of their own
    devices.check_gpus()
    shape = run.load_generator().output_shape[1:]
    network = load_discriminator(run, shape[:2], shape[2])
    layer = resolve_layer(network, config.layer)
    maps = parse_maps(config.maps, check_supported(layers_to(network, layer))[-1].output.shape[-1])
    images = data.load(data_options(config, run, shape)).images
    if images.shape[1:] != shape:
        sizes = f"{format_shape(images.shape[1:])} and {format_shape(shape)}"
        raise UserError(f"Images and discriminator differ in size: {sizes}.", "Leave out --image-size and --channels.")
    networks = {"": network}
    if config.random_weights:
        networks[", random weights"] = _untrained_network(run, images, config.seed)
    return Subject(images, layer, maps, networks)


def _untrained_network(run: Run, images: np.ndarray, seed: int) -> "keras.Model":
    """Build the run's discriminator with random weights, and with BatchNorm statistics of the data."""
    from dcgan.core.rng import derived_seed
    from dcgan.deconvolution.fcn import recompute_bn_statistics
    from dcgan.runs.loading import build_untrained_discriminator

    network = build_untrained_discriminator(
        run, images.shape[1:3], images.shape[3], derived_seed(seed, "random weights")
    )
    recompute_bn_statistics(network, images[evenly_spaced(len(images), min(len(images), BN_IMAGES))])
    return network


def _figure(subject: Subject, config: ExplainConfig) -> np.ndarray:
    """Arrange the panels: one per feature map, or rows of two with random weights; uint8 (height, width, C)."""
    columns = [_panels(subject, network, suffix, config) for suffix, network in subject.networks.items()]
    panels = [panel for row in zip(*columns, strict=True) for panel in row]
    if sum(panel.shape[0] * panel.shape[1] for panel in panels) > MAX_GRID_PIXELS:
        raise UserError("These are too many images for one figure.", "Use fewer --maps or --images.")
    return projection_grid(panels, len(columns) if len(columns) > 1 else None)


def _panels(subject: Subject, network: "keras.Model", suffix: str, config: ExplainConfig) -> list[np.ndarray]:
    """The panels of a network, one per feature map."""
    from dcgan.interpretation.top_activations import find_top_activations

    top = find_top_activations(network, subject.layer, subject.maps, subject.images, config.images)
    return [
        feature_panel(
            network,
            subject.layer,
            feature,
            subject.images[indices],
            positions,
            caption=f"map {feature}{suffix}",
            rule=config.rule,
            whole=config.whole,
        )
        for feature, indices, positions in zip(subject.maps, top.indices, top.positions, strict=True)
    ]


def feature_panel(
    network: "keras.Model",
    layer: str,
    feature: int,
    images: np.ndarray,
    positions: np.ndarray,
    *,
    caption: str = "",
    rule: str = "guided",
    whole: bool = False,
) -> np.ndarray:
    """Return the panel of a feature map: images that activate it, beside the projections of their activations.

    Args:
        network: a discriminator.
        layer: name of a layer.
        feature: index of a feature map of the layer.
        images: uint8 (N, H, W, C), those with the largest activations.
        positions: int64 (N,), where in the feature map the activations are; see `TopActivations`.
        caption: text above the panel.
        rule: a key of `dcgan.interpretation.deconvnet.RULES`.
        whole: show whole images instead of the receptive field.

    Returns:
        uint8 (height, width, C).
    """
    from dcgan.core.image_range import to_float
    from dcgan.interpretation.deconvnet import receptive_field, record_forward

    record = record_forward(network, to_float(images), layer)
    signal = record.unit_signal(feature, positions)
    projections = normalize_projections(record.project(signal, rule).numpy())
    if images.shape[3] == 4:  # transparency would hide what it shows
        images, projections = on_white(images), projections[..., :3]
    if whole:
        return projection_panel(caption, list(images), list(projections))
    fields = [receptive_field(record, position) for position in positions]
    return projection_panel(
        caption,
        [crop_or_pad(image, *field) for image, field in zip(images, fields, strict=True)],
        [crop_or_pad(projection, *field) for projection, field in zip(projections, fields, strict=True)],
    )


def _default_path(config: ExplainConfig, run: Run, layer: str) -> Path:
    """The file in the run directory, named after the layer and the rule."""
    random = "-and-random" if config.random_weights else ""
    return run.output_dir / FOLDER / f"{layer}-{config.rule}{random}.png"


def _metadata(config: ExplainConfig, run: Run, subject: Subject) -> dict[str, str]:
    """Text that the PNG file holds about its origin."""
    text = {"Software": "dcgan", "Run": run.name, "Layer": subject.layer, "Maps": str(subject.maps)}
    return text | {"Rule": config.rule} | ({"Random seed": str(config.seed)} if config.random_weights else {})
