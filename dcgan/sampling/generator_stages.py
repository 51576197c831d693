"""A picture growing through the generator's stages: what the feature maps hold at 7, 14 and 28 pixels, as pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.runs import Run
from dcgan.sampling.generation import generate_images, input_widths, split_inputs
from dcgan.sampling.latents import latents
from dcgan.sampling.seeds import Seeds
from dcgan.sampling.selection import Selection, select
from dcgan.visualization import tile

BATCH = 16
"""Latents a forward pass that gives the maps of all stages: those of 224 pixels are large."""

SHADES = (1, 99)
"""Percentiles of what a stage holds that become black and white."""


@dataclass(frozen=True)
class View:
    """How the many maps of a stage become the few channels of a picture.

    Args:
        centre: mean of each map, float64 (maps,).
        axes: directions in the space of the maps, float64 (maps, channels).
        low, high: what becomes black and white, float64 (channels,).
    """

    centre: np.ndarray
    axes: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __call__(self, maps: np.ndarray) -> np.ndarray:
        """Show (N, H, W, maps) as uint8 (N, H, W, channels)."""
        span = np.where(self.high > self.low, self.high - self.low, 1.0)
        shade = ((maps - self.centre) @ self.axes - self.low) / span
        return np.round(255 * np.clip(shade, 0.0, 1.0)).astype(np.uint8)


class Stages:
    """A generator's stages as pictures.

    A stage is shown along the principal components of its maps after BatchNorm and ReLU, one for a grey picture and
    three, as red, green and blue, for a coloured one; each is turned so that it goes with the brightness of the
    finished picture. Components and shades follow from the first seeds' maps, so that picture n belongs to seed n
    here as well, and pictures of one stage can be compared.

    Args:
        generator: as `dcgan.networks.build_generator` makes them, with any upsampling, conditional or not.

    Raises:
        UserError: it has no such stages.
    """

    def __init__(self, generator: keras.Model):
        self.generator, outputs = generator, _ends(generator)
        self.sizes = [tuple(output.shape[1:3]) for output in outputs] + [generator.output_shape[1:3]]
        """Height and width of each stage, the finished picture last."""
        self._to_maps = keras.Model(generator.input, outputs)
        rows = _reference(generator)
        pictures = generate_images(generator, rows)
        self._views = [_view(maps, pictures) for maps in self._maps(rows)]

    def pictures(self, rows: Iterable[np.ndarray]) -> np.ndarray:
        """Every stage of some pictures, each magnified to the finished picture's size.

        Args:
            rows: what the generator takes: float32 (N, dim), or with classes (N, dim + classes).

        Returns:
            uint8 (N, stages + 1, H, W, C). The last of each row is the finished picture, as `draw` gives it.
        """
        rows = np.array(list(rows), np.float32)
        finished = generate_images(self.generator, rows)
        parts = [rows[first : first + BATCH] for first in range(0, len(rows), BATCH)]
        shown = [[view(maps) for view, maps in zip(self._views, self._maps(part), strict=True)] for part in parts]
        stages = (np.concatenate(stage) for stage in zip(*shown, strict=True))
        return np.stack([*(_magnified(stage, finished.shape[1:3]) for stage in stages), finished], axis=1)

    def _maps(self, rows: np.ndarray) -> list[np.ndarray]:
        """The maps of each stage for at most `BATCH` rows, in a forward pass of always that many."""
        padded = tf.constant(np.pad(rows, ((0, BATCH - len(rows)), (0, 0))))
        maps = self._to_maps(split_inputs(self.generator, padded), training=False)
        maps = maps if isinstance(maps, list) else [maps]
        return [np.asarray(tf.cast(stage, tf.float32))[: len(rows)] for stage in maps]


def stage_count(generator: keras.Model) -> int:
    """How many stages a generator has, the finished picture among them.

    Raises:
        UserError: as for `Stages`.
    """
    return len(_ends(generator)) + 1


def stage_images(generator: keras.Model, rows: Iterable[np.ndarray]) -> np.ndarray:
    """The stages of a generator's pictures, uint8 (N, stages + 1, H, W, C); see `Stages`."""
    return Stages(generator).pictures(rows)


def compare_stages(
    runs: Sequence[Run], seeds: Seeds | Sequence[int] = range(4), label: str | None = None, weights: str = "ema"
) -> np.ndarray:
    """One sheet for several runs, such as trainings with each way of upsampling: for each seed a row a run.

    Args:
        runs: with pictures of one size.
        seeds: which pictures.
        label: for conditional runs, the class's name or number; by default the seeds' own.
        weights: as for `Run.load_generator`.

    Returns:
        uint8 (height, width, C): rows by seed and then in the order of the runs, a column a stage.

    Raises:
        UserError: a run has no generator or no such class, or the sizes differ.
    """
    return side_by_side([(run.load_generator(weights), select(seeds, label, run.classes())) for run in runs])


def side_by_side(drawn: Sequence[tuple[keras.Model, Selection]]) -> np.ndarray:
    """The same for generators and what is asked of each, as many pictures of all."""
    shown = [stage_images(generator, asked.rows(input_widths(generator)[0])) for generator, asked in drawn]
    if len({pictures.shape for pictures in shown}) != 1:
        raise UserError("Stages side by side are of pictures of one size.", "Take runs of the same --image-size.")
    return stage_grid(np.stack(shown, axis=1).reshape(-1, *shown[0].shape[1:]))


def stage_grid(pictures: np.ndarray) -> np.ndarray:
    """Pictures (N, stages, H, W, C) as one, a row each, a column a stage."""
    return tile(pictures.reshape(-1, *pictures.shape[2:]), columns=pictures.shape[1])


def _ends(generator: keras.Model) -> list:
    """What the hidden stages end in, (N, h, w, maps) each."""
    outputs = [layer.output for layer in generator.layers if isinstance(layer, keras.layers.ReLU)]
    if not outputs or any(len(output.shape) != 4 for output in outputs):
        raise UserError("The generator has no stages to show: its maps are to end in ReLU layers.")
    return outputs


def _reference(generator: keras.Model) -> np.ndarray:
    """The rows of the first seeds, in one class after the other where there are classes."""
    dim, *classes = input_widths(generator)
    kinds = [np.eye(count, dtype=np.float32)[np.arange(BATCH) % count] for count in classes]
    return np.concatenate([latents(range(BATCH), dim), *kinds], axis=1)


def _view(maps: np.ndarray, pictures: np.ndarray) -> View:
    """The principal components of (N, h, w, maps), turned by the finished pictures (N, H, W, C)."""
    pixels = maps.reshape(-1, maps.shape[3]).astype(np.float64)
    centre = pixels.mean(axis=0)
    _, axes = np.linalg.eigh((pixels - centre).T @ (pixels - centre))  # the largest comes last
    axes = axes[:, [-min(rank, axes.shape[1]) for rank in range(1, pictures.shape[3] + 1)]]
    shades = (pixels - centre) @ axes
    axes = axes * np.where(_brightness(pictures, maps.shape[1:3]) @ shades < 0, -1.0, 1.0)
    low, high = np.percentile((pixels - centre) @ axes, SHADES, axis=0)
    return View(centre, axes, low, high)


def _brightness(pictures: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The pictures' brightness, less its mean, for every pixel of a smaller size: float64 (N · h · w,)."""
    count, height, width, _ = pictures.shape
    blocks = pictures.reshape(count, size[0], height // size[0], size[1], width // size[1], -1)
    bright = blocks.mean(axis=(2, 4, 5)).reshape(-1)
    return bright - bright.mean()


def _magnified(stage: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """(N, h, w, C) with every pixel repeated, so that it fills `size`."""
    return stage.repeat(size[0] // stage.shape[1], axis=1).repeat(size[1] // stage.shape[2], axis=2)
