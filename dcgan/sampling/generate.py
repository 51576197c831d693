"""The command that draws: from a run and seeds to a picture, an array, an animation or a folder."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dcgan import runs
from dcgan.config import GenerateConfig
from dcgan.errors import UserError
from dcgan.pictures import magnify, read_png, save_animation, save_png, tile
from dcgan.runs import Run
from dcgan.sampling.arithmetic import along, parse_arithmetic
from dcgan.sampling.arrays import save_archive, save_array
from dcgan.sampling.asked import EACH, Asked, asked_for, sheet
from dcgan.sampling.checks import check
from dcgan.sampling.destination import destination, kind_of
from dcgan.sampling.folder import save_folder
from dcgan.sampling.seeds import parse_seeds
from dcgan.sampling.sheets import equation

WALK_STEPS = 12
"""Pictures from seed to seed in an animation that `--walk` says nothing about: a second at the default speed."""

ALONG_STEPS = 9
"""Pictures along a direction, where `--walk` does not say how many; the middle one is the seed's own."""

FRAME_SIDE = 256
"""Pixels the shorter side of an animation has at least: players shrink well, and smear what they enlarge."""

MOST_PIXELS = 89_478_485
"""Pixels of the largest grid; above, Pillow and what builds on it warn of a decompression bomb or refuse."""


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
    asked: Asked
    out: Path

    @cached_property
    def generator(self):
        """The run's generator, on a TensorFlow that repeats itself."""
        from dcgan.quiet import import_tensorflow

        import_tensorflow()
        from dcgan import devices

        devices.set_up(seed=0)  # nothing is drawn from it: latents have seeds of their own
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
        from dcgan.sampling.draw import draw

        with tqdm(total=total or len(self.asked), unit=" pictures", leave=False, disable=None) as bar:
            for chunk in draw(self.generator, rows):
                yield chunk
                bar.update(len(chunk))

    def notes(self) -> dict[str, str]:
        """What a picture's file says about where it is from."""
        run, label = self.run.path.resolve().name, self.config.label
        notes = {"Software": "dcgan", "Run": run, "Seeds": str(self.asked.seeds), "Weights": self.config.weights}
        others = {"Label": label, "Arithmetic": self.config.arithmetic, "Along": self.config.along}
        return notes | {name: text for name, text in others.items() if text}


def generate(config: GenerateConfig) -> Path:
    """Draw what the options ask for, and say in one line where it is.

    Args:
        config: every option; see `GenerateConfig`.

    Returns:
        The file or folder that was written.

    Raises:
        UserError: options that contradict each other, no such run, or a place that is taken or can't be written to.
    """
    check(config)
    run = runs.find(config.run_dir)
    asked = _asked(config, run)
    with destination(config, run, asked) as out:
        what = WRITERS[_kind(config, out)](Job(config, run, asked, out))
    print(f"{what}: {out}")
    return out


def animate(run: Run, out: Path, fps: float = 12.0) -> Path:
    """Turn the sample grids of a run into an animation, oldest first; an existing `out` is replaced.

    Raises:
        UserError: there are no grids, their sizes differ, or `out` is neither .gif nor .mp4 or can't be written.
    """
    save_animation(out, map(read_png, _history(run)), fps)
    return out


def sample_files(run: Run) -> list[Path]:
    """The run's sample grids, oldest first; there may be none yet."""
    return sorted(run.samples.glob("step-*.png"), key=lambda file: (len(file.name), file.name))


def _history(run: Run) -> list[Path]:
    """The same, at least one."""
    grids = sample_files(run)
    if not grids:
        raise UserError(f"{run.path} holds no sample grids yet.", "Training draws one every --sample-every steps.")
    return grids


def _write_history(job: Job) -> str:
    animate(job.run, job.out, job.config.fps)
    return f"{len(_history(job.run))} grids of the run's history"


def _write_grid(job: Job) -> str:
    steps, asked = job.config.walk, job.asked
    total = (len(asked) - 1) * steps if steps else len(asked)
    _check_size(total, job.shape)
    images = np.concatenate(list(job.chunks(asked.walk(job.dim, steps) if steps else None, total)))
    save_png(job.out, tile(images, steps or job.config.columns or asked.columns), job.notes())
    return f"{'Walk along' if steps else 'Grid of'} {asked}"


def _write_stages(job: Job) -> str:
    generator = job.generator  # loads TensorFlow, quietly
    from dcgan.sampling.stages import Stages, stage_sheet

    stages = Stages(generator)
    _check_size(len(stages.sizes) * len(job.asked), job.shape)
    save_png(job.out, stage_sheet(stages.pictures(job.asked.rows(job.dim))), job.notes())
    return f"Stages of {job.asked}"


def _write_along(job: Job) -> str:
    steps, direction = job.config.walk or ALONG_STEPS, parse_arithmetic(job.config.along)
    _check_size(steps * len(job.asked), job.shape)
    starts = np.array(list(job.asked.rows(job.dim)))
    rows = along(starts, direction.result(job.dim), np.linspace(-1.0, 1.0, steps))
    images = np.concatenate(list(job.chunks(rows.reshape(-1, rows.shape[-1]), steps * len(starts))))
    save_png(job.out, tile(images, steps), job.notes())
    return f"Along {direction}, {job.asked}"


def _write_equation(job: Job) -> str:
    expression = parse_arithmetic(job.config.arithmetic)
    points = [*expression.shown(job.dim), expression.means(job.dim), expression.results(job.dim, job.config.cloud)]
    rows = job.asked.in_classes(np.concatenate(points))
    _check_size(len(rows), job.shape)
    images = np.concatenate(list(job.chunks(rows, len(rows))))
    save_png(job.out, equation(images, [len(part) for part in points], expression.signs), job.notes())
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


def _kind(config: GenerateConfig, out: Path) -> str:
    """Which of `WRITERS` is meant."""
    if config.animate:
        return "history"
    if config.stages:
        return "stages"
    if config.arithmetic is not None:
        return "result" if kind_of(out) == "array" else "equation"
    return "along" if config.along is not None else kind_of(out)


def _asked(config: GenerateConfig, run: Run) -> Asked:
    """The pictures that were asked for; by default a sheet, and 8 seeds for a walk."""
    classes = None if config.animate else run.classes()
    if config.arithmetic is not None:
        seeds = parse_arithmetic(config.arithmetic).seeds
        return replace(sheet(classes), seeds=seeds) if config.label is None else asked_for(seeds, config.label, classes)
    if config.num is not None:
        return asked_for(parse_seeds(f"0-{config.num - 1}"), config.label, classes)
    if config.seeds is not None:
        return asked_for(parse_seeds(config.seeds), config.label, classes)
    if config.walk or config.along or config.stages or (config.out is not None and kind_of(config.out) == "animation"):
        return asked_for(parse_seeds("0-7"), config.label, classes)
    if config.label is None:
        return sheet(classes)
    return asked_for(parse_seeds("0-7" if config.label == EACH else "0-63"), config.label, classes)


def _check_size(count: int, shape: tuple[int, ...]) -> None:
    """Refuse a grid that other programs won't open."""
    if count * shape[1] * shape[2] > MOST_PIXELS:
        raise UserError(f"{count} pictures are too many for one grid.", "Take --out NAME.npy, or a folder.")
