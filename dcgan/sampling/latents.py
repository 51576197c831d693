"""Latent vectors from seeds, and interpolation between them. NumPy only."""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from dcgan.core.errors import UserError
from dcgan.sampling.seeds import LARGEST

PURPOSE = 1
"""Second half of the Philox key. Another purpose gives independent numbers for the same seed."""

PARALLEL = 1e-7
"""Two vectors count as parallel if the sine of their angle is below this: dividing by it would lose float32 digits."""


def latents(seeds: Sequence[int], dim: int) -> np.ndarray:
    """Return one latent vector per seed.

    Row i depends only on `seeds[i]`, so an image is the same in whatever batch or grid it is generated (the contract
    of EDM's sampler; Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models").

    The numbers come from Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), a function of
    key and counter, with the seed in the key. NumPy guarantees the bits of Philox across versions, but not how it
    turns them into normal numbers; a test with stored numbers detects a change.

    Args:
        seeds: integers from 0 to 2**63 - 1.
        dim: length of a latent vector.

    Returns:
        float32 array of shape (len(seeds), dim), standard normal.

    Raises:
        UserError: a seed is out of range.
    """
    vectors = np.empty((len(seeds), dim), np.float32)
    bits = np.random.Philox(key=[0, PURPOSE])
    normal, state = np.random.Generator(bits), bits.state
    for row, seed in zip(vectors, seeds, strict=True):
        if not 0 <= seed <= LARGEST:
            raise UserError(f"Seed {seed} is out of range.", f"Seeds go from 0 to {LARGEST}.")
        # Setting the key of one generator, counter at 0, takes a quarter of the time of creating one per seed.
        state["state"]["key"][0] = seed
        bits.state = state
        normal.standard_normal(dtype=np.float32, out=row)
    return vectors


def iter_latents(seeds: Iterable[int], dim: int, batch_size: int = 256) -> Iterator[np.ndarray]:
    """Yield the rows of `latents(seeds, dim)` one by one, in memory that does not grow with their number.

    Args:
        seeds: integers from 0 to 2**63 - 1.
        dim: length of a latent vector.
        batch_size: number of latents computed at a time.

    Yields:
        float32 array of shape (dim,) per seed.
    """
    remaining = iter(seeds)
    while batch := list(itertools.islice(remaining, batch_size)):
        yield from latents(batch, dim)


def slerp(a: np.ndarray, b: np.ndarray, t: float | np.ndarray) -> np.ndarray:
    """Interpolate spherically from a to b, along a great circle.

    High-dimensional normal vectors lie near a sphere. The straight line between two of them leaves the sphere for a
    region on which the generator was not trained (White 2016, "Sampling Generative Networks", section 2.1). Lengths
    may differ. Parallel and opposite vectors, which have no unique great circle, are interpolated linearly.

    Args:
        a: start vectors of shape (..., dim).
        b: end vectors of shape (..., dim).
        t: position between a (0) and b (1), both exact; any shape that broadcasts with the leading axes of a and b.

    Returns:
        float32 array of shape (..., dim); for single vectors a and b, `t.shape + (dim,)`.
    """
    a, b, t = (np.asarray(x, np.float64) for x in (a, b, t))
    angle = _angle(a, b)
    sine = np.sin(angle)
    linear = sine < PARALLEL
    divisor = np.where(linear, 1.0, sine)
    weight_a = np.where(linear, 1.0 - t, np.sin((1.0 - t) * angle) / divisor)
    weight_b = np.where(linear, t, np.sin(t * angle) / divisor)
    return (weight_a[..., None] * a + weight_b[..., None] * b).astype(np.float32)


def interpolate_latents(points: Iterable[np.ndarray], t: np.ndarray) -> Iterator[np.ndarray]:
    """Interpolate from each latent to the next one along great circles.

    Args:
        points: latents of shape (dim,), taken one at a time.
        t: positions between two neighbors, shape (steps,), from 0 to 1.

    Returns:
        Iterator of float32 arrays of shape (steps, dim), one per pair of neighbors.
    """
    return (slerp(a, b, t) for a, b in itertools.pairwise(points))


def walk(seeds: Sequence[int], dim: int, steps: int, *, loop: bool = False) -> Iterator[np.ndarray]:
    """Walk from the latent of each seed to that of the next one along great circles.

    Args:
        seeds: at least two seeds.
        dim: length of a latent vector.
        steps: number of points per pair of seeds.
        loop: also walk from the last seed back to the first. Each pair then omits its second end, which is the first
            point of the next pair, so that an animation moves at a constant pace and repeats without a jump.

    Returns:
        Iterator of float32 arrays of shape (steps, dim): len(seeds) - 1 pairs, and one more in a loop. Without `loop`,
        each starts at the latent of its first seed and ends at that of its second.

    Raises:
        UserError: fewer than two seeds, or fewer than two steps without `loop`.
    """
    if len(seeds) < 2:
        raise UserError("A walk needs at least two seeds.", "Example: --seeds 0-7.")
    if steps < 2 and not loop:
        raise UserError(f"A walk of {steps} image per pair cannot show both ends.", "Use --walk 2 or more.")
    first = [seeds[0]] if loop else []
    return interpolate_latents(iter_latents(itertools.chain(seeds, first), dim), walk_positions(steps, loop=loop))


def walk_positions(steps: int, *, loop: bool = False) -> np.ndarray:
    """Return the positions of a walk between two neighbors: float64 (steps,) from 0 to 1, in a loop without the 1.

    Args:
        steps: number of positions.
        loop: whether the neighbors are joined to a loop, in which the second one begins the next walk.
    """
    return np.linspace(0.0, 1.0, steps, endpoint=not loop)


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The angle between vectors; unlike arccos of their product, exact for small ones (Kahan 2006, "How futile …")."""
    a, b = (x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), np.finfo(np.float64).tiny) for x in (a, b))
    return 2.0 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))
