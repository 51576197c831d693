"""What is to be drawn, of which run, and where to."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dcgan import runs
from dcgan.config import GenerateConfig
from dcgan.core.atomic_io import parse_paths
from dcgan.core.errors import UserError
from dcgan.runs import Run
from dcgan.sampling.latent_arithmetic import along_direction, parse_arithmetic
from dcgan.sampling.output import save_archive, save_array, save_folder
from dcgan.sampling.output_path import kind_of
from dcgan.sampling.selection import Selection, select
from dcgan.sampling.training_animation import animate, history
from dcgan.visualization import magnify, save_animation, save_png, tile
from dcgan.visualization.figures import equation_figure


@dataclass(frozen=True)
class Job:
    """What to draw, and where to.

    Args:
        config: the command's options.
        run: the run to draw from.
        asked: which pictures.
        out: a free path.
    """

    config: GenerateConfig
    run: Run
    asked: Selection
    out: Path

    @cached_property
    def generator(self):
        """The run's generator, on a TensorFlow that repeats itself."""
        from dcgan.core.tensorflow_import import import_tensorflow

        import_tensorflow()
        from dcgan.core import devices

        devices.configure_tensorflow(seed=0)  # nothing is drawn from it: latents have seeds of their own
        return self.run.load_generator(self.config.weights)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all images together, (N, H, W, C)."""
        return len(self.asked), *self.generator.output_shape[1:]

    @property
    def dim(self) -> int:
        """The length of a latent; loads TensorFlow, quietly."""
        return self.generator.inputs[0].shape[-1]

    def chunks(self, rows: Iterable[np.ndarray] | None = None, total: int | None = None) -> Iterator[np.ndarray]:
        """Draw, with a bar on a terminal: what is asked for, or `total` other rows."""
        rows = self.asked.rows(self.dim) if rows is None else rows
        from dcgan.sampling.generation import generate_batches

        with tqdm(total=total or len(self.asked), unit=" pictures", leave=False, disable=None) as bar:
            for chunk in generate_batches(self.generator, rows):
                yield chunk
                bar.update(len(chunk))

    def notes(self) -> dict[str, str]:
        """What a picture's file says about where it is from."""
        run, label = self.run.path.resolve().name, self.config.label
        notes = {"Software": "dcgan", "Run": run, "Seeds": str(self.asked.seeds), "Weights": self.config.weights}
        others = {
            "Label": label,
            "Arithmetic": self.config.arithmetic,
            "Along": self.config.along,
            "Beside": ", ".join(path.resolve().name for path in parse_paths(self.config.beside)),
        }
        return notes | {name: text for name, text in others.items() if text}


WALK_STEPS = 12
"""Pictures from seed to seed in an animation that `--walk` says nothing about: a second at the default speed."""

ALONG_STEPS = 9
"""Pictures along a direction, where `--walk` does not say how many; the middle one is the seed's own."""

FRAME_SIDE = 256
"""Pixels the shorter side of an animation has at least: players shrink well, and smear what they enlarge."""

MOST_PIXELS = 89_478_485
"""Pixels of the largest grid; above, Pillow and what builds on it warn of a decompression bomb or refuse."""


def _check_size(count: int, shape: tuple[int, ...]) -> None:
    """Refuse a grid that other programs won't open."""
    if count * shape[1] * shape[2] > MOST_PIXELS:
        raise UserError(f"{count} pictures are too many for one grid.", "Take --out NAME.npy, or a folder.")


def _write_history(job: Job) -> str:
    animate(job.run, job.out, job.config.fps)
    return f"{len(history(job.run))} grids of the run's history"


def _write_grid(job: Job) -> str:
    steps, asked = job.config.walk, job.asked
    total = (len(asked) - 1) * steps if steps else len(asked)
    _check_size(total, job.shape)
    images = np.concatenate(list(job.chunks(asked.walk(job.dim, steps) if steps else None, total)))
    save_png(job.out, tile(images, steps or job.config.columns or asked.columns), job.notes())
    return f"{'Walk along' if steps else 'Grid of'} {asked}"


def _write_stages(job: Job) -> str:
    generator = job.generator  # loads TensorFlow, quietly
    from dcgan.sampling.generator_stages import side_by_side, stage_count

    others, config = [runs.find_run(path) for path in parse_paths(job.config.beside)], job.config
    count = 1 + len(others)
    _check_size(stage_count(generator) * len(job.asked) * count, job.shape)
    compared = [
        (run.load_generator(config.weights), select(job.asked.seeds, config.label, run.classes())) for run in others
    ]
    save_png(job.out, side_by_side([(generator, job.asked), *compared]), job.notes())
    return f"Stages of {job.asked}{f', of {count} runs' if count > 1 else ''}"


def _write_along(job: Job) -> str:
    steps, direction = job.config.walk or ALONG_STEPS, parse_arithmetic(job.config.along)
    _check_size(steps * len(job.asked), job.shape)
    starts = np.array(list(job.asked.rows(job.dim)))
    rows = along_direction(starts, direction.result(job.dim), np.linspace(-1.0, 1.0, steps))
    images = np.concatenate(list(job.chunks(rows.reshape(-1, rows.shape[-1]), steps * len(starts))))
    save_png(job.out, tile(images, steps), job.notes())
    return f"Along {direction}, {job.asked}"


def _write_equation(job: Job) -> str:
    expression = parse_arithmetic(job.config.arithmetic)
    points = [*expression.shown(job.dim), expression.means(job.dim), expression.results(job.dim, job.config.cloud)]
    rows = job.asked.in_classes(np.concatenate(points))
    _check_size(len(rows), job.shape)
    images = np.concatenate(list(job.chunks(rows, len(rows))))
    save_png(job.out, equation_figure(images, [len(part) for part in points], expression.signs), job.notes())
    return f"Arithmetic {expression}{job.asked.in_words}"


def _write_result(job: Job) -> str:
    expression = parse_arithmetic(job.config.arithmetic)
    rows = job.asked.in_classes(expression.results(job.dim, job.config.cloud))
    save_array(job.out, (len(rows), *job.shape[1:]), job.chunks(rows, len(rows)))
    return f"Array of the result of {expression}{job.asked.in_words}"


def _write_array(job: Job) -> str:
    save_array(job.out, job.shape, job.chunks())
    return f"Array of {job.asked}"


def _write_archive(job: Job) -> str:
    save_archive(job.out, job.shape, job.chunks(), job.asked)
    return f"Archive of {job.asked}"


def _write_folder(job: Job) -> str:
    notes = {key: value for key, value in job.notes().items() if key != "Seeds"}
    save_folder(job.out, job.asked, itertools.chain.from_iterable(job.chunks()), notes)
    return f"Folder of {job.asked}"


def _write_animation(job: Job) -> str:
    steps = job.config.walk or WALK_STEPS
    rows = job.asked.walk(job.dim, steps, loop=True)
    images = itertools.chain.from_iterable(job.chunks(rows, steps * len(job.asked)))
    save_animation(job.out, (magnify(image, FRAME_SIDE) for image in images), job.config.fps)
    return f"Loop along {job.asked}"


WRITERS = {
    "history": _write_history,
    "stages": _write_stages,
    "along": _write_along,
    "equation": _write_equation,
    "result": _write_result,
    "grid": _write_grid,
    "array": _write_array,
    "archive": _write_archive,
    "folder": _write_folder,
    "animation": _write_animation,
}
"""What draws and writes each kind of output, and says what it was."""


def writer_for(config: GenerateConfig, out: Path) -> Callable[[Job], str]:
    """The one of `WRITERS` that the options mean."""
    return WRITERS[_kind(config, out)]


def _kind(config: GenerateConfig, out: Path) -> str:
    """Which of `WRITERS` is meant."""
    if config.animate:
        return "history"
    if config.stages:
        return "stages"
    if config.arithmetic is not None:
        return "result" if kind_of(out) == "array" else "equation"
    return "along" if config.along is not None else kind_of(out)
