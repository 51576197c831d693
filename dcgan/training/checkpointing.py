"""Between a trainer and its run directory: states, snapshots and sample grids."""

from typing import Any

import numpy as np

from dcgan.core.errors import UserError
from dcgan.data.image_dataset import evenly_spaced
from dcgan.runs import Run
from dcgan.sampling.generation import generate_images
from dcgan.sampling.selection import Selection
from dcgan.training.health import HealthIssue, describe_nonfinite, nonfinite_arrays, training_stopped
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
    state = run.checkpoints.latest()
    if state is not None:
        if str(state.pop("fingerprint", "")) != fingerprint:
            raise UserError(
                f"The images are not those that {run.path} was trained on.",
                "Restore them to go on, or choose another --run-dir to start afresh.",
            )
        trainer.restore(state)
    if writing:
        run.checkpoints.remove_after(trainer.step)  # such as are there could not be read
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
    if broken := nonfinite_arrays(state):
        raise training_stopped(run, HealthIssue(trainer.step, describe_nonfinite(broken)), 0)
    run.save_generator(trainer.snapshot())
    spared = []
    if memory is not None:
        run.save_health_state(trainer.step, memory)
        spared = [max((step for step, note in run.health_states().items() if note.get("well")), default=0)]
    run.checkpoints.save(
        trainer.step, {**state, "fingerprint": np.array(fingerprint)}, trainer.config.keep_checkpoints, spared
    )


def save_samples(trainer: Trainer, run: Run, asked: Selection) -> np.ndarray:
    """Draw what `python generate.py` draws when nothing else is asked for; returns the grid, uint8 (H, W, C)."""
    grid = tile(generate_images(trainer.snapshot(), asked.rows(trainer.config.latent_dim)), asked.columns)
    notes = {"Software": "dcgan", "Step": str(trainer.step), "Seeds": str(asked.seeds)}
    save_png(run.sample_file(trainer.step), grid, notes)
    return grid


def save_real_grid(run: Run, images: np.ndarray) -> None:
    """Draw 64 of the images as the network will see them."""
    chosen = evenly_spaced(len(images), min(len(images), REAL_IMAGES))
    save_png(run.samples_dir / "real.png", tile(images[chosen]))
