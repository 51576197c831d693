"""How the generator builds an image: the feature maps of each stage, shown as images of, say, 7, 14 and 28 pixels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.runs import Run
from dcgan.sampling.generation import generate_images, input_widths, split_inputs
from dcgan.sampling.latents import latents
from dcgan.sampling.selection import Selection, select
from dcgan.visualization import tile

BATCH_SIZE = 16
"""Latents per forward pass that returns the maps of all stages: those of 224 pixels are large."""

PERCENTILES = (1, 99)
"""Percentiles of the values of a stage that become black and white."""


@dataclass(frozen=True)
class MapProjection:
    """Linear projection of the many maps of a stage to the few channels of an image.

    Args:
        mean: mean of each map, float64 (maps,).
        axes: directions in the space of the maps, float64 (maps, channels).
        low: value that becomes black, float64 (channels,).
        high: value that becomes white, float64 (channels,).
        opaque: whether a channel of transparency is added, which is 255.
    """

    mean: np.ndarray
    axes: np.ndarray
    low: np.ndarray
    high: np.ndarray
    opaque: bool = False

    def __call__(self, maps: np.ndarray) -> np.ndarray:
        """Project maps (N, H, W, maps) to uint8 (N, H, W, channels)."""
        span = np.where(self.high > self.low, self.high - self.low, 1.0)
        intensity = ((maps - self.mean) @ self.axes - self.low) / span
        pixels = np.round(255 * np.clip(intensity, 0.0, 1.0)).astype(np.uint8)
        return np.pad(pixels, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=255) if self.opaque else pixels


class Stages:
    """The stages of a generator as images.

    A stage is shown by the principal components of its maps after BatchNorm and ReLU: one for a grayscale image; three,
    as red, green and blue, for a color image, opaque where images have transparency. The sign of each is chosen so that
    it correlates with the brightness of the final image. Components and percentiles are computed from the first seeds,
    so that image n belongs to seed n here as well, and images of one stage are comparable.

    Args:
        generator: as built by `dcgan.networks.build_generator`, with any upsampling, conditional or not.

    Raises:
        UserError: the generator has no such stages.
    """

    def __init__(self, generator: keras.Model):
        self.generator, outputs = generator, _stage_outputs(generator)
        self.sizes: list[tuple[int, int]] = [tuple(output.shape[1:3]) for output in outputs]
        """Height and width of each stage, the final image last."""
        self.sizes.append(tuple(generator.output_shape[1:3]))
        self._to_maps = keras.Model(generator.input, outputs)
        rows = _reference_rows(generator)
        final = generate_images(generator, rows)
        self._projections = [_fit_projection(maps, final) for maps in self._maps(rows)]

    def images(self, rows: Iterable[np.ndarray]) -> np.ndarray:
        """Return every stage of some images, each magnified to the size of the final image.

        Args:
            rows: generator inputs, float32 (N, dim), with classes (N, dim + classes).

        Returns:
            uint8 array of shape (N, stages + 1, H, W, C). The last image of each row is the final one, the same as that
            of `generate_images`.
        """
        rows = np.array(list(rows), np.float32)
        final = generate_images(self.generator, rows)
        batches = [rows[start : start + BATCH_SIZE] for start in range(0, len(rows), BATCH_SIZE)]
        projected = [[p(maps) for p, maps in zip(self._projections, self._maps(b), strict=True)] for b in batches]
        stages = (np.concatenate(stage) for stage in zip(*projected, strict=True))
        return np.stack([*(_magnify_to(stage, final.shape[1:3]) for stage in stages), final], axis=1)

    def _maps(self, rows: np.ndarray) -> list[np.ndarray]:
        """The maps of each stage for at most `BATCH_SIZE` rows, always in a forward pass of `BATCH_SIZE`."""
        padded = tf.constant(np.pad(rows, ((0, BATCH_SIZE - len(rows)), (0, 0))))
        maps = self._to_maps(split_inputs(self.generator, padded), training=False)
        maps = maps if isinstance(maps, list) else [maps]
        return [np.asarray(tf.cast(stage, tf.float32))[: len(rows)] for stage in maps]


def stage_count(generator: keras.Model) -> int:
    """Return the number of stages of a generator, including the final image.

    Raises:
        UserError: as for `Stages`.
    """
    return len(_stage_outputs(generator)) + 1


def stage_images(generator: keras.Model, rows: Iterable[np.ndarray]) -> np.ndarray:
    """Return the stages of a generator's images.

    Args:
        generator: as for `Stages`.
        rows: as for `Stages.images`.

    Returns:
        uint8 array of shape (N, stages + 1, H, W, C), as `Stages.images` returns it.
    """
    return Stages(generator).images(rows)


def compare_stages(
    runs: Sequence[Run], seeds: Sequence[int] = range(4), label: str | None = None, weights: str = "ema"
) -> np.ndarray:
    """Return one grid of the stages of several runs, such as trainings with different upsampling.

    Args:
        runs: runs with images of the same size.
        seeds: which images.
        label: for conditional runs, the name or number of a class; by default the label of each seed.
        weights: as for `Run.load_generator`.

    Returns:
        uint8 array of shape (height, width, C): for each seed one row per run, in the order of the runs, with one
        column per stage.

    Raises:
        UserError: a run has no generator or no such class, or the image sizes differ.
    """
    return compared_stage_grid([(run.load_generator(weights), select(seeds, label, run.classes())) for run in runs])


def compared_stage_grid(generators: Sequence[tuple[keras.Model, Selection]]) -> np.ndarray:
    """Return one grid of the stages of several generators.

    Args:
        generators: generators with their selections, which have the same number of images.

    Returns:
        The same grid as `compare_stages`.

    Raises:
        UserError: the image sizes differ.
    """
    stages = [stage_images(model, selection.rows(input_widths(model)[0])) for model, selection in generators]
    if len({images.shape for images in stages}) != 1:
        raise UserError("Only runs of the same image size can be compared.", "Choose runs of the same --image-size.")
    return stage_grid(np.stack(stages, axis=1).reshape(-1, *stages[0].shape[1:]))


def stage_grid(images: np.ndarray) -> np.ndarray:
    """Return a grid of images (N, stages, H, W, C) with one row per image and one column per stage."""
    return tile(images.reshape(-1, *images.shape[2:]), columns=images.shape[1])


def _stage_outputs(generator: keras.Model) -> list[Any]:
    """The outputs of the hidden stages, (N, h, w, maps) each."""
    outputs: list[Any] = [layer.output for layer in generator.layers if isinstance(layer, keras.layers.ReLU)]
    if not outputs or any(len(output.shape) != 4 for output in outputs):
        raise UserError("The generator has no stages to show. Each stage must end in a ReLU layer of feature maps.")
    return outputs


def _reference_rows(generator: keras.Model) -> np.ndarray:
    """The generator inputs of the first seeds; with classes, in one class after the other."""
    dim, *classes = input_widths(generator)
    one_hot = [np.eye(count, dtype=np.float32)[np.arange(BATCH_SIZE) % count] for count in classes]
    return np.concatenate([latents(range(BATCH_SIZE), dim), *one_hot], axis=1)


def _fit_projection(maps: np.ndarray, images: np.ndarray) -> MapProjection:
    """The principal components of maps (N, h, w, maps), with signs that follow the final images (N, H, W, C)."""
    pixels = maps.reshape(-1, maps.shape[3]).astype(np.float64)
    mean = pixels.mean(axis=0)
    _, axes = np.linalg.eigh((pixels - mean).T @ (pixels - mean))  # in ascending order of the eigenvalues
    axes = axes[:, [-min(rank, axes.shape[1]) for rank in range(1, min(images.shape[3], 3) + 1)]]
    components = (pixels - mean) @ axes
    axes = axes * np.where(_brightness(images, maps.shape[1:3]) @ components < 0, -1.0, 1.0)
    low, high = np.percentile((pixels - mean) @ axes, PERCENTILES, axis=0)
    return MapProjection(mean, axes, low, high, images.shape[3] == 4)


def _brightness(images: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """The brightness of the images minus its mean, averaged to a smaller size: float64 (N * h * w,)."""
    count, height, width, _ = images.shape
    blocks = images.reshape(count, size[0], height // size[0], size[1], width // size[1], -1)
    brightness = blocks.mean(axis=(2, 4, 5)).reshape(-1)
    return brightness - brightness.mean()


def _magnify_to(stage: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Images (N, h, w, C) with every pixel repeated to fill `size`."""
    return stage.repeat(size[0] // stage.shape[1], axis=1).repeat(size[1] // stage.shape[2], axis=2)
