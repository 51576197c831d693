"""Vector arithmetic in the latent space: means of some latents, added and subtracted. NumPy only.

Radford et al. 2016, section 6.3.2 and figure 7: smiling woman - neutral woman + neutral man = smiling man. Latents of
single samples were unstable there; the means of three were not.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dcgan.core.errors import UserError
from dcgan.sampling.latents import iter_latents, latents
from dcgan.sampling.seeds import Seeds, parse_seeds

AMOUNT = 0.25
"""How far the cloud of figure 7 reaches from its middle, in every direction."""

CLOUD = 9
"""Points of a cloud: a square of 3×3 pictures."""

MOST_SHOWN = 6
"""Of a term's samples; of more, a sheet shows the first ones."""

_PURPOSE = 2  # the cloud's part of Philox's key; 1 is the latents'
_GRAMMAR = "Example: '0,1,2 - 3,4,5 + 6,7,8': seeds, and + or - with blanks around it; 3-5 without blanks is a range."


@dataclass(frozen=True)
class Term:
    """The mean of some seeds' latents, added (`sign` 1) or subtracted (-1)."""

    sign: int
    seeds: Seeds


@dataclass(frozen=True)
class Expression:
    """Terms to be added up, as `parse_arithmetic` reads them; `str` gives back a text that it reads.

    Args:
        terms: at least one.
    """

    terms: tuple[Term, ...]

    def shown(self, dim: int) -> list[np.ndarray]:
        """The latents a sheet shows of each term: float32 (at most 6, dim)."""
        return [latents(term.seeds[:MOST_SHOWN], dim) for term in self.terms]

    def means(self, dim: int) -> np.ndarray:
        """The mean of each term, its sign left aside: float32 (terms, dim)."""
        return np.stack([mean_latent(term.seeds, dim) for term in self.terms])

    def result(self, dim: int) -> np.ndarray:
        """What the terms add up to: float32 (dim,)."""
        return combine(zip(self.signs, self.means(dim)[:, None], strict=True))

    def results(self, dim: int, amount: float | None = None) -> np.ndarray:
        """The result alone, float32 (1, dim), or, with an amount, the cloud about it, (9, dim)."""
        return self.result(dim)[None] if amount is None else noisy_copies(self.result(dim), amount)

    @property
    def signs(self) -> tuple[int, ...]:
        """1 or -1 for each term."""
        return tuple(term.sign for term in self.terms)

    @property
    def seeds(self) -> Seeds:
        """The seeds of all terms, one behind the other."""
        return parse_seeds(",".join(str(term.seeds) for term in self.terms))

    def __str__(self) -> str:
        first, *others = self.terms
        return " ".join([str(first.seeds), *(f"{'+' if t.sign > 0 else '-'} {t.seeds}" for t in others)])


def parse_arithmetic(text: str) -> Expression:
    """Read arithmetic as a person writes it.

    Args:
        text: seeds (see `dcgan.sampling.parse_seeds`), whose latents' mean is a term, with `+` or `-` between two
            terms. Blanks make the difference: `3 - 5` is one term less another, `3-5` the seeds 3, 4 and 5.

    Returns:
        The terms in that order; the first one is added.

    Raises:
        UserError: something else.
    """
    parts = re.split(r"\s+([+-])\s+", text.strip())
    for part in parts[::2]:
        if not part or re.search(r"\+|\s-|-\s|^-|-$", part):
            raise UserError(f"{text!r} is no arithmetic: {f'{part!r} is no term' if part else 'empty'}.", _GRAMMAR)
    signs = [1, *(1 if sign == "+" else -1 for sign in parts[1::2])]
    return Expression(tuple(Term(sign, parse_seeds(part)) for sign, part in zip(signs, parts[::2], strict=True)))


def mean_latent(seeds: Sequence[int], dim: int) -> np.ndarray:
    """The mean of some seeds' latents, float32 (dim,); the memory does not grow with their number."""
    return (sum(iter_latents(seeds, dim), np.zeros(dim)) / len(seeds)).astype(np.float32)


def combine(terms: Iterable[tuple[int, np.ndarray]]) -> np.ndarray:
    """Add up the means of groups of latents.

    The mean of n latents is √n times shorter than one, as they have little in common; k terms of n have about √(k/n)
    of a latent's length. Three terms of three, as in the paper, end where the generator has been trained.

    Args:
        terms: a sign, 1 or -1, and latents (n, dim), for each.

    Returns:
        float32 (dim,).
    """
    return sum(sign * np.mean(group, axis=0, dtype=np.float64) for sign, group in terms).astype(np.float32)


def noisy_copies(middle: np.ndarray, amount: float = AMOUNT, count: int = CLOUD) -> np.ndarray:
    """A latent and others about it, each with uniform noise added.

    The noise is the same about every middle. The paper's latents were uniform in [-1, 1], of deviation 0.58; beside
    these, of deviation 1, the same amount is a smaller step.

    Args:
        middle: (dim,).
        amount: the noise goes from -amount to amount.
        count: points, the middle one included; odd.

    Returns:
        float32 (count, dim); the latent itself is the one in the middle of them.
    """
    keys = (np.random.Philox(key=[index, _PURPOSE]) for index in range(count))
    noise = np.stack([np.random.Generator(key).uniform(-amount, amount, len(middle)) for key in keys])
    noise[count // 2] = 0.0
    return (middle + noise).astype(np.float32)


def along_direction(rows: np.ndarray, direction: np.ndarray, strengths: Sequence[float]) -> np.ndarray:
    """Latents with some of a direction added.

    Args:
        rows: float32 (N, dim), or with a class behind each, (N, dim + K), which stays as it is.
        direction: (dim,).
        strengths: how many times the direction is added; 0 leaves the latent as it is.

    Returns:
        float32 (N, strengths, dim), or (N, strengths, dim + K).
    """
    way = np.zeros(rows.shape[-1])
    way[: len(direction)] = direction
    return (rows[:, None] + np.asarray(strengths, np.float64)[None, :, None] * way).astype(np.float32)
