"""A training that goes wrong, noticed, said in words, and taken back to where it was well.

What is noticed: a discriminator that has won, from the losses; a generator that has collapsed, from how much its
pictures differ, beside how much the data's do; numbers that are none any more. After a collapse, such numbers, or a
victory that lasts, the training goes back to a state that was well and goes on with half the learning rates, a few
times at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dcgan.core.errors import UserError
from dcgan.runs import Run

NUM_IMAGES = 128
"""As many are compared with each other, and as many of the data's."""

LOW = 0.2
"""Below this part of the data's diversity a generator counts as collapsed. Healthy ones stay above a half, but for
the first few hundred steps."""

GRACE = 500
"""Steps in which a generator that never drew different pictures may still be learning to."""

NUMBERS_EVERY = 50
PICTURES_EVERY = 250
"""Steps between two looks at the losses, and at the pictures: the same however often numbers are logged, grids drawn
and states saved, so that these don't decide what is noticed."""

PATIENCE = 3
"""Looks in a row at which the pictures have to be too much alike, or the discriminator too sure."""

WON = 0.01
"""D's loss below which it is so sure that next to nothing of its gradient reaches the generator."""

HOPELESS = 20
"""Looks in a row at which it has won, after which the generator won't come back by itself."""

MOST_REMEDIES = 3
REMEDY = 0.5
"""What the learning rates are multiplied by."""

WORSE = 1.5
"""How many times its best the distance to the data has to be, `PATIENCE` times in a row, to be worth a word."""


@dataclass(frozen=True)
class HealthIssue:
    """Something that training can't go on with.

    Args:
        step: at which it was noticed.
        message: in words, with its figure, to be put behind "step N: ".
    """

    step: int
    message: str


def diversity(pictures: np.ndarray, real: np.ndarray) -> float:
    """How much pictures differ from each other, beside as many real ones: 0 for copies of one, about 1 for real ones.

    The smaller of two ratios: of the mean distance of two pictures, which falls when all become alike, and of the
    median distance to the nearest other one, which falls when there are only a few of them.

    Args:
        pictures, real: numbers (N, …) on one scale.

    Returns:
        A number of at least 0; 1 where nothing can be said, as the data are all alike or a single image.
    """
    (mean, nearest), (real_mean, real_nearest) = _distances(pictures), _distances(real)
    return min(mean / real_mean if real_mean else 1.0, nearest / real_nearest if real_nearest else 1.0)


def _distances(pictures: np.ndarray) -> tuple[float, float]:
    """The mean distance of two pictures, and the median distance to the nearest other one; 0 where there is none."""
    if len(pictures) < 2:
        return 0.0, 0.0
    rows = np.asarray(pictures, np.float64).reshape(len(pictures), -1)
    squares = (rows**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * rows @ rows.T, 0.0))
    others = distances[~np.eye(len(rows), dtype=bool)].reshape(len(rows), -1)
    return float(others.mean()), float(np.median(others.min(axis=1)))


class HealthMonitor:
    """Judges a training by what it shows.

    Args:
        real: uint8 (N, H, W, C), some of the data's images, chosen at random.
        memory: what `memory` gave when the state was saved that training goes on from.
        best: the shortest distance to the data so far, if any was measured.
    """

    def __init__(self, real: np.ndarray, memory: Mapping[str, Any] | None = None, best: float | None = None):
        self.real = real[: min(NUM_IMAGES, len(real))]
        memory = memory or {}
        self._alike, self._sure = (_count(memory.get(name)) for name in ("alike", "sure"))
        self._was_well = memory.get("was_well") is True
        self._found = 1.0
        self._worse, self._best = 0, best

    def memory(self) -> dict[str, Any]:
        """What it has to know when training goes on after a stop, and whether all was well."""
        return {"well": self.well, "alike": self._alike, "sure": self._sure, "was_well": self._was_well}

    def look_afresh(self) -> None:
        """Forget what was seen of steps that have been taken back."""
        self._alike = self._sure = 0
        self._found = 1.0

    def look_at_numbers(self, numbers: dict[str, float]) -> tuple[str | None, str | None]:
        """Judge the losses of a logged step: a warning, once each time the discriminator wins, and what is wrong."""
        self._sure = self._sure + 1 if numbers["d_loss"] < WON else 0
        if self._sure < PATIENCE or PATIENCE < self._sure < HOPELESS:
            return None, None
        seen = (
            f"the discriminator has won (D loss {numbers['d_loss']:.2g}, D(x) {numbers['d_real']:.3f}, "
            f"D(G(z)) {numbers['d_fake']:.3f})"
        )
        if self._sure >= HOPELESS:
            return None, f"{seen} for {HOPELESS} looks in a row"
        return f"{seen}: the generator learns next to nothing from it. If that stays, lower --discriminator-lr.", None

    def look_at_pictures(self, step: int, pictures: np.ndarray, counts: bool = True) -> tuple[float, str | None]:
        """Judge what the generator draws.

        Args:
            step: at which it draws.
            pictures: uint8 (N, H, W, C).
            counts: whether it is one of the looks in a row, or an additional one: is all well at this moment?

        Returns:
            The diversity, and what is wrong with it, if anything.
        """
        found = self._found = diversity(pictures[: len(self.real)], self.real)
        if not counts:
            return found, None
        self._was_well |= found >= LOW
        self._alike = self._alike + 1 if found < LOW and (self._was_well or step > GRACE) else 0
        if self._alike < PATIENCE:
            return found, None
        return found, f"the generator has collapsed: its pictures differ {found:.2f} times as much as the data's"

    @property
    def well(self) -> bool:
        """Whether, when it looked last, the pictures differed enough and the discriminator had not won."""
        return self._alike == 0 and self._sure == 0 and self._found >= LOW

    def look_at_distance(self, distance: float) -> str | None:
        """Judge a distance to the data; returns a warning, once each time the pictures have got worse for good."""
        self._best = distance if self._best is None else min(self._best, distance)
        self._worse = self._worse + 1 if distance > WORSE * self._best else 0
        if self._worse != PATIENCE:
            return None
        return (
            f"the pictures are getting worse: distance {distance:.3g}, after {self._best:.3g} at its best. "
            "The best generator is kept in best.keras (--weights best)."
        )


def check_due(step: int) -> tuple[bool, bool]:
    """Whether the guard looks at the losses of a step, and at its pictures."""
    return step % NUMBERS_EVERY == 0, step % PICTURES_EVERY == 0


def _count(value: object) -> int:
    """A number of looks, from a file."""
    return value if type(value) is int and 0 <= value < HOPELESS else 0


def describe_nonfinite(names: list[str]) -> str:
    """The words for numbers that are none any more."""
    rest = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"training diverged: {names[0]}{rest} is not a number any more"


def nonfinite_arrays(state: dict[str, np.ndarray]) -> list[str]:
    """The names of the arrays that hold an infinity or what is no number: nothing could go on from them."""
    return [name for name, array in state.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]


def training_stopped(run: Run, trouble: HealthIssue, remedies: int) -> UserError:
    """The error that ends a training.

    Args:
        run: whether it holds an earlier state decides what to do next.
        trouble: what was seen last.
        remedies: how often it has gone back before.
    """
    lower = "with a lower --generator-lr and --discriminator-lr"
    if run.checkpoints.exist():
        hint = f"{run.path} keeps its last good state; another --run-dir {lower} may do better."
    else:
        hint = f"Nothing was saved yet; try again {lower}."
    after = f" It had gone back and halved both learning rates {remedies} times before." if remedies else ""
    return UserError(f"Step {trouble.step}: {trouble.message}.{after}", hint)
