"""Check the health of a training run at its steps, warn, and roll back."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed
from dcgan.data import ImageDataset
from dcgan.runs import Run
from dcgan.runs.jsonl import is_number
from dcgan.training.agreement import step_of_chief
from dcgan.training.checkpointing import restore_checkpoint, save_checkpoint
from dcgan.training.distributed import Job
from dcgan.training.health import (
    LEARNING_RATE_FACTOR,
    MAX_ROLLBACKS,
    NUM_IMAGES,
    HealthIssue,
    HealthMonitor,
    describe_nonfinite,
    nonfinite_arrays,
    training_stopped,
)
from dcgan.training.progress import Progress
from dcgan.training.schedule import Schedule
from dcgan.training.trainer import Trainer

TRAINING_ENDED = -1
"""What the chief tells the other workers instead of a step when it does not roll back but ends training."""


class HealthChecks:
    """Runs the checks that are due, reports warnings, and rolls back.

    Metrics that are NaN or infinite end training even where the checks are disabled. Of several workers, the chief
    checks; the others follow when it rolls back.

    Args:
        job: this process and its workers.
        run: where health events are recorded.
        dataset: what the run is trained on; some of its images are what diversity is compared with.
        trainer: whose metrics, images and weights are checked.
        progress: where warnings are reported.
        scale: how distances are measured; the best distance so far is remembered on the same scale only.
        initial: checkpoint of the trainer before its first step.
        state: what `state` returned when the checkpoint was written that training resumes from; empty without one.
        enabled: whether losses, diversity and distances are checked.
    """

    def __init__(
        self,
        job: Job,
        run: Run,
        dataset: ImageDataset,
        trainer: Trainer,
        progress: Progress,
        scale: str,
        initial: dict[str, np.ndarray],
        state: Mapping[str, Any],
        *,
        enabled: bool,
    ):
        self.job, self.run, self.trainer, self.progress, self.scale = job, run, trainer, progress, scale
        self.fingerprint = dataset.fingerprint
        self.monitor = self.rollback = None
        self._decided = trainer.step if "unfinished" in state else None
        if enabled and job.is_chief:
            best = state.get("best") if state.get("scale") == scale else run.best_metrics(scale).get("frechet_distance")
            real = _random_images(dataset.images, trainer.config.seed)
            self.monitor = HealthMonitor(real, state, best if is_number(best) else None)
            self.rollback = Rollback(run, trainer, initial, state)

    def check(self, step: int, metrics: dict[str, float], schedule: Schedule) -> HealthIssue | None:
        """Return what training cannot continue with, if anything; `diversity` is added to the metrics if measured.

        Args:
            step: number of the last step.
            metrics: metrics of that step.
            schedule: what is due after it.

        Returns:
            The issue; None if training can continue, and on workers other than the chief.
        """
        if not self.job.is_chief:
            return None
        if names := [name for name, value in metrics.items() if not math.isfinite(value)]:
            return HealthIssue(step, describe_nonfinite([" and ".join(names)]))
        if self.monitor is not None:
            message = self._check_losses(step, metrics) if schedule.due("losses") else None
            if message is None and schedule.due("diversity", "checkpoint"):
                images = self.trainer.sample_raw(len(self.monitor.real))
                value, message = self.monitor.check_diversity(step, images, scheduled=schedule.due("diversity"))
                metrics["diversity"] = round(value, 4)
            if message is not None:
                return HealthIssue(step, message)
        weights_due = schedule.due("evaluate") or (schedule.due("checkpoint") and self.monitor is not None)
        if weights_due and (names := nonfinite_arrays(self.trainer.arrays())):
            return HealthIssue(step, describe_nonfinite(names))
        return None

    def roll_back(self, issue: HealthIssue | None) -> str:
        """Restore the last healthy checkpoint on every worker with lower learning rates, or end training on all.

        Args:
            issue: what training cannot continue with; None on workers other than the chief.

        Returns:
            What was detected and what was done, as one line; empty on workers other than the chief.

        Raises:
            UserError: health is not checked, or the run was rolled back too often already.
        """
        if issue is None:
            self._follow_chief()
            return ""
        try:
            message = self._roll_back_chief(issue)
        except UserError:
            step_of_chief(self.job, self.trainer.strategy, TRAINING_ENDED)
            raise
        step_of_chief(self.job, self.trainer.strategy, self.trainer.step)
        return message

    def _roll_back_chief(self, issue: HealthIssue) -> str:
        """Restore the last healthy checkpoint with lower learning rates and write it as the run's newest.

        Whatever a crash leaves of this, training continues from a checkpoint that knows nothing of the rollback, and
        repeats it, or from the one that is written here.
        """
        if self.monitor is None or self.rollback is None:
            raise training_stopped(self.run, issue, 0)
        message, event = self.rollback.restore(issue)
        self.monitor.reset()
        self.run.log_health_event(event)
        save_checkpoint(self.trainer, self.run, self.fingerprint, self._state(self.monitor, self.rollback))
        self.run.checkpoints.remove_after(self.trainer.step)
        return message

    def _follow_chief(self) -> None:
        """Wait until the chief has rolled back, and restore the checkpoint that it wrote."""
        step = step_of_chief(self.job, self.trainer.strategy, 0)
        if step == TRAINING_ENDED:
            raise UserError("Worker 0 ended the training.", "Its output says why.")
        restore_checkpoint(self.trainer, self.run, self.fingerprint, writing=False)
        if self.trainer.step != step:
            raise UserError(
                f"Worker 0 rolled back to step {step}, but the newest checkpoint here is of step {self.trainer.step}.",
                "--run-dir has to be a folder that all workers share.",
            )

    def check_distance(self, step: int, distance: float) -> None:
        """Warn when the generated images get worse.

        Args:
            step: number of the step that was evaluated.
            distance: Fréchet distance of the generated images.
        """
        if self.monitor is not None:
            self._warn(step, self.monitor.check_distance(distance))

    def state_at_checkpoint(self) -> dict[str, Any] | None:
        """Return what the checkpoint of this step records, which may be rolled back to if the run is healthy.

        Returns:
            Values that JSON can represent; `targets` are the steps of the checkpoints that have to be kept. None where
            health is not checked.
        """
        if self.monitor is None or self.rollback is None:
            return None
        decided, self._decided = self._decided, None  # `state` says whether that one is healthy
        if self.monitor.healthy and self.trainer.step != decided:
            self.rollback.remember(self.trainer.step)
        return self._state(self.monitor, self.rollback)

    def _state(self, monitor: HealthMonitor, rollback: "Rollback") -> dict[str, Any]:
        events = len(self.run.health_events())
        return {**monitor.state(), **rollback.state(), "scale": self.scale, "events": events}

    def _check_losses(self, step: int, metrics: Mapping[str, float]) -> str | None:
        assert self.monitor is not None
        warning, message = self.monitor.check_losses(metrics)
        self._warn(step, warning)
        return message

    def _warn(self, step: int, warning: str | None) -> None:
        """Report and record something that training can continue with."""
        if warning is not None:
            self.progress.say(f"step {step}: {warning}")
            self.run.log_health_event({"step": step, "message": warning})


class Rollback:
    """Remembers the two latest healthy checkpoints of a run and returns to them.

    If training fails again before the next healthy checkpoint, the latest one was not healthy either, and the one
    before it is used. Only checkpoints at multiples of `--save-every` are remembered: where a run was stopped does not
    decide where it goes back to.

    Args:
        run: where the checkpoints are.
        trainer: what is restored.
        initial: checkpoint of the trainer before its first step, which is in the run only with `--init-from`.
        state: what `state` returned when the checkpoint was written that training resumes from. Without it, the current
            state counts as healthy.
    """

    def __init__(self, run: Run, trainer: Trainer, initial: dict[str, np.ndarray], state: Mapping[str, Any]):
        self.run, self.trainer, self.initial = run, trainer, initial
        self._targets: list[int] = list(state.get("targets", [trainer.step]))
        self._tried = state.get("tried") is True
        self._rollbacks: int = state.get("rollbacks", sum("action" in event for event in run.health_events()))

    def state(self) -> dict[str, Any]:
        """Return what has to be remembered when the run is resumed."""
        return {"targets": self._targets, "tried": self._tried, "rollbacks": self._rollbacks}

    def remember(self, step: int) -> None:
        """Remember the healthy checkpoint of a step, which is about to be written."""
        if step % self.trainer.config.save_every == 0:
            self._targets = [*(target for target in self._targets[-1:] if target != step), step]
            self._tried = False

    def restore(self, issue: HealthIssue) -> tuple[str, dict[str, Any]]:
        """Restore a healthy checkpoint with lower learning rates.

        Args:
            issue: what was detected.

        Returns:
            What was detected and what was done: as one line, and as a health event.

        Raises:
            UserError: the run was rolled back too often already.
        """
        if self._rollbacks >= MAX_ROLLBACKS:
            raise training_stopped(self.run, issue, self._rollbacks)
        if self._tried and len(self._targets) > 1:
            self._targets.pop()
        self._tried = True
        self._rollbacks += 1
        self.trainer.restore(self._read_target())
        g_rate, d_rate = self.trainer.scale_learning_rates(LEARNING_RATE_FACTOR**self._rollbacks)
        step = self.trainer.step
        action = f"rolled back to step {step}, learning rates of G and D now {g_rate:.3g} and {d_rate:.3g}"
        event = {"step": issue.step, "message": issue.message, "rolled_back_to": step, "action": action}
        return f"{issue.message}; {action} (rollback {self._rollbacks} of {MAX_ROLLBACKS})", event

    def _read_target(self) -> dict[str, np.ndarray]:
        """Return the last checkpoint to return to; in place of a damaged one, the one before it, at last the first."""
        while self._targets:
            checkpoint = self.run.checkpoints.at(self._targets[-1])
            if checkpoint is not None or self._targets[-1] == 0:
                return checkpoint or self._first()
            file = self.run.checkpoints.file(self._targets.pop())
            print(f"{file} is missing or damaged: the run returns to the checkpoint before.")
        self._targets = [0]
        return self._first()

    def _first(self) -> dict[str, np.ndarray]:
        """Return the checkpoint of the initial weights; those of another run are in the run's own first checkpoint."""
        if not self.initial:
            file = self.run.checkpoints.file(0)
            raise UserError(
                f"{file} is missing or damaged: the run can't return to the weights that it began with.",
                "Restore it from a copy, or choose another --run-dir to start afresh.",
            )
        return self.initial


def _random_images(images: np.ndarray, seed: int) -> np.ndarray:
    """Return images chosen at random, since a folder is sorted by class."""
    bits = np.random.Philox(key=derived_seed(seed, "guard"))  # a stream's name decides its numbers, so it never changes
    indices = np.random.Generator(bits).choice(len(images), min(NUM_IMAGES, len(images)), replace=False)
    return images[np.sort(indices)]
