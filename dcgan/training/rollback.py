"""Going back to a state that was well, with a remedy."""

import numpy as np

from dcgan.runs import Run
from dcgan.training.checkpointing import save
from dcgan.training.health import MOST_REMEDIES, REMEDY, HealthIssue, HealthMonitor, training_stopped
from dcgan.training.trainer import Trainer


class Rollback:
    """Remembers states that were well, and goes back to them.

    Two of them, in memory: should training go wrong again before the next one is reached, the newest was not well
    either.

    Args:
        run: where states lie, and where it is noted what was done.
        trainer: whose states they are; as it is now it counts as well, unless the guard noted otherwise.
        fingerprint: of the data, for a saved state.
    """

    def __init__(self, run: Run, trainer: Trainer, fingerprint: str):
        self.run, self.trainer, self.fingerprint = run, trainer, fingerprint
        self._well = [self._newest_well()]
        self._tried = False

    def _newest_well(self) -> dict[str, np.ndarray]:
        """The state to go back to: of an earlier training, the newest that the guard found well."""
        notes, here = self.run.health_states(), self.trainer.step
        well = (step for step in self.run.checkpoints.steps() if notes.get(step, {"well": True}).get("well"))
        newest = next((step for step in well if step <= here), here)
        earlier = self.run.checkpoints.at(newest) if newest < here else None
        return earlier or self.trainer.state()

    def note(self, state: dict) -> None:
        """Remember a state that is well."""
        self._well = [*self._well[-1:], state]
        self._tried = False

    def go_back(self, trouble: HealthIssue, guard: HealthMonitor) -> str:
        """Restore a state that was well, with lower learning rates, and make it the run's newest.

        Args:
            trouble: what was seen.
            guard: that saw it; it looks afresh from there.

        Returns:
            What was done, in words.

        Raises:
            UserError: that was done too often already.
        """
        before = sum("remedy" in event for event in self.run.health_events())
        if before >= MOST_REMEDIES:
            raise training_stopped(self.run, trouble, before)
        if self._tried and len(self._well) > 1:
            self._well.pop()
        self._tried = True
        self.trainer.restore(self._well[-1])
        rates = self.trainer.scale_learning_rates(REMEDY ** (before + 1))
        step = self.trainer.step
        self.run.checkpoints.remove_after(step)
        guard.look_afresh()
        save(self.trainer, self.run, self.fingerprint, self.trainer.state(), guard.memory())
        done = f"back to step {step}, learning rates of G and D now {rates[0]:.3g} and {rates[1]:.3g}"
        self.run.log_health_event({"step": trouble.step, "message": trouble.message, "back_to": step, "remedy": done})
        return f"{trouble.message}. Going {done} (remedy {before + 1} of {MOST_REMEDIES})."
