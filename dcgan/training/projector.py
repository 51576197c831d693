"""Real and drawn pictures as points for TensorBoard's projector: where the discriminator's features put them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from dcgan.classes import Classes
from dcgan.data import ImageSet
from dcgan.data.imageset import evenly
from dcgan.data.pixels import Cut, cut_array
from dcgan.files import whole_file
from dcgan.pictures import save_png, tile
from dcgan.sampling.asked import Asked
from dcgan.sampling.draw import draw_all
from dcgan.scaling import to_float

POINTS = 500
"""Of each kind: the projector's t-SNE stays fluent, and the files stay below 3 MB."""

AXES = 50
"""Principal components that are kept of the features, which may be ten thousands: what t-SNE is usually given."""

THUMBNAIL = 48
"""Pixels a side of a thumbnail, at most."""

_BATCH = 64


class Marked(NamedTuple):
    """Pictures and what is said of them."""

    images: np.ndarray
    """uint8 (N, H, W, C)."""
    kind: str
    """`real` or `drawn`."""
    labels: Sequence[str]
    """The name of its class for each; empty where nobody knows."""
    names: Sequence[str]
    """One a picture: which one it is."""


def write_embedding(folder: Path, discriminator: keras.Model, parts: Sequence[Marked]) -> None:
    """Write what `tensorboard --logdir` shows under Projector.

    Args:
        folder: of the run's events; a configuration, a table of points, one of labels, and a sprite are put there.
        discriminator: as `dcgan.networks.build_discriminator` makes it. Its features are what it judges by: the hidden
            layer's, or without one the last maps, flattened.
        parts: pictures of one shape, such as real and drawn ones.

    Raises:
        UserError: a file can't be written.
    """
    images = np.concatenate([part.images for part in parts])
    points = principal(features(discriminator, images), AXES)
    thumbnails = cut_array(images, Cut(_thumbnail_size(images.shape[1:3]), None, images.shape[3]))
    columns = int(np.ceil(np.sqrt(len(images))))
    save_png(folder / "projector-sprite.png", tile(thumbnails, columns, padding=0))
    _write_text(folder / "projector-points.tsv", ("\t".join(f"{value:.5g}" for value in point) for point in points))
    _write_text(folder / "projector-labels.tsv", _labels(parts))
    _write_text(folder / "projector_config.pbtxt", [_configuration(thumbnails.shape[1:3])])


def real(images: ImageSet) -> Marked:
    """Some of the images a training learns from, evenly from all of them."""
    numbers = evenly(len(images), min(len(images), POINTS))
    labels = [] if images.labels is None else [images.class_names[label] for label in images.labels[numbers]]
    return Marked(images.images[numbers], "real", labels, [f"image {number}" for number in numbers])


def drawn(generator: keras.Model, classes: Classes | None) -> Marked:
    """The pictures of the first seeds, each of its own class."""
    asked = Asked(range(POINTS), classes)
    labels = [] if classes is None else [classes.names[label] for _, label in asked.pairs()]
    images = draw_all(generator, asked.rows(generator.inputs[0].shape[-1]))
    return Marked(images, "drawn", labels, [f"seed {seed}" for seed in asked.seeds])


def features(discriminator: keras.Model, images: np.ndarray) -> np.ndarray:
    """What the discriminator judges images, uint8 (N, H, W, C), by: float32 (N, D)."""
    network = keras.Model(discriminator.inputs[0], discriminator.get_layer("judge").input)
    starts = range(0, len(images), _BATCH)
    parts = [network(to_float(images[start : start + _BATCH]), training=False) for start in starts]
    return np.concatenate([keras.ops.convert_to_numpy(keras.ops.cast(part, "float32")) for part in parts])


def principal(rows: np.ndarray, axes: int) -> np.ndarray:
    """Rows (N, D) along their principal components, the one of most variance first: float64 (N, at most `axes`).

    Distances between rows are kept as far as so many axes can.
    """
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    squares, directions = np.linalg.eigh(centred @ centred.T)  # fewer rows than columns; the largest comes last
    return (directions * np.sqrt(np.maximum(squares, 0.0)))[:, : -axes - 1 : -1]


def _thumbnail_size(size: tuple[int, int]) -> tuple[int, int]:
    """A picture's size, shrunk so that neither side is larger than a thumbnail's."""
    shrink = min(1.0, THUMBNAIL / max(size))
    return tuple(max(1, round(side * shrink)) for side in size)


def _labels(parts: Sequence[Marked]) -> list[str]:
    """The lines of the table that says what each point is."""
    classes = any(len(part.labels) for part in parts)
    lines = ["\t".join(["kind", "class", "kind and class", "picture"] if classes else ["kind", "picture"])]
    for part in parts:
        for index, name in enumerate(part.names):
            label = _plain(part.labels[index]) if len(part.labels) else "?"
            cells = [part.kind, label, f"{part.kind} {label}", name] if classes else [part.kind, name]
            lines.append("\t".join(cells))
    return lines


def _plain(name: str) -> str:
    """A class's name without what would end a cell."""
    return " ".join(name.split()) or "?"


def _configuration(size: tuple[int, int]) -> str:
    """What the projector reads first; paths are relative to it."""
    from google.protobuf import text_format
    from tensorboard.plugins.projector import ProjectorConfig

    config = ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = "what the discriminator sees"
    embedding.tensor_path, embedding.metadata_path = "projector-points.tsv", "projector-labels.tsv"
    embedding.sprite.image_path = "projector-sprite.png"
    embedding.sprite.single_image_dim.extend([size[1], size[0]])
    return text_format.MessageToString(config)


def _write_text(path: Path, lines) -> None:
    with whole_file(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
