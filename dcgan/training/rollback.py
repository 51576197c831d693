"""Roll back to a healthy checkpoint, with lower learning rates."""

import numpy as np

from dcgan.runs import Run
from dcgan.training.checkpointing import save_checkpoint
from dcgan.training.health import (
    LEARNING_RATE_FACTOR,
    MAX_ROLLBACKS,
    HealthIssue,
    HealthMonitor,
    training_stopped,
)
from dcgan.training.trainer import Trainer


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
