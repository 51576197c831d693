"""Vector arithmetic in the latent space: sums and differences of mean latents. NumPy only.

Radford et al. 2016, section 6.3.2 and figure 7: smiling woman - neutral woman + neutral man = smiling man. Results for
single latents were unstable there; the means of three latents gave stable ones.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dcgan.core.errors import UserError
from dcgan.sampling.latents import iter_latents, latents
from dcgan.sampling.seeds import Seeds, parse_seeds

NOISE = 0.25
"""Amplitude of the noise in figure 7, in every dimension."""

NOISY_COPIES = 9
"""Number of latents around the result, itself included: a grid of 3×3 images."""

MAX_TERM_SEEDS = 100_000
"""Largest number of seeds per term: a second of work, for a mean that hardly differs from 0."""

MAX_SAMPLES = 6
"""Largest number of images shown per term; a term of more seeds shows the first ones."""

_PURPOSE = 2  # second half of the Philox key of the noise; 1 is that of the latents
_GRAMMAR = "Example: '0,1,2 - 3,4,5 + 6,7,8'. Put spaces around + and -; 3-5 without spaces is a range of seeds."


@dataclass(frozen=True)
class Term:
    """The mean latent of some seeds, added (sign 1) or subtracted (sign -1)."""

    sign: int
    seeds: Seeds


@dataclass(frozen=True)
class Expression:
    """Sum of terms, as `parse_arithmetic` returns it. `str` returns a text that `parse_arithmetic` accepts.

    Args:
        terms: at least one term.
    """

    terms: tuple[Term, ...]

    def samples(self, dim: int) -> list[np.ndarray]:
        """Return the latents that a figure shows for each term: float32 (n, dim), n at most 6."""
        return [latents(term.seeds[:MAX_SAMPLES], dim) for term in self.terms]

    def means(self, dim: int) -> np.ndarray:
        """Return the mean latent of each term without its sign: float32 (terms, dim)."""
        return np.stack([mean_latent(term.seeds, dim) for term in self.terms])

    def result(self, dim: int) -> np.ndarray:
        """Return the sum of the terms: float32 (dim,)."""
        return combine(zip(self.signs, self.means(dim)[:, None], strict=True))

    def results(self, dim: int, noise: float | None = None) -> np.ndarray:
        """Return the sum alone, float32 (1, dim), or with a noise amplitude the noisy copies of it, (9, dim).

        Args:
            dim: length of a latent vector.
            noise: amplitude of the noise; None for the sum alone.
        """
        return self.result(dim)[None] if noise is None else noisy_copies(self.result(dim), noise)

    @property
    def signs(self) -> tuple[int, ...]:
        """1 or -1 for each term."""
        return tuple(term.sign for term in self.terms)

    @property
    def seeds(self) -> Seeds:
        """The seeds of all terms, one term after the other."""
        return parse_seeds(",".join(str(term.seeds) for term in self.terms))

    def __str__(self) -> str:
        first, *others = self.terms
        return " ".join([str(first.seeds), *(f"{'+' if t.sign > 0 else '-'} {t.seeds}" for t in others)])


def parse_arithmetic(text: str) -> Expression:
    """Parse an expression of latent arithmetic.

    Args:
        text: terms with `+` or `-` between them. A term is a list of seeds (see `dcgan.sampling.parse_seeds`) and
            stands for their mean latent. Spaces matter: `3 - 5` is a difference of two terms, `3-5` a range of seeds.

    Returns:
        The terms in the given order; the first one is added.

    Raises:
        UserError: the text has another form.
    """
    parts = re.split(r"\s+([+-])\s+", text.strip())
    for part in parts[::2]:
        if not part or re.search(r"\+|\s-|-\s|^-|-$", part):
            reason = f"{part!r} is not a term" if part else "it is empty"
            raise UserError(f"{text!r} is not an arithmetic expression: {reason}.", _GRAMMAR)
        if len(parse_seeds(part)) > MAX_TERM_SEEDS:
            raise UserError(f"The term {part} has more than {MAX_TERM_SEEDS:,} seeds.", "Use fewer.")
    signs = [1, *(1 if sign == "+" else -1 for sign in parts[1::2])]
    return Expression(tuple(Term(sign, parse_seeds(part)) for sign, part in zip(signs, parts[::2], strict=True)))


def mean_latent(seeds: Sequence[int], dim: int) -> np.ndarray:
    """Return the mean latent of some seeds, in memory that does not grow with their number.

    Args:
        seeds: at least one seed.
        dim: length of a latent vector.

    Returns:
        float32 array of shape (dim,).
    """
    return (sum(iter_latents(seeds, dim), np.zeros(dim)) / len(seeds)).astype(np.float32)


def combine(terms: Iterable[tuple[int, np.ndarray]]) -> np.ndarray:
    """Add up the means of groups of latents.

    The mean of n latents is √n times shorter than one latent, because they are nearly orthogonal; a sum of k such means
    has about √(k/n) of the length of a latent. Three terms of three latents, as in the paper, have the length for which
    the generator was trained.

    Args:
        terms: for each term a sign, 1 or -1, and its latents (n, dim).

    Returns:
        float32 array of shape (dim,).
    """
    total = sum(sign * np.mean(group, axis=0, dtype=np.float64) for sign, group in terms)
    return np.asarray(total, np.float32)


def noisy_copies(latent: np.ndarray, noise: float = NOISE, count: int = NOISY_COPIES) -> np.ndarray:
    """Return a latent and copies of it with uniform noise added.

    The noise is the same for every latent. The latents of the paper were uniform in [-1, 1], with a standard deviation
    of 0.58; these have a standard deviation of 1, so the same amplitude is a smaller step.

    Args:
        latent: array of shape (dim,).
        noise: amplitude; the noise is uniform from -noise to noise.
        count: number of latents including the unchanged one; odd.

    Returns:
        float32 array of shape (count, dim), the unchanged latent in the middle.
    """
    generators = (np.random.Generator(np.random.Philox(key=[index, _PURPOSE])) for index in range(count))
    offsets = np.stack([generator.uniform(-noise, noise, len(latent)) for generator in generators])
    offsets[count // 2] = 0.0
    return (latent + offsets).astype(np.float32)


def along_direction(rows: np.ndarray, direction: np.ndarray, strengths: Sequence[float] | np.ndarray) -> np.ndarray:
    """Add multiples of a direction to latents.

    Args:
        rows: float32 (N, dim), or (N, dim + classes) with a class vector, which stays unchanged, behind each latent.
        direction: array of shape (dim,).
        strengths: multiples of the direction; 0 leaves the latent unchanged.

    Returns:
        float32 array of shape (N, strengths, dim) or (N, strengths, dim + classes).
    """
    step = np.zeros(rows.shape[-1])
    step[: len(direction)] = direction
    return (rows[:, None] + np.asarray(strengths, np.float64)[None, :, None] * step).astype(np.float32)
