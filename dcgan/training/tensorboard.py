"""What TensorBoard is shown of a run: numbers, sample grids, the options, and features of pictures as points."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from dcgan.config import TrainConfig, result_options
from dcgan.core.atomic_io import atomic_write
from dcgan.core.classes import Classes
from dcgan.core.image_range import to_float
from dcgan.data import ImageDataset
from dcgan.data.image_dataset import evenly_spaced
from dcgan.data.transforms import CropResize, crop_and_resize_array
from dcgan.runs import Run
from dcgan.sampling.generation import generate_images
from dcgan.sampling.selection import Selection
from dcgan.visualization import save_png, tile

GROUPS = {
    "d_loss": "loss/discriminator",
    "g_loss": "loss/generator",
    "d_real": "mean of D/real images",
    "d_fake": "mean of D/generated images",
    "frechet_distance": "judged/Fréchet distance",
    "frechet_ratio": "judged/ratio to real images",
    "precision": "judged/precision",
    "recall": "judged/recall",
    "diversity": "judged/diversity",
    "images_per_second": "speed/images per second",
    "seconds": "speed/seconds",
}
"""What a key of the log is called there: what is to be compared stands together, under one heading."""


class TensorBoardWriter:
    """Writes the events of a run. It is a mirror: when it breaks, that is said once, and training goes on without it.

    Args:
        run: whose `tensorboard/` they go to.
        say: shows a line to the person who trains.
    """

    def __init__(self, run: Run, say: Callable[[str], None] = lambda line: print(line, file=sys.stderr)):
        self.run, self.say = run, say
        self._writer = None
        self._broken = False
        self._attempt(self._open)

    def scalars(self, record: Mapping[str, float]) -> None:
        """Show a record of the log."""
        self._attempt(self._write_scalars, record)

    def samples(self, step: int, grid) -> None:
        """Show a grid of samples, uint8 (H, W, C)."""
        self._attempt(self._write_samples, step, grid)

    def options(self, config: TrainConfig) -> None:
        """Show the options that decide the result, so that runs can be compared by them."""
        self._attempt(self._write_options, config)

    def embedding(self, write: Callable[[Path], None]) -> None:
        """Have somebody write what the projector shows into the folder of the events."""
        self._attempt(write, self.run.tensorboard_dir)

    def close(self) -> None:
        """Write what is held back."""
        if self._writer is not None:
            self._attempt(self._writer.close)

    def _attempt(self, work: Callable[..., None], *arguments) -> None:
        """Do some of the work, or give up for good; a full disk is only one of many reasons."""
        if self._broken:
            return
        try:
            work(*arguments)
        except Exception as error:  # of TensorFlow, of a plugin, of the system: the run is worth more than its mirror
            self._broken = True
            self.say(
                f"{self.run.tensorboard_dir} can't be written; training goes on without TensorBoard: {_in_words(error)}"
            )

    def _open(self) -> None:
        import tensorflow as tf

        self._writer = tf.summary.create_file_writer(str(self.run.tensorboard_dir))

    def _write_scalars(self, record: Mapping[str, float]) -> None:
        import tensorflow as tf

        with self._writer.as_default(record["step"]):
            for name, value in record.items():
                if name != "step":
                    tf.summary.scalar(GROUPS.get(name, name), value)

    def _write_samples(self, step: int, grid) -> None:
        import tensorflow as tf

        with self._writer.as_default(step):
            tf.summary.image("samples", grid[None])
        self._writer.flush()

    def _write_options(self, config: TrainConfig) -> None:
        import tensorflow as tf
        from tensorboard.plugins.hparams import summary_v2 as hparams  # its `api` would load Keras' callbacks as well

        given = {name: value for name, value in result_options(config).items() if value is not None}
        with self._writer.as_default(0):
            summary = hparams.hparams_pb(given, trial_id=self.run.path.resolve().name)
            tf.summary.experimental.write_raw_pb(summary.SerializeToString())
        self._writer.flush()


def _in_words(error: Exception) -> str:
    """What an exception says, in a line; without the operations that TensorFlow names around it."""
    text = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", str(getattr(error, "message", None) or error), flags=re.DOTALL)
    return " ".join(text.split())[:200] or type(error).__name__


POINTS = 500
"""Of each kind: the projector's t-SNE stays fluent, and the files stay below 3 MB."""

AXES = 50
"""Principal components that are kept of the features, which may be ten thousands: what t-SNE is usually given."""

THUMBNAIL = 48
"""Pixels a side of a thumbnail, at most."""

_BATCH = 64


class LabeledImages(NamedTuple):
    """Pictures and what is said of them."""

    images: np.ndarray
    """uint8 (N, H, W, C)."""
    kind: str
    """`real_points` or `generated_points`."""
    labels: Sequence[str]
    """The name of its class for each; empty where nobody knows."""
    names: Sequence[str]
    """One a picture: which one it is."""


def write_embedding(folder: Path, discriminator: keras.Model, parts: Sequence[LabeledImages]) -> None:
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
    points = principal_components(discriminator_features(discriminator, images), AXES)
    thumbnails = crop_and_resize_array(images, CropResize(_thumbnail_size(images.shape[1:3]), None, images.shape[3]))
    columns = int(np.ceil(np.sqrt(len(images))))
    save_png(folder / "projector-sprite.png", tile(thumbnails, columns, padding=0))
    _write_text(folder / "projector-points.tsv", ("\t".join(f"{value:.5g}" for value in point) for point in points))
    _write_text(folder / "projector-labels.tsv", _labels(parts))
    _write_text(folder / "projector_config.pbtxt", [_configuration(thumbnails.shape[1:3])])


def real_points(images: ImageDataset) -> LabeledImages:
    """Some of the images a training learns from, evenly from all of them."""
    numbers = evenly_spaced(len(images), min(len(images), POINTS))
    labels = [] if images.labels is None else [images.class_names[label] for label in images.labels[numbers]]
    return LabeledImages(images.images[numbers], "real", labels, [f"image {number}" for number in numbers])


def generated_points(generator: keras.Model, classes: Classes | None) -> LabeledImages:
    """The pictures of the first seeds, each of its own class."""
    asked = Selection(range(POINTS), classes)
    labels = [] if classes is None else [classes.names[label] for _, label in asked.pairs()]
    images = generate_images(generator, asked.rows(generator.inputs[0].shape[-1]))
    return LabeledImages(images, "drawn", labels, [f"seed {seed}" for seed in asked.seeds])


def discriminator_features(discriminator: keras.Model, images: np.ndarray) -> np.ndarray:
    """What the discriminator judges images, uint8 (N, H, W, C), by: float32 (N, D)."""
    network = keras.Model(discriminator.inputs[0], discriminator.get_layer("logit").input)
    starts = range(0, len(images), _BATCH)
    parts = [network(to_float(images[start : start + _BATCH]), training=False) for start in starts]
    return np.concatenate([keras.ops.convert_to_numpy(keras.ops.cast(part, "float32")) for part in parts])


def principal_components(rows: np.ndarray, axes: int) -> np.ndarray:
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


def _labels(parts: Sequence[LabeledImages]) -> list[str]:
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
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
