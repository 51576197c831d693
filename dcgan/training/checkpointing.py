"""Move state between a trainer and its run directory: checkpoints, the EMA generator, sample grids."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from dcgan.config import TrainConfig
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.data.image_dataset import evenly_spaced
from dcgan.runs import Run
from dcgan.runs.continuation import new_run_hint
from dcgan.runs.jsonl import count_damaged_lines, is_number, parse_json
from dcgan.sampling.generation import generate_images
from dcgan.sampling.selection import default_selection
from dcgan.training.health import HealthIssue, describe_nonfinite, nonfinite_arrays, training_stopped
from dcgan.training.trainer import Trainer
from dcgan.visualization import save_png, tile

NUM_REAL_IMAGES = 64
"""Images in the grid that shows what the networks see."""


def restore_checkpoint(
    trainer: Trainer, run: Run, fingerprint: str, *, writing: bool = True, given: TrainConfig | None = None
) -> dict[str, Any]:
    """Restore the run's newest checkpoint; without one, leave the trainer at its initial weights.

    Args:
        trainer: a new trainer of the run's config.
        run: where the checkpoints are.
        fingerprint: identity of the data set's content.
        writing: whether this process writes the run directory; it drops what was logged after the checkpoint.
        given: the options as they were given, for the command that an error names; by default the trainer's.

    Returns:
        What `save_checkpoint` got as `health_state`, and as `unfinished` if it got that; empty without a checkpoint, or
        one without them.

    Raises:
        UserError: the run was trained on other images, or with another loss or regularizer.
    """
    checkpoint = run.checkpoints.latest()
    health_state: dict[str, Any] = {}
    if checkpoint is not None:
        health_state = _health_state(str(checkpoint.pop("health", "")))
        unfinished = parse_json(str(checkpoint.pop("unfinished", "")))
        if isinstance(unfinished, dict) and all(map(is_number, unfinished.values())):
            health_state["unfinished"] = unfinished
        if str(checkpoint.pop("fingerprint", "")) != fingerprint:
            raise UserError(
                f"The images are not those that {run.path} was trained on.",
                new_run_hint(
                    given or trainer.config, run, "Restore them to resume, or choose another --run-dir to start afresh."
                ),
            )
        if (objective := str(checkpoint.pop("objective", trainer.objective))) != trainer.objective:
            raise UserError(
                f"{run.path} was trained with the loss {objective}, now {trainer.objective}.",
                "Resume with the same loss and regularizer, or choose another --run-dir to start afresh.",
            )
        trainer.restore(checkpoint)
    if writing:
        run.checkpoints.remove_after(trainer.step)  # later ones could not be read
        run.checkpoints.prune(trainer.config.keep_checkpoints, _protected_steps(trainer, health_state))
        logged = trainer.step - ("unfinished" in health_state)
        report_damaged_records(run, trainer.step, logged)
        run.rewind_log(logged)
        if "events" in health_state:
            run.rewind_health_events(health_state["events"])
    return health_state


def first_checkpoint(trainer: Trainer, run: Run) -> dict[str, np.ndarray]:
    """Return the checkpoint of a run before its first step, which a rollback may return to.

    Args:
        trainer: with its initial weights, not restored yet.
        run: a run whose initial weights are another run's keeps them as its own first checkpoint.

    Returns:
        Arrays by name; empty if the run has lost its first checkpoint.
    """
    if trainer.config.init_from and run.checkpoints.exist():
        return run.checkpoints.at(0) or {}
    return trainer.checkpoint()


def weights_digest(trainer: Trainer) -> bytes:
    """Return a SHA-256 of everything that the next step depends on, to compare with that of other workers."""
    digest = hashlib.sha256()
    for name, array in trainer.arrays():
        digest.update(name.encode() + array.tobytes())
    return digest.digest()


def report_damaged_records(run: Run, step: int, logged: int) -> None:
    """Print which files of records are damaged; training does not depend on them.

    Args:
        run: a run that is resumed.
        step: step of its checkpoint.
        logged: last step that was logged before the checkpoint was written.
    """
    for file in (run.log_file, run.health_file):
        if damaged := count_damaged_lines(file):
            print(f"{file} is damaged: {damaged} of its lines can't be used.")
    if logged == step > 0 and all(record["step"] != step for record in run.log_records()):
        print(f"{run.log_file} is damaged: it has no line about step {step}.")


def save_checkpoint(
    trainer: Trainer,
    run: Run,
    fingerprint: str,
    health_state: dict[str, Any] | None = None,
    unfinished: dict[str, float] | None = None,
) -> None:
    """Write the EMA generator, then the checkpoint, so that a checkpoint is never ahead of its generator.

    Args:
        trainer: in its current state.
        run: where to write.
        fingerprint: identity of the data set's content.
        health_state: what `HealthChecks.state_at_checkpoint` returns; its `targets` are steps of checkpoints that stay.
        unfinished: metrics of the step, if it has to be evaluated and logged before training continues.

    Raises:
        UserError: the checkpoint holds a NaN or infinite value, or a file can't be written; earlier files stay.
    """
    checkpoint = trainer.checkpoint()
    if names := nonfinite_arrays(checkpoint.items()):
        raise training_stopped(run, HealthIssue(trainer.step, describe_nonfinite(names)), 0)
    run.save_generator(trainer.sampling_generator())
    health_state = health_state or {}
    arrays = {
        **checkpoint,
        "fingerprint": np.array(fingerprint),
        "objective": np.array(trainer.objective),
        "health": np.array(json.dumps(health_state)),
    }
    if unfinished is not None:
        arrays["unfinished"] = np.array(json.dumps(unfinished))
    protected = _protected_steps(trainer, health_state)
    run.checkpoints.save(trainer.step, arrays, trainer.config.keep_checkpoints, protected)


def _protected_steps(trainer: Trainer, health_state: Mapping[str, Any]) -> list[int]:
    """Return the steps of checkpoints that are not removed: those that the run may be rolled back to.

    One is that of initial weights from another run, which may be gone when they are needed again.
    """
    return [*health_state.get("targets", ()), *([0] if trainer.config.init_from else [])]


def _health_state(text: str) -> dict[str, Any]:
    """Return the health state in a checkpoint; empty for one that has none, or a damaged one."""
    state = parse_json(text)
    if not isinstance(state, dict):
        return {}
    counts = [state.get("events"), state.get("rollbacks"), *(state.get("targets") or [None])]
    valid = all(type(count) is int and count >= 0 for count in counts)
    return state if valid else {}


def save_samples(trainer: Trainer, run: Run, classes: Classes | None) -> np.ndarray:
    """Write a grid of the images that `python generate.py` generates by default; return it, uint8 (H, W, C).

    Args:
        trainer: its EMA generator is used.
        run: where to write.
        classes: of a conditional run; one row each.
    """
    selection = default_selection(classes)
    inputs = selection.rows(trainer.config.latent_dim)
    grid = tile(generate_images(trainer.sampling_generator(), inputs), selection.columns)
    notes = {"Software": "dcgan", "Step": str(trainer.step), "Seeds": str(selection.seeds)}
    save_png(run.sample_file(trainer.step), grid, notes)
    return grid


def save_real_grid(run: Run, images: np.ndarray) -> None:
    """Write a grid of up to 64 of the images, uint8 (N, H, W, C), as the networks see them.

    Args:
        run: where to write.
        images: the images of the data set.
    """
    indices = evenly_spaced(len(images), min(len(images), NUM_REAL_IMAGES))
    save_png(run.real_grid_file, tile(images[indices]))
