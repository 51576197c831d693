"""Check the health of a training run at its steps, warn, and roll back."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed
from dcgan.data import ImageDataset
from dcgan.runs import Run
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
        *,
        enabled: bool,
    ):
        self.job, self.run, self.trainer, self.progress = job, run, trainer, progress
        self.fingerprint = dataset.fingerprint
        self.monitor = self.rollback = None
        if enabled and job.is_chief:
            best = run.best_metrics(scale).get("frechet_distance")
            state = run.health_states().get(trainer.step)
            self.monitor = HealthMonitor(_random_images(dataset.images, trainer.config.seed), state, best)
            self.rollback = Rollback(run, trainer, dataset.fingerprint)

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
        """Restore the last healthy checkpoint with lower learning rates and write it as the run's newest."""
        if self.monitor is None or self.rollback is None:
            raise training_stopped(self.run, issue, 0)
        return self.rollback.restore(issue, self.monitor)

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

    def state(self) -> dict[str, Any] | None:
        """Return what a checkpoint records; None where health is not checked."""
        return None if self.monitor is None else self.monitor.state()

    def remember(self, checkpoint: dict[str, np.ndarray]) -> None:
        """Remember a checkpoint to roll back to, if the run is healthy."""
        if self.monitor is not None and self.rollback is not None and self.monitor.healthy:
            self.rollback.remember(checkpoint)

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
    before it is used.

    Args:
        run: where checkpoints and health events are written.
        trainer: its current state counts as healthy unless the run's health records say otherwise.
        fingerprint: identity of the data set's content, stored in every checkpoint.
    """

    def __init__(self, run: Run, trainer: Trainer, fingerprint: str):
        self.run, self.trainer, self.fingerprint = run, trainer, fingerprint
        self._healthy = [self._latest_healthy()]
        self._tried = False

    def _latest_healthy(self) -> dict[str, np.ndarray]:
        """Return the checkpoint to roll back to: the newest one, up to the current step, recorded as healthy."""
        records, here = self.run.health_states(), self.trainer.step
        healthy = (s for s in self.run.checkpoints.steps() if records.get(s, {"healthy": True}).get("healthy"))
        newest = next((step for step in healthy if step <= here), here)
        earlier = self.run.checkpoints.at(newest) if newest < here else None
        return earlier or self.trainer.checkpoint()

    def remember(self, checkpoint: dict[str, np.ndarray]) -> None:
        """Remember a healthy checkpoint."""
        self._healthy = [*self._healthy[-1:], checkpoint]
        self._tried = False

    def restore(self, issue: HealthIssue, monitor: HealthMonitor) -> str:
        """Restore a healthy checkpoint with lower learning rates and make it the run's newest.

        Args:
            issue: what was detected.
            monitor: what detected it; its counts are reset.

        Returns:
            What was detected and what was done, as one line.

        Raises:
            UserError: the run was rolled back too often already.
        """
        before = sum("action" in event for event in self.run.health_events())
        if before >= MAX_ROLLBACKS:
            raise training_stopped(self.run, issue, before)
        if self._tried and len(self._healthy) > 1:
            self._healthy.pop()
        self._tried = True
        self.trainer.restore(self._healthy[-1])
        g_rate, d_rate = self.trainer.scale_learning_rates(LEARNING_RATE_FACTOR ** (before + 1))
        step = self.trainer.step
        self.run.checkpoints.remove_after(step)
        monitor.reset()
        save_checkpoint(self.trainer, self.run, self.fingerprint, monitor.state())
        action = f"rolled back to step {step}, learning rates of G and D now {g_rate:.3g} and {d_rate:.3g}"
        self.run.log_health_event(
            {"step": issue.step, "message": issue.message, "rolled_back_to": step, "action": action}
        )
        return f"{issue.message}; {action} (rollback {before + 1} of {MAX_ROLLBACKS})"


def _random_images(images: np.ndarray, seed: int) -> np.ndarray:
    """Return images chosen at random, since a folder is sorted by class."""
    bits = np.random.Philox(key=derived_seed(seed, "guard"))  # a stream's name decides its numbers, so it never changes
    indices = np.random.Generator(bits).choice(len(images), min(NUM_IMAGES, len(images)), replace=False)
    return images[np.sort(indices)]
