"""TensorBoard events of a run: scalars, sample grids, hyperparameters, and features of images for the projector."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from dcgan.config import ResolvedTrainConfig, result_options
from dcgan.core.atomic_io import atomic_write
from dcgan.core.classes import Classes
from dcgan.core.image_range import to_float
from dcgan.core.transparency import on_white
from dcgan.data import ImageDataset
from dcgan.data.image_dataset import evenly_spaced
from dcgan.data.transforms import CropResize, crop_and_resize_array
from dcgan.runs import Run
from dcgan.sampling.generation import generate_images, input_widths
from dcgan.sampling.selection import Selection
from dcgan.visualization import save_png, tile

TAGS = {
    "d_loss": "loss/discriminator",
    "g_loss": "loss/generator",
    "d_real": "mean of D/real images",
    "d_fake": "mean of D/generated images",
    "d_sign": "augmentation/mean sign of the logits",
    "augment_probability": "augmentation/probability",
    "frechet_distance": "evaluation/Fréchet distance",
    "frechet_ratio": "evaluation/ratio to real images",
    "precision": "evaluation/precision",
    "recall": "evaluation/recall",
    "diversity": "evaluation/diversity",
    "images_per_second": "speed/images per second",
    "seconds": "speed/seconds",
}
"""TensorBoard tag of each key of the log; tags with one prefix share a section."""


class TensorBoardWriter:
    """Writes the events of a run. When writing fails, that is reported once, and training continues without it.

    Args:
        run: the events go to its `tensorboard/`.
        say: prints a line for the user.
    """

    def __init__(self, run: Run, say: Callable[[str], None] = lambda line: print(line, file=sys.stderr)):
        self.run, self.say = run, say
        self._writer: Any = None
        self._broken = False
        self._attempt(self._open)

    def scalars(self, record: Mapping[str, float]) -> None:
        """Write a record of the log."""
        self._attempt(self._write_scalars, record)

    def samples(self, step: int, grid: np.ndarray) -> None:
        """Write a grid of samples, uint8 (H, W, C).

        Args:
            step: number of the step that the samples were generated after.
            grid: the samples.
        """
        self._attempt(self._write_samples, step, grid)

    def options(self, config: ResolvedTrainConfig) -> None:
        """Write the options that change the result as hyperparameters, so that runs can be compared by them."""
        self._attempt(self._write_options, config)

    def embedding(self, write: Callable[[Path], None]) -> None:
        """Call `write` with the folder of the events, to add what the projector shows."""
        self._attempt(write, self.run.tensorboard_dir)

    def close(self) -> None:
        """Write what is buffered and close the file."""
        if self._writer is not None:
            self._attempt(self._writer.close)

    def _attempt(self, work: Callable[..., None], *arguments: Any) -> None:
        """Call `work`, or give up for good when it fails; a full disk is only one of many reasons."""
        if self._broken:
            return
        try:
            work(*arguments)
        except Exception as error:  # whatever fails in TensorFlow, a plugin or the system must not end training
            self._broken = True
            folder = self.run.tensorboard_dir
            self.say(f"{folder} can't be written; training continues without TensorBoard: {_message(error)}")

    def _open(self) -> None:
        import tensorflow as tf

        self._writer = tf.summary.create_file_writer(str(self.run.tensorboard_dir))

    def _write_scalars(self, record: Mapping[str, float]) -> None:
        import tensorflow as tf

        with self._writer.as_default(record["step"]):
            for name, value in record.items():
                if name != "step":
                    tf.summary.scalar(TAGS.get(name, name), value)

    def _write_samples(self, step: int, grid: np.ndarray) -> None:
        import tensorflow as tf

        with self._writer.as_default(step):
            tf.summary.image("samples", on_white(grid)[None])
        self._writer.flush()

    def _write_options(self, config: ResolvedTrainConfig) -> None:
        import tensorflow as tf
        from tensorboard.plugins.hparams import summary_v2 as hparams  # its `api` would load Keras' callbacks as well

        given = {name: value for name, value in result_options(config).items() if value is not None}
        with self._writer.as_default(0):
            summary = hparams.hparams_pb(given, trial_id=self.run.path.resolve().name)
            tf.summary.experimental.write_raw_pb(summary.SerializeToString())
        self._writer.flush()


def _message(error: Exception) -> str:
    """Return an exception's message in one line, without the operations that TensorFlow names around it."""
    text = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", str(getattr(error, "message", None) or error), flags=re.DOTALL)
    return " ".join(text.split())[:200] or type(error).__name__


NUM_POINTS = 500
"""Real images in the projector, and as many generated ones: its t-SNE stays fluent, and the files stay below 3 MB."""

NUM_COMPONENTS = 50
"""Principal components kept of the features, of which there may be tens of thousands; the usual input of t-SNE."""

THUMBNAIL_SIZE = 48
"""Largest side of a thumbnail in pixels."""

_BATCH_SIZE = 64


class LabeledImages(NamedTuple):
    """Images and what the projector shows about them."""

    images: np.ndarray
    """uint8 (N, H, W, C)."""
    source: str
    """`real` or `generated`."""
    class_names: Sequence[str]
    """The class of each image; empty where it is unknown."""
    names: Sequence[str]
    """The name of each image."""


def write_embedding(folder: Path, discriminator: keras.Model, parts: Sequence[LabeledImages]) -> None:
    """Write what `tensorboard --logdir` shows under Projector: the discriminator's features of images, as points.

    Args:
        folder: of the run's events; a configuration, a table of points, one of labels and a sprite are written there.
        discriminator: as `dcgan.networks.build_discriminator` builds it. The features are the inputs of its logit: the
            hidden layer's outputs, or without one the last feature maps, flattened.
        parts: images of one shape, such as real and generated ones.

    Raises:
        UserError: a file can't be written.
    """
    images = np.concatenate([part.images for part in parts])
    points = principal_components(discriminator_features(discriminator, images), NUM_COMPONENTS)
    shown = on_white(images)
    crop = CropResize(_thumbnail_size((images.shape[1], images.shape[2])), None, shown.shape[3])
    thumbnails = crop_and_resize_array(shown, crop)
    columns = int(np.ceil(np.sqrt(len(images))))
    save_png(folder / "projector-sprite.png", tile(thumbnails, columns, padding=0))
    _write_lines(folder / "projector-points.tsv", ("\t".join(f"{value:.5g}" for value in point) for point in points))
    _write_lines(folder / "projector-labels.tsv", _label_table(parts))
    _write_lines(folder / "projector_config.pbtxt", [_projector_config((thumbnails.shape[1], thumbnails.shape[2]))])


def real_points(dataset: ImageDataset) -> LabeledImages:
    """Return images of the training data, evenly spaced over all of it."""
    indices = evenly_spaced(len(dataset), min(len(dataset), NUM_POINTS))
    class_names = [] if dataset.labels is None else [dataset.class_names[label] for label in dataset.labels[indices]]
    return LabeledImages(dataset.images[indices], "real", class_names, [f"image {index}" for index in indices])


def generated_points(generator: keras.Model, classes: Classes | None) -> LabeledImages:
    """Return the images of the first seeds, each in its seed's own class.

    Args:
        generator: as for `dcgan.sampling.generation.generate_batches`.
        classes: of a conditional run.
    """
    selection = Selection(range(NUM_POINTS), classes)
    class_names = []
    if classes is not None:
        class_names = [classes.names[label] for _, label in selection.pairs() if label is not None]
    images = generate_images(generator, selection.rows(input_widths(generator)[0]))
    return LabeledImages(images, "generated", class_names, [f"seed {seed}" for seed in selection.seeds])


def discriminator_features(discriminator: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the inputs of the discriminator's logit for images, uint8 (N, H, W, C): float32 (N, D).

    Args:
        discriminator: a discriminator with a layer `logit`.
        images: images of its size.
    """
    network = keras.Model(discriminator.inputs[0], discriminator.get_layer("logit").input)
    starts = range(0, len(images), _BATCH_SIZE)
    parts = [network(to_float(images[start : start + _BATCH_SIZE]), training=False) for start in starts]
    return np.concatenate([np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(part, "float32"))) for part in parts])


def principal_components(rows: np.ndarray, count: int) -> np.ndarray:
    """Return rows (N, D) in terms of their first principal components: float64 (N, at most `count`).

    Distances between rows are kept as well as so many components can.

    Args:
        rows: points in D dimensions.
        count: largest number of components, at least 1.
    """
    centered = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    # Of the smaller of the two matrices of products; the largest eigenvalue comes last.
    if centered.shape[1] < len(centered):
        _, axes = np.linalg.eigh(centered.T @ centered)
        return centered @ axes[:, : -count - 1 : -1]
    squares, directions = np.linalg.eigh(centered @ centered.T)
    return (directions * np.sqrt(np.maximum(squares, 0.0)))[:, : -count - 1 : -1]


def _thumbnail_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return an image's size, reduced so that neither side exceeds a thumbnail's."""
    scale = min(1.0, THUMBNAIL_SIZE / max(size))
    height, width = (max(1, round(side * scale)) for side in size)
    return height, width


def _label_table(parts: Sequence[LabeledImages]) -> list[str]:
    """Return the lines of the table that says what each point is."""
    has_classes = any(len(part.class_names) for part in parts)
    header = ["source", "class", "source and class", "image"] if has_classes else ["source", "image"]
    lines = ["\t".join(header)]
    for part in parts:
        for index, name in enumerate(part.names):
            class_name = " ".join(part.class_names[index].split()) or "?" if len(part.class_names) else "?"
            cells = (
                [part.source, class_name, f"{part.source} {class_name}", name] if has_classes else [part.source, name]
            )
            lines.append("\t".join(cells))
    return lines


def _projector_config(size: tuple[int, int]) -> str:
    """Return what the projector reads first; its paths are relative to it."""
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import (
        ProjectorConfig,  # pyright: ignore[reportAttributeAccessIssue] generated by protobuf
    )

    config = ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = "discriminator features"
    embedding.tensor_path, embedding.metadata_path = "projector-points.tsv", "projector-labels.tsv"
    embedding.sprite.image_path = "projector-sprite.png"
    embedding.sprite.single_image_dim.extend([size[1], size[0]])
    return text_format.MessageToString(config)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
