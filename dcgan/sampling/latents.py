"""Points in the latent space, and ways between them. NumPy only."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from dcgan.core.errors import UserError
from dcgan.sampling.seeds import LARGEST

PURPOSE = 1
"""The second half of the generator's key; another purpose gives numbers that have nothing to do with these."""

PARALLEL = 1e-7
"""Below this sine of their angle two vectors count as parallel: dividing by it would lose float32 digits."""


def latents(seeds: Sequence[int], dim: int) -> np.ndarray:
    """One latent vector a seed.

    Row i depends on `seeds[i]` alone, so a picture is the same in whatever batch or grid it is drawn (the contract
    of EDM's sampler; Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models").

    The numbers come from Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), a function of
    key and counter, with the seed in the key. NumPy promises Philox's bits for ever, yet not how it makes normal
    numbers of them: a test with stored numbers stands guard over that.

    Args:
        seeds: whole numbers from 0 to 2**63 - 1.
        dim: length of a vector.

    Returns:
        float32 (len(seeds), dim), standard normal.

    Raises:
        UserError: a seed is out of that range.
    """
    drawn = np.empty((len(seeds), dim), np.float32)
    bits = np.random.Philox(key=[0, PURPOSE])
    normal, state = np.random.Generator(bits), bits.state
    for row, seed in zip(drawn, seeds, strict=True):
        if not 0 <= seed <= LARGEST:
            raise UserError(f"Seed {seed} is out of range.", f"Seeds go from 0 to {LARGEST}.")
        # Setting the key of one generator, counter at 0, takes a quarter of the time of making one a seed.
        state["state"]["key"][0] = seed
        bits.state = state
        normal.standard_normal(dtype=np.float32, out=row)
    return drawn


def iter_latents(seeds: Sequence[int], dim: int, at_once: int = 256) -> Iterator[np.ndarray]:
    """The rows of `latents(seeds, dim)` one by one, in memory that doesn't grow with their number."""
    left = iter(seeds)
    while some := list(itertools.islice(left, at_once)):
        yield from latents(some, dim)


def slerp(a: np.ndarray, b: np.ndarray, t: float | np.ndarray) -> np.ndarray:
    """Go from a to b along a great circle.

    High-dimensional normal vectors lie near a sphere; the straight line between two leaves it for a region the
    generator has never seen (White 2016, "Sampling Generative Networks", section 2.1). Lengths may differ; parallel
    vectors are joined by a straight line, and so are opposite ones, which no one great circle joins.

    Args:
        a, b: (..., dim) vectors.
        t: how far along, 0 is a and 1 is b, both exactly; any shape that broadcasts with a's and b's leading axes.

    Returns:
        float32 (..., dim): for vectors a and b, the shape of t and then dim.
    """
    a, b, t = (np.asarray(x, np.float64) for x in (a, b, t))
    angle = _angle(a, b)
    sine = np.sin(angle)
    straight = sine < PARALLEL
    divisor = np.where(straight, 1.0, sine)
    from_a = np.where(straight, 1.0 - t, np.sin((1.0 - t) * angle) / divisor)
    from_b = np.where(straight, t, np.sin(t * angle) / divisor)
    return (from_a[..., None] * a + from_b[..., None] * b).astype(np.float32)


def walk(seeds: Sequence[int], dim: int, steps: int, *, loop: bool = False) -> Iterator[np.ndarray]:
    """Walk from each seed's latent to the next one's along great circles.

    Args:
        seeds: at least two.
        dim: length of a latent vector.
        steps: points a pair.
        loop: close the way from the last seed to the first. Every pair then leaves its second end to the next
            pair, so that an animation neither halts there nor where it starts again.

    Returns:
        An iterator of float32 (steps, dim), one array a pair: len(seeds) - 1 pairs, and one more in a loop. Without
        `loop`, each starts on its first and ends on its second seed's latent.

    Raises:
        UserError: fewer than two seeds, or fewer than two steps where both ends are wanted.
    """
    if len(seeds) < 2:
        raise UserError("A walk needs at least two seeds to go between.", "Example: --seeds 0-7.")
    if steps < 2 and not loop:
        raise UserError(f"A walk of {steps} picture has no room for both of its ends.", "Take --walk 2 or more.")
    t = np.linspace(0.0, 1.0, steps, endpoint=not loop)
    following = itertools.chain(itertools.islice(seeds, 1, None), [seeds[0]] if loop else [])
    return (slerp(*latents(pair, dim), t) for pair in zip(seeds, following, strict=False))


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The angle between vectors; unlike arccos of their product, exact for small ones (Kahan 2006, "How futile …")."""
    a, b = (x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), np.finfo(np.float64).tiny) for x in (a, b))
    return 2.0 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))
