"""What is due at which step of a run."""

from typing import Literal

from dcgan.config import ResolvedTrainConfig
from dcgan.training.health import DIVERSITY_CHECK_INTERVAL, LOSS_CHECK_INTERVAL

Event = Literal["losses", "diversity", "evaluate", "log", "sample", "checkpoint"]


class Schedule:
    """Counts steps and says which events are due after the last one.

    Everything depends on the step number alone, so a resumed run does the same as an uninterrupted one.

    Args:
        config: options of the run.
        start: steps that are done already.
        last: number of the last step.
        health_checks: whether losses and diversity are checked.
        is_chief: whether this process evaluates, samples and writes checkpoints for all.
    """

    def __init__(
        self, config: ResolvedTrainConfig, start: int, last: int, *, health_checks: bool, is_chief: bool = True
    ):
        self.step, self.last, self.stop_requested, self.is_chief = start, last, False, is_chief
        self._intervals: dict[Event, int] = {
            "log": config.log_every,
            "sample": config.sample_every,
            "checkpoint": config.save_every,
        }
        if config.evaluate_every is not None:
            self._intervals["evaluate"] = config.evaluate_every
        if health_checks:
            self._intervals |= {"losses": LOSS_CHECK_INTERVAL, "diversity": DIVERSITY_CHECK_INTERVAL}

    @property
    def finished(self) -> bool:
        """Whether the last step is done or a stop was requested."""
        return self.stop_requested or self.step >= self.last

    def steps_until_next_event(self, limit: int) -> int:
        """Return how many steps to do in one call: up to the next event, the last step, or `limit`."""
        next_event = min(self.step + interval - self.step % interval for interval in self._intervals.values())
        return min(limit, min(next_event, self.last) - self.step)

    def advance(self, steps: int, stop_requested: bool) -> int:
        """Count steps that were done; return the number of the last one.

        Args:
            steps: number of steps that were done.
            stop_requested: whether training ends after them.
        """
        self.step, self.stop_requested = self.step + steps, stop_requested
        return self.step

    def rewind(self, step: int) -> None:
        """Continue from an earlier step."""
        self.step = step

    def due(self, *events: Event) -> bool:
        """Whether any of some events is due after the last step.

        The end of training also logs, samples and writes a checkpoint. It evaluates only after the last step, since
        someone who interrupts a run does not want to wait that long.
        """
        return any(self._due(event) for event in events)

    def _due(self, event: Event) -> bool:
        if event not in self._intervals or (not self.is_chief and event in ("evaluate", "sample", "checkpoint")):
            return False
        if event == "log" and self.due("checkpoint", "evaluate"):
            return True
        ending = self.step >= self.last if event == "evaluate" else self.finished
        return self.step % self._intervals[event] == 0 or (ending and event in ("evaluate", "sample", "checkpoint"))
