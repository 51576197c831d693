"""The command that draws: from a run and seeds to a picture, an array, an animation or a folder."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dcgan import runs
from dcgan.config import GenerateConfig
from dcgan.errors import UserError
from dcgan.pictures import magnify, read_png, save_animation, save_png, tile
from dcgan.runs import Run
from dcgan.sampling.arrays import save_archive, save_array
from dcgan.sampling.asked import EACH, Asked, asked_for, sheet
from dcgan.sampling.destination import destination, kind_of
from dcgan.sampling.folder import save_folder
from dcgan.sampling.seeds import parse_seeds

WALK_STEPS = 12
"""Pictures from seed to seed in an animation that `--walk` says nothing about: a second at the default speed."""

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
        return notes | ({"Label": label} if label else {})


def generate(config: GenerateConfig) -> Path:
    """Draw what the options ask for, and say in one line where it is.

    Args:
        config: every option; see `GenerateConfig`.

    Returns:
        The file or folder that was written.

    Raises:
        UserError: options that contradict each other, no such run, or a place that is taken or can't be written to.
    """
    _check(config)
    run = runs.find(config.run_dir)
    asked = _asked(config, run)
    out = destination(config, run, asked)
    kind = "history" if config.animate else kind_of(out)
    what = WRITERS[kind](Job(config, run, asked, out))
    print(f"{what}: {out}")
    return out


def animate(run: Run, out: Path, fps: float = 12.0) -> Path:
    """Turn the sample grids of a run into an animation, oldest first; an existing `out` is replaced.

    Raises:
        UserError: there are no grids, their sizes differ, or `out` is neither .gif nor .mp4 or can't be written.
    """
    save_animation(out, map(read_png, _history(run)), fps)
    return out


def _history(run: Run) -> list[Path]:
    """The run's sample grids, oldest first."""
    grids = sorted(run.samples.glob("step-*.png"), key=lambda file: (len(file.name), file.name))
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
    "grid": _write_grid,
    "array": _write_array,
    "archive": _write_archive,
    "folder": _write_folder,
    "animation": _write_animation,
}
"""What draws and writes each kind of output, and says what it was."""


def _asked(config: GenerateConfig, run: Run) -> Asked:
    """The pictures that were asked for; by default a sheet, and 8 seeds for a walk."""
    classes = None if config.animate else run.classes()
    if config.num is not None:
        return asked_for(parse_seeds(f"0-{config.num - 1}"), config.label, classes)
    if config.seeds is not None:
        return asked_for(parse_seeds(config.seeds), config.label, classes)
    if config.walk or (config.out is not None and kind_of(config.out) == "animation"):
        return asked_for(parse_seeds("0-7"), config.label, classes)
    if config.label is None:
        return sheet(classes)
    return asked_for(parse_seeds("0-7" if config.label == EACH else "0-63"), config.label, classes)


def _check(config: GenerateConfig) -> None:
    """Refuse options that contradict each other, rather than leave one of them out."""
    kind = kind_of(config.out) if config.out is not None else "animation" if config.animate else "grid"
    if config.seeds is not None and config.num is not None:
        raise UserError("--seeds and --num both say which pictures to draw.", "Leave one of them out.")
    others = (config.seeds, config.num, config.walk, config.label)
    if config.animate and (any(option is not None for option in others) or kind != "animation"):
        hint = "Leave out --seeds, --num, --label and --walk."
        raise UserError("--animate shows the run's history in a .gif or .mp4.", hint)
    if config.walk and kind not in ("grid", "animation"):
        raise UserError(f"A walk can't be written to {config.out}.", "Take --out NAME.png, NAME.gif or NAME.mp4.")
    if config.columns and (config.walk or kind != "grid"):
        raise UserError("--columns is for a grid of seeds.", "Leave it out here.")


def _check_size(count: int, shape: tuple[int, ...]) -> None:
    """Refuse a grid that other programs won't open."""
    if count * shape[1] * shape[2] > MOST_PIXELS:
        raise UserError(f"{count} pictures are too many for one grid.", "Take --out NAME.npy, or a folder.")
