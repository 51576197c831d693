"""Detect training that goes wrong: a discriminator that has won, a collapsed generator, NaN or infinite values.

After a collapse, a NaN or infinite value, or a discriminator that keeps winning, training rolls back to the last
healthy checkpoint and continues with half the learning rates, a few times at most (see `dcgan.training.health_checks`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dcgan.core.errors import UserError
from dcgan.runs import Run

NUM_IMAGES = 128
"""Generated images that are compared with each other, and as many real ones."""

MIN_DIVERSITY = 0.2
"""Fraction of the data's diversity below which a generator counts as collapsed. Healthy generators stay above one half
except in the first few hundred steps."""

GRACE_STEPS = 500
"""Steps during which a generator that was never diverse is given time to become so."""

LOSS_CHECK_INTERVAL = 50
DIVERSITY_CHECK_INTERVAL = 250
"""Steps between two checks of the losses, and of the generated images. They are fixed, so that how often a run logs,
samples and writes checkpoints does not decide what is detected."""

PATIENCE = 3
"""Consecutive checks with low diversity, or with a winning discriminator, before they count."""

WON_LOSS = 0.01
"""Discriminator loss below which hardly any gradient reaches the generator."""

MAX_WON_CHECKS = 20
"""Consecutive checks with a winning discriminator after which the generator will not recover by itself."""

MAX_ROLLBACKS = 3
LEARNING_RATE_FACTOR = 0.5
"""Factor of both learning rates at each rollback."""

WORSE_FACTOR = 1.5
"""How many times its best value the distance to the data has to be, `PATIENCE` times in a row, for a warning."""


@dataclass(frozen=True)
class HealthIssue:
    """A problem that training cannot continue with.

    Args:
        step: at which it was detected.
        message: what was detected, with its value, to be printed after "step N: ".
    """

    step: int
    message: str


def diversity(images: np.ndarray, real: np.ndarray) -> float:
    """Return how much images differ from each other, relative to real ones: 0 for copies of one, about 1 for real ones.

    The smaller of two ratios: of the mean distance between two images, which falls when all become alike, and of the
    median distance to the nearest other image, which falls when there are only a few different ones.

    Args:
        images: numbers (N, …).
        real: numbers (M, …), on the same scale.

    Returns:
        A number of at least 0; 1 where it is undefined, because all real images are equal or there is only one.
    """
    (mean, nearest), (real_mean, real_nearest) = _distances(images), _distances(real)
    return min(mean / real_mean if real_mean else 1.0, nearest / real_nearest if real_nearest else 1.0)


def _distances(images: np.ndarray) -> tuple[float, float]:
    """Return the mean distance between two images and the median distance to the nearest other one, 0 if undefined."""
    if len(images) < 2:
        return 0.0, 0.0
    rows = np.asarray(images, np.float64).reshape(len(images), -1)
    squares = (rows**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * rows @ rows.T, 0.0))
    others = distances[~np.eye(len(rows), dtype=bool)].reshape(len(rows), -1)
    return float(others.mean()), float(np.median(others.min(axis=1)))


class HealthMonitor:
    """Decides from losses, generated images and distances whether a run is healthy.

    Args:
        real: uint8 (N, H, W, C), real images chosen at random.
        state: what `state` returned when the checkpoint was written that training resumes from.
        best: smallest distance to the data up to that checkpoint, if any was measured.
    """

    def __init__(self, real: np.ndarray, state: Mapping[str, Any] | None = None, best: float | None = None):
        self.real = real[: min(NUM_IMAGES, len(real))]
        state = state or {}
        self._low_checks, self._won_checks, self._worse_checks = (
            _check_count(state.get(name)) for name in ("low_checks", "won_checks", "worse_checks")
        )
        self._was_diverse = state.get("was_diverse") is True
        self._diversity = 1.0
        self._best = best

    def state(self) -> dict[str, Any]:
        """Return what has to be remembered when the run is resumed."""
        return {
            "low_checks": self._low_checks,
            "won_checks": self._won_checks,
            "worse_checks": self._worse_checks,
            "was_diverse": self._was_diverse,
            "best": self._best,
        }

    def reset(self) -> None:
        """Forget the checks of steps that were rolled back."""
        self._low_checks = self._won_checks = self._worse_checks = 0
        self._diversity = 1.0

    def check_losses(self, metrics: Mapping[str, float]) -> tuple[str | None, str | None]:
        """Check whether the discriminator has won.

        Args:
            metrics: `d_loss`, `d_real` and `d_fake` of one step.

        Returns:
            A warning, once each time the discriminator wins, and the problem if it has won for too long.
        """
        self._won_checks = self._won_checks + 1 if metrics["d_loss"] < WON_LOSS else 0
        if self._won_checks < PATIENCE or PATIENCE < self._won_checks < MAX_WON_CHECKS:
            return None, None
        message = (
            f"the discriminator has won (D loss {metrics['d_loss']:.2g}, D(x) {metrics['d_real']:.3f}, "
            f"D(G(z)) {metrics['d_fake']:.3f})"
        )
        if self._won_checks >= MAX_WON_CHECKS:
            return None, f"{message} in {MAX_WON_CHECKS} consecutive checks"
        advice = "If this persists, try another --run-dir with a lower --discriminator-lr."
        return f"{message}; the generator learns next to nothing. {advice}", None

    def check_diversity(self, step: int, images: np.ndarray, scheduled: bool = True) -> tuple[float, str | None]:
        """Check whether the generator has collapsed.

        Args:
            step: at which the images were generated.
            images: uint8 (N, H, W, C).
            scheduled: whether this is one of the regular checks that are counted; False only updates `healthy`.

        Returns:
            The diversity, and the problem if there is one.
        """
        value = self._diversity = diversity(images[: len(self.real)], self.real)
        if not scheduled:
            return value, None
        self._was_diverse |= value >= MIN_DIVERSITY
        low = value < MIN_DIVERSITY and (self._was_diverse or step > GRACE_STEPS)
        self._low_checks = self._low_checks + 1 if low else 0
        if self._low_checks < PATIENCE:
            return value, None
        return value, f"the generator has collapsed: its images differ {value:.2f} times as much as the data's"

    @property
    def healthy(self) -> bool:
        """Whether the latest checks found enough diversity and a discriminator that has not won."""
        return self._low_checks == 0 and self._won_checks == 0 and self._diversity >= MIN_DIVERSITY

    def check_distance(self, distance: float) -> str | None:
        """Check a distance to the data; return a warning, once each time the images get worse and stay so."""
        self._best = distance if self._best is None else min(self._best, distance)
        self._worse_checks = self._worse_checks + 1 if distance > WORSE_FACTOR * self._best else 0
        if self._worse_checks != PATIENCE:
            return None
        return (
            f"the generated images are getting worse: distance {distance:.3g}, after {self._best:.3g} at best. "
            "The best generator is kept in best.keras (--weights best)."
        )


def _check_count(value: object) -> int:
    """Return a number of checks read from a file, 0 if it is not valid."""
    return value if type(value) is int and 0 <= value < 10**6 else 0


def describe_nonfinite(names: list[str]) -> str:
    """Return the message for metrics or arrays that are NaN or infinite."""
    rest = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"training diverged: {names[0]}{rest} became NaN or infinite"


def nonfinite_arrays(arrays: Iterable[tuple[str, np.ndarray]]) -> list[str]:
    """Return the names of the arrays that hold a NaN or infinite value: training could not continue from them."""
    return [name for name, array in arrays if array.dtype.kind == "f" and not np.isfinite(array).all()]


def training_stopped(run: Run, issue: HealthIssue, rollbacks: int) -> UserError:
    """Return the error that ends a run.

    Args:
        run: whether it holds an earlier checkpoint decides the advice.
        issue: what was detected last.
        rollbacks: how often the run was rolled back before.
    """
    lower = "with a lower --generator-lr and --discriminator-lr"
    if run.checkpoints.exist():
        hint = f"{run.path} keeps its last healthy checkpoint; another --run-dir {lower} may do better."
    else:
        hint = f"No checkpoint was written yet; try again {lower}."
    after = f" It was rolled back {rollbacks} times before, each with half the learning rates." if rollbacks else ""
    return UserError(f"Step {issue.step}: {issue.message}.{after}", hint)
