"""Between a trainer and its run directory: states, snapshots and sample grids."""

from typing import Any

import numpy as np

from dcgan.core.errors import UserError
from dcgan.data.image_dataset import evenly
from dcgan.runs import Run
from dcgan.sampling.generation import draw_all
from dcgan.sampling.selection import Asked
from dcgan.training.health import Trouble, broken_arrays, not_a_number, stopped
from dcgan.training.trainer import Trainer
from dcgan.visualization import save_png, tile

REAL_IMAGES = 64
"""Of which a picture shows what the network will see."""


def restore(trainer: Trainer, run: Run, fingerprint: str, writing: bool = True) -> None:
    """Go on where the run stopped; a run with no saved state stays at its beginning.

    Args:
        trainer: a new trainer of the run's config.
        run: where the states lie.
        fingerprint: identity of the data set's content.
        writing: whether this process is the one that writes; it forgets what was logged after the state.

    Raises:
        UserError: the run was trained on other images.
    """
    state = run.states.latest()
    if state is not None:
        if str(state.pop("fingerprint", "")) != fingerprint:
            raise UserError(
                f"The images are not those that {run.path} was trained on.",
                "Restore them to go on, or choose another --run-dir to start afresh.",
            )
        trainer.restore(state)
    if writing:
        run.states.forget_after(trainer.step)  # such as are there could not be read
        run.rewind_log(trainer.step)


def save(
    trainer: Trainer, run: Run, fingerprint: str, state: dict[str, np.ndarray], memory: dict[str, Any] | None = None
) -> None:
    """Write the snapshot, then the state: what the state says is done is then all there.

    Args:
        trainer: as it is now.
        run: where to.
        fingerprint: identity of the data set's content.
        state: what `trainer.state()` gives now.
        memory: of the guard, if there is one; the newest state that it found well is not removed.

    Raises:
        UserError: the state holds what is no number, or a file can't be written; the files before stay.
    """
    if broken := broken_arrays(state):
        raise stopped(run, Trouble(trainer.step, not_a_number(broken)), 0)
    run.save_generator(trainer.snapshot())
    spared = []
    if memory is not None:
        run.note_guard(trainer.step, memory)
        spared = [max((step for step, note in run.guard_notes().items() if note.get("well")), default=0)]
    run.states.save(trainer.step, {**state, "fingerprint": np.array(fingerprint)}, trainer.config.keep, spared)


def save_samples(trainer: Trainer, run: Run, asked: Asked) -> np.ndarray:
    """Draw what `python generate.py` draws when nothing else is asked for; returns the grid, uint8 (H, W, C)."""
    grid = tile(draw_all(trainer.snapshot(), asked.rows(trainer.config.latent_dim)), asked.columns)
    notes = {"Software": "dcgan", "Step": str(trainer.step), "Seeds": str(asked.seeds)}
    save_png(run.sample_file(trainer.step), grid, notes)
    return grid


def show_real_images(run: Run, images: np.ndarray) -> None:
    """Draw 64 of the images as the network will see them."""
    chosen = evenly(len(images), min(len(images), REAL_IMAGES))
    save_png(run.samples / "real.png", tile(images[chosen]))
