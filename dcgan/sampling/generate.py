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
from dcgan.sampling.destination import destination, kind_of
from dcgan.sampling.folder import save_folder
from dcgan.sampling.latents import stream, walk
from dcgan.sampling.seeds import Seeds, parse_seeds

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
        seeds: which pictures.
        out: a free path.
    """

    config: GenerateConfig
    run: Run
    seeds: Seeds
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
        return len(self.seeds), *self.generator.output_shape[1:]

    def chunks(self, rows: Iterable[np.ndarray] | None = None, total: int | None = None) -> Iterator[np.ndarray]:
        """Draw, with a bar on a terminal: the seeds' latents, or `total` other rows."""
        dim = self.generator.input_shape[-1]  # loads TensorFlow, quietly
        from dcgan.sampling.draw import draw

        rows = stream(self.seeds, dim) if rows is None else rows
        with tqdm(total=total or len(self.seeds), unit=" pictures", leave=False, disable=None) as bar:
            for chunk in draw(self.generator, rows):
                yield chunk
                bar.update(len(chunk))

    def notes(self) -> dict[str, str]:
        """What a picture's file says about where it is from."""
        run = self.run.path.resolve().name
        return {"Software": "dcgan", "Run": run, "Seeds": str(self.seeds), "Weights": self.config.weights}


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
    run, seeds = runs.find(config.run_dir), _seeds(config)
    out = destination(config, run, seeds)
    kind = "history" if config.animate else kind_of(out)
    what = WRITERS[kind](Job(config, run, seeds, out))
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
    steps, dim = job.config.walk, job.generator.input_shape[-1]
    total = (len(job.seeds) - 1) * steps if steps else len(job.seeds)
    _check_size(total, job.shape)
    rows = itertools.chain.from_iterable(walk(job.seeds, dim, steps)) if steps else None
    images = np.concatenate(list(job.chunks(rows, total)))
    save_png(job.out, tile(images, steps or job.config.columns), job.notes())
    return f"{'Walk along' if steps else 'Grid of'} {_of(job.seeds)}"


def _write_array(job: Job) -> str:
    save_array(job.out, job.shape, job.chunks())
    return f"Array of {_of(job.seeds)}"


def _write_archive(job: Job) -> str:
    save_archive(job.out, job.shape, job.chunks(), job.seeds)
    return f"Archive of {_of(job.seeds)}"


def _write_folder(job: Job) -> str:
    notes = {key: value for key, value in job.notes().items() if key != "Seeds"}
    save_folder(job.out, job.seeds, itertools.chain.from_iterable(job.chunks()), notes)
    return f"Folder of {_of(job.seeds)}"


def _write_animation(job: Job) -> str:
    steps, dim = job.config.walk or WALK_STEPS, job.generator.input_shape[-1]
    rows = itertools.chain.from_iterable(walk(job.seeds, dim, steps, loop=True))
    images = itertools.chain.from_iterable(job.chunks(rows, steps * len(job.seeds)))
    save_animation(job.out, (magnify(image, FRAME_SIDE) for image in images), job.config.fps)
    return f"Loop along {_of(job.seeds)}"


WRITERS = {
    "history": _write_history,
    "grid": _write_grid,
    "array": _write_array,
    "archive": _write_archive,
    "folder": _write_folder,
    "animation": _write_animation,
}
"""What draws and writes each kind of output, and says what it was."""


def _of(seeds: Seeds) -> str:
    """The seeds in a few words."""
    text = str(seeds)
    return f"{len(seeds)} seeds ({text if len(text) <= 40 else text[:40] + '…'})"


def _seeds(config: GenerateConfig) -> Seeds:
    """The seeds that were asked for; by default 64, which make a grid of 8 by 8, and 8 for a walk."""
    if config.num is not None:
        return parse_seeds(f"0-{config.num - 1}")
    moving = config.walk or (config.out is not None and kind_of(config.out) == "animation")
    return parse_seeds(config.seeds if config.seeds is not None else "0-7" if moving else "0-63")


def _check(config: GenerateConfig) -> None:
    """Refuse options that contradict each other, rather than leave one of them out."""
    kind = kind_of(config.out) if config.out is not None else "animation" if config.animate else "grid"
    if config.seeds is not None and config.num is not None:
        raise UserError("--seeds and --num both say which pictures to draw.", "Leave one of them out.")
    if config.animate and (config.seeds is not None or config.num or config.walk or kind != "animation"):
        raise UserError("--animate shows the run's history in a .gif or .mp4.", "Leave out --seeds, --num and --walk.")
    if config.walk and kind not in ("grid", "animation"):
        raise UserError(f"A walk can't be written to {config.out}.", "Take --out NAME.png, NAME.gif or NAME.mp4.")
    if config.columns and (config.walk or kind != "grid"):
        raise UserError("--columns is for a grid of seeds.", "Leave it out here.")


def _check_size(count: int, shape: tuple[int, ...]) -> None:
    """Refuse a grid that other programs won't open."""
    if count * shape[1] * shape[2] > MOST_PIXELS:
        raise UserError(f"{count} pictures are too many for one grid.", "Take --out NAME.npy, or a folder.")
