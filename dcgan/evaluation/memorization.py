"""Memorization and support: does a generator copy training images, and how many distinct images does it generate?

Distances are those of `dcgan.evaluation.nearest_neighbors`.
"""

from dataclasses import dataclass

import numpy as np

from dcgan.core.errors import UserError
from dcgan.evaluation.nearest_neighbors import nearest, pair_distances
from dcgan.visualization import tile

NEAR_FRACTION = 0.01
"""A generated image counts as memorized if it is closer to a training image than all but this fraction of the held-out
images."""

COPY_DISTANCE = 2 / 255
"""Root mean squared pixel difference up to which an image counts as a copy; about the loss of saving an image again."""

SAME_PAIRS_PER_IMAGE = 1 / 2000
"""Pairs count as the same image if only this many pairs per distinct real image are closer."""


@dataclass(frozen=True, eq=False)
class Memorization:
    """How close generated images are to the training images, compared with held-out images.

    Args:
        near: fraction of the generated images, in [0, 1], that are closer to a training image than all but 1 in 100 of
            the held-out images that are no copies, or that are copies themselves. 0.01 is expected for new images, 1
            for a generator that copies.
        copies: number of held-out images that are copies of a training image; they are excluded from the expectation.
        median: median distance of a generated image to its nearest training image.
        held_out_median: the same for held-out images that are no copies; None where all of them are.
        nearest: index of each generated image's nearest training image, int64 (Q,).
        mirrored: whether each generated image is closer to the mirror image of that one, bool (Q,).
        distances: distance of each generated image to that image, float64 (Q,).
    """

    near: float
    copies: int
    median: float
    held_out_median: float | None
    nearest: np.ndarray
    mirrored: np.ndarray
    distances: np.ndarray


def memorization(
    generated: np.ndarray,
    training: np.ndarray,
    held_out: np.ndarray,
    held_out_indices: np.ndarray | None = None,
    *,
    flip: bool = False,
) -> Memorization:
    """Compare the distances from generated and from held-out images to their nearest training images.

    Following Meehan et al. 2020 ("A Non-Parametric Test to Detect Data-Copying in Generative Models", section 2.2): a
    generator that copies is closer to the training set than fresh samples of the data are. Duplicates within a dataset
    would hide copying, so held-out images that are copies are excluded from the expectation.

    Args:
        generated: uint8 (Q, H, W, C).
        training: uint8 (N, H, W, C), in memory or memory-mapped.
        held_out: uint8 (M, H, W, C).
        held_out_indices: where the held-out images are among `training`, their indices, int64 (M,): each of them is
            then compared with all others.
        flip: whether generated and held-out images are also compared with the mirror images of the training images, as
            a generator saw them that was trained with `--flip`.

    Returns:
        The result for all generated images.
    """
    found, distances, mirrored = _nearest(generated, training, None, flip)
    _, expected, _ = _nearest(held_out, training, held_out_indices, flip)
    copy = COPY_DISTANCE * np.sqrt(training[0].size)
    fresh = expected[expected > copy]
    near = distances <= copy
    if len(fresh):
        near |= distances < np.quantile(fresh, NEAR_FRACTION)
    copies, fresh_median = len(expected) - len(fresh), float(np.median(fresh)) if len(fresh) else None
    median = float(np.median(distances))
    return Memorization(float(near.mean()), copies, median, fresh_median, found, mirrored, distances)


def closest_grid(generated: np.ndarray, training: np.ndarray, result: Memorization, pairs: int = 24) -> np.ndarray:
    """Tile the generated images that are closest to a training image, each with that one on its right.

    A training image is shown mirrored where its mirror image is the closer one.

    Args:
        generated: uint8 (Q, H, W, C), as given to `memorization`.
        training: uint8 (N, H, W, C), as given to `memorization`.
        result: what `memorization` returned.
        pairs: number of pairs, the closest first; four per row.

    Returns:
        uint8 (H', W', C).
    """
    closest = np.argsort(result.distances, kind="stable")[:pairs]
    partners = training[result.nearest[closest]]
    partners = np.where(result.mirrored[closest, None, None, None], _mirror(partners), partners)
    return tile(_interleave(generated[closest], partners), columns=8)


@dataclass(frozen=True, eq=False)
class Support:
    """An estimate of the number of distinct images.

    Args:
        repeats: number of pairs of generated images that count as the same.
        estimate: number of equally likely images that explains so many repeats; None without repeats.
        at_least: lower bound of the number with 95 % confidence, valid without repeats.
        real: the estimate for the real images by the same rule; None without repeats.
        pairs: the closest pairs of generated images, int64 (P, 2), the closest first.
    """

    repeats: int
    estimate: float | None
    at_least: float
    real: float | None
    pairs: np.ndarray


def support(generated: np.ndarray, real: np.ndarray, pairs: int = 24) -> Support:
    """Estimate how many distinct images a generator has, by the birthday paradox.

    Arora and Zhang 2017, "Do GANs actually learn the distribution? An empirical study", section 2: if a set of s
    images contains a repetition, there are probably not many more than s² distinct images. Of S equally likely images,
    s images have s(s−1)/2S equal pairs on average, so s(s−1)/2 divided by the number of pairs estimates S.

    s images distinguish supports up to about s² from larger ones. In the paper a person decides which of the closest
    pairs are the same (`pairs` serves for that). Here a distance decides that only N/2,000 pairs of N distinct real
    images fall below, so the estimate for N real images without repetitions is 1,000 N. Byte-for-byte copies always
    count as the same.

    Args:
        generated: uint8 (N, H, W, C), N at least 2.
        real: uint8 (M, H, W, C), M at least 2; ideally as many as `generated`.
        pairs: maximum number of closest pairs to return.

    Returns:
        The estimate, with its lower bound and the closest pairs.

    Raises:
        UserError: there are fewer than two images.
    """
    if min(len(generated), len(real)) < 2:
        raise UserError("A single image has no repetitions.", "Compare at least two generated and two real images.")
    limit = _same_image_distance(real)
    partners, distances, counts = _later_neighbors(generated, limit)
    closest = np.argsort(distances, kind="stable")[: min(pairs, len(generated) - 1)]
    repeats = int(counts.sum())
    return Support(
        repeats,
        _estimate(len(generated), repeats),
        _num_pairs(len(generated)) / 3,  # an event with a mean of 3 is not observed in 5 % of all cases
        _estimate(len(real), int(_later_neighbors(real, limit)[2].sum())),
        np.stack([closest, partners[closest]], axis=1),
    )


def repeats_grid(generated: np.ndarray, result: Support) -> np.ndarray:
    """Tile the closest pairs of generated images side by side, for a person to decide whether they are the same.

    Args:
        generated: uint8 (N, H, W, C), as given to `support`.
        result: what `support` returned.

    Returns:
        uint8 (H', W', C), four pairs per row.
    """
    first, second = result.pairs.T
    return tile(_interleave(generated[first], generated[second]), columns=8)


def _nearest(
    queries: np.ndarray, images: np.ndarray, query_indices: np.ndarray | None, flip: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return index and distance of each query's nearest image, and whether it is the image's mirror image.

    The mirror image of a query is as far from an image as the query from the image's mirror image.
    """
    found, distances = nearest(queries, images, query_indices)
    if not flip:
        return found, distances, np.zeros(len(found), bool)
    of_mirrored, mirrored_distances = nearest(_mirror(queries), images, query_indices)
    mirrored = mirrored_distances < distances
    return np.where(mirrored, of_mirrored, found), np.minimum(distances, mirrored_distances), mirrored


def _mirror(images: np.ndarray) -> np.ndarray:
    """Return the images, (N, H, W, C), mirrored left to right."""
    return images[:, :, ::-1]


def _same_image_distance(real: np.ndarray) -> float:
    """Return the distance below which N · `SAME_PAIRS_PER_IMAGE` pairs of N distinct real images are."""
    distinct = real[np.unique(_duplicate_groups(real), return_index=True)[1]]
    count = int(len(distinct) * SAME_PAIRS_PER_IMAGE)
    smallest = np.full(count + 1, np.inf)
    for _, distances in pair_distances(distinct):
        smallest = np.partition(np.concatenate([smallest, distances.ravel()]), count)[: count + 1]
    return float(smallest.max()) if np.isfinite(smallest).all() else 0.0


def _later_neighbors(images: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each image, among those after it: the nearest one, its distance, and the number of same images.

    Copies, whose distance is exactly 0, and images closer than `limit` count as the same.
    """
    groups, blocks = _duplicate_groups(images), []
    for start, distances in pair_distances(images):
        rows = slice(start, start + len(distances))
        copies = (groups[rows, None] == groups[start:]) & np.isfinite(distances)
        distances[copies] = 0.0
        same = copies | (distances < limit)
        blocks.append((start + distances.argmin(axis=1), distances.min(axis=1), same.sum(axis=1)))
    partners, nearest_distances, counts = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return partners, nearest_distances, counts


def _estimate(count: int, repeats: int) -> float | None:
    """Return how many equally likely images explain `repeats` among `count`."""
    return _num_pairs(count) / repeats if repeats else None


def _num_pairs(count: int) -> float:
    return count * (count - 1) / 2


def _duplicate_groups(images: np.ndarray) -> np.ndarray:
    """Return a number per image, int64 (N,), the same one for images that are equal byte for byte."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(image.tobytes(), len(seen)) for image in images])


def _interleave(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return pairs one after the other: (2P, H, W, C)."""
    return np.stack([left, right], axis=1).reshape(-1, *left.shape[1:])
