"""The command `generate`: from a run and seeds to a grid, an array, a folder or an animation; one writer per mode."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dcgan.config import GenerateConfig
from dcgan.core.errors import UserError
from dcgan.core.streams import shows_progress
from dcgan.runs import Run
from dcgan.runs.loading import load_generator
from dcgan.sampling.latent_arithmetic import along_direction
from dcgan.sampling.output import save_archive, save_array, save_folder, write_output
from dcgan.sampling.sample_spec import Mode, SampleSpec, resolve_spec
from dcgan.visualization import magnify, read_png, save_animation, save_png, tile
from dcgan.visualization.figures import equation_figure
from dcgan.visualization.grid import MAX_GRID_PIXELS

MIN_FRAME_SIDE = 256
"""Minimum length of the shorter side of an animation in pixels: video players blur what they enlarge."""

Writer = Callable[[SampleSpec, Path], str]
"""Generates the images of a spec, writes them to a path and returns a description of them."""


def generate(config: GenerateConfig) -> Path:
    """Generate images, write them, and print what was written.

    Args:
        config: all options; see `GenerateConfig`.

    Returns:
        The file or folder that was written.

    Raises:
        UserError: options contradict each other, there is no such run, or the output exists or cannot be written.
    """
    spec = resolve_spec(config)
    out, description = write_output(spec, functools.partial(WRITERS[spec.mode], spec))
    print(f"{description}: {out}")
    return out


def animate(run: Run, out: Path, fps: float = 12.0) -> Path:
    """Write the sample grids of a run as an animation, oldest first; an existing file is replaced.

    Args:
        run: a run with at least one sample grid.
        out: file to write, `.gif` or `.mp4`.
        fps: frames per second.

    Returns:
        The file, `out`.

    Raises:
        UserError: there are no grids, their sizes differ, or `out` has another extension or cannot be written.
    """
    grids = run.sample_grids()
    if not grids:
        raise UserError(f"{run.description} has no sample grids yet.", "Training saves one every --sample-every steps.")
    save_animation(out, map(read_png, grids), fps)
    return out


class _Sampler:
    """The generator of a spec, with a progress bar."""

    def __init__(self, spec: SampleSpec):
        self.generator = load_generator(spec.run, spec.weights, spec.device)
        self.dim: int = self.generator.inputs[0].shape[-1]
        self.image_shape: tuple[int, ...] = self.generator.output_shape[1:]

    def chunks(self, rows: Iterable[np.ndarray], total: int) -> Iterator[np.ndarray]:
        """Yield the images of `total` generator inputs in chunks, uint8 (n, H, W, C)."""
        from dcgan.sampling.generation import generate_batches

        with tqdm(total=total, unit=" images", leave=False, disable=not shows_progress()) as bar:
            for chunk in generate_batches(self.generator, rows):
                yield chunk
                bar.update(len(chunk))

    def images(self, rows: Iterable[np.ndarray], total: int) -> np.ndarray:
        """Return the images of `total` generator inputs for one grid, uint8 (total, H, W, C)."""
        self.check_grid_size(total)
        return np.concatenate(list(self.chunks(rows, total)))

    def check_grid_size(self, count: int) -> None:
        """Reject a grid that other programs would not open."""
        if count * self.image_shape[0] * self.image_shape[1] > MAX_GRID_PIXELS:
            raise UserError(f"{count} images are too many for one grid.", "Use --out NAME.npy, or a folder.")


def _write_grid(spec: SampleSpec, out: Path) -> str:
    sampler, count = _Sampler(spec), len(spec.selection)
    images = sampler.images(spec.selection.rows(sampler.dim), count)
    save_png(out, tile(images, spec.columns), spec.notes)
    return f"Grid of {spec.selection}"


def _write_walk_grid(spec: SampleSpec, out: Path) -> str:
    sampler, count = _Sampler(spec), (len(spec.selection) - 1) * spec.images_per_pair
    images = sampler.images(spec.selection.walk(sampler.dim, spec.images_per_pair), count)
    save_png(out, tile(images, spec.columns), spec.notes)
    return f"Walk along {spec.selection}"


def _write_direction(spec: SampleSpec, out: Path) -> str:
    sampler = _Sampler(spec)
    sampler.check_grid_size(spec.images_per_pair * len(spec.selection))
    starts = np.array(list(spec.selection.rows(sampler.dim)))
    rows = along_direction(starts, spec.expression.result(sampler.dim), np.linspace(-1.0, 1.0, spec.images_per_pair))
    images = sampler.images(rows.reshape(-1, rows.shape[-1]), spec.images_per_pair * len(starts))
    save_png(out, tile(images, spec.columns), spec.notes)
    return f"Direction {spec.expression} for {spec.selection}"


def _write_stages(spec: SampleSpec, out: Path) -> str:
    sampler = _Sampler(spec)
    from dcgan.sampling.generator_stages import compared_stage_grid, stage_count

    others = [(run.load_generator(spec.weights), selection) for run, selection in spec.compared]
    runs = 1 + len(others)
    sampler.check_grid_size(stage_count(sampler.generator) * len(spec.selection) * runs)
    save_png(out, compared_stage_grid([(sampler.generator, spec.selection), *others]), spec.notes)
    return f"Stages of {spec.selection}{f' in {runs} runs' if others else ''}"


def _write_arithmetic_figure(spec: SampleSpec, out: Path) -> str:
    sampler, expression = _Sampler(spec), spec.expression
    samples, means = expression.samples(sampler.dim), expression.means(sampler.dim)
    points = [*samples, means, expression.results(sampler.dim, spec.noise)]
    rows = spec.selection.with_labels(np.concatenate(points))
    images = sampler.images(rows, len(rows))
    save_png(out, equation_figure(images, [len(part) for part in points], expression.signs), spec.notes)
    return f"Arithmetic {expression}{spec.selection.class_suffix}"


def _write_arithmetic_array(spec: SampleSpec, out: Path) -> str:
    sampler = _Sampler(spec)
    rows = spec.selection.with_labels(spec.expression.results(sampler.dim, spec.noise))
    save_array(out, (len(rows), *sampler.image_shape), sampler.chunks(rows, len(rows)))
    return f"Array of the result of {spec.expression}{spec.selection.class_suffix}"


def _write_array(spec: SampleSpec, out: Path) -> str:
    sampler, count = _Sampler(spec), len(spec.selection)
    save_array(out, (count, *sampler.image_shape), sampler.chunks(spec.selection.rows(sampler.dim), count))
    return f"Array of {spec.selection}"


def _write_archive(spec: SampleSpec, out: Path) -> str:
    sampler, count = _Sampler(spec), len(spec.selection)
    chunks = sampler.chunks(spec.selection.rows(sampler.dim), count)
    save_archive(out, (count, *sampler.image_shape), chunks, spec.selection)
    return f"Archive of {spec.selection}"


def _write_folder(spec: SampleSpec, out: Path) -> str:
    sampler = _Sampler(spec)
    chunks = sampler.chunks(spec.selection.rows(sampler.dim), len(spec.selection))
    save_folder(out, spec.selection, itertools.chain.from_iterable(chunks), spec.notes)
    return f"Folder of {spec.selection}"


def _write_walk_animation(spec: SampleSpec, out: Path) -> str:
    sampler = _Sampler(spec)
    rows = spec.selection.walk(sampler.dim, spec.images_per_pair, loop=True)
    images = itertools.chain.from_iterable(sampler.chunks(rows, spec.images_per_pair * len(spec.selection)))
    save_animation(out, (magnify(image, MIN_FRAME_SIDE) for image in images), spec.fps)
    return f"Animated walk along {spec.selection}"


def _write_training_animation(spec: SampleSpec, out: Path) -> str:
    animate(spec.run, out, spec.fps)
    return f"Training animation of {len(spec.run.sample_grids())} sample grids"


WRITERS: dict[Mode, Writer] = {
    "grid": _write_grid,
    "walk grid": _write_walk_grid,
    "direction": _write_direction,
    "stages": _write_stages,
    "arithmetic figure": _write_arithmetic_figure,
    "arithmetic array": _write_arithmetic_array,
    "array": _write_array,
    "archive": _write_archive,
    "folder": _write_folder,
    "walk animation": _write_walk_animation,
    "training animation": _write_training_animation,
}
"""The writer of each mode."""
