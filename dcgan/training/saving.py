"""Between a trainer and its run directory: states, snapshots and sample grids."""

import numpy as np

from dcgan.errors import UserError
from dcgan.pictures import save_png, tile
from dcgan.runs import Run
from dcgan.sampling.draw import draw
from dcgan.sampling.latents import latents
from dcgan.training.health import check_finite
from dcgan.training.trainer import Trainer

SAMPLE_SEEDS = range(64)
"""The pictures drawn during training: those `python generate.py` draws, when nothing else is asked for."""


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
    state = run.latest_state()
    if state is not None:
        if str(state.pop("fingerprint", "")) != fingerprint:
            raise UserError(
                f"The images are not those that {run.path} was trained on.",
                "Restore them to go on, or choose another --run-dir to start afresh.",
            )
        trainer.restore(state)
    if writing:
        run.rewind_log(trainer.step)


def save(trainer: Trainer, run: Run, fingerprint: str) -> None:
    """Write the snapshot, then the state: what the state says is done is then all there.

    Raises:
        UserError: the weights are no numbers any more, or a file can't be written; the files before stay.
    """
    state = trainer.state()
    check_finite(run, trainer.step, state)
    run.save_generator(trainer.snapshot())
    run.save_state(trainer.step, {**state, "fingerprint": np.array(fingerprint)}, trainer.config.keep)


def save_samples(trainer: Trainer, run: Run, step: int) -> np.ndarray:
    """Draw the fixed seeds with the averaged generator; returns the grid, uint8 (H, W, C)."""
    pictures = draw(trainer.snapshot(), latents(SAMPLE_SEEDS, trainer.config.latent_dim))
    grid = tile(np.concatenate(list(pictures)))
    save_png(run.sample_file(step), grid, {"Software": "dcgan", "Step": str(step), "Seeds": "0-63"})
    return grid


def show_real_images(run: Run, images: np.ndarray) -> None:
    """Draw 64 of the images as the network will see them."""
    chosen = np.linspace(0, len(images) - 1, min(len(images), len(SAMPLE_SEEDS))).astype(int)
    save_png(run.samples / "real.png", tile(images[chosen]))
