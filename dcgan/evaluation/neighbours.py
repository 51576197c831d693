"""Nearest neighbours among pixels: does it classify, does it copy, does it repeat itself?

Distances are Euclidean between images whose pixels lie in [0, 1].
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dcgan.errors import UserError
from dcgan.evaluation.distances import WORKING_MEMORY
from dcgan.pictures import tile

PIECE_BYTES = 1 << 28
"""Of float32 pixels that are in memory at a time, however many images there are to search."""

MOST_PRODUCTS = 2e11
"""Queries × images × pixels that a search may take: less than half a minute on two cores."""

RARE = 0.01
"""What counts as near: as near as one held-out image in a hundred is to a training image."""

SAME = 1 / 2000
"""What counts as the same picture: pairs so near that N real ones make only N · SAME of them."""


def nearest(queries: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find each query's nearest image.

    Args:
        queries: uint8 (Q, H, W, C).
        images: uint8 (N, H, W, C), N at least 1; perhaps memory-mapped, read piece by piece.

    Returns:
        Their indices, int64 (Q,), and their distances, float64 (Q,).
    """
    from sklearn.metrics import pairwise_distances_argmin_min

    flat = _flat(queries)
    best, distances = np.zeros(len(flat), np.int64), np.full(len(flat), np.inf)
    for start, piece in _pieces(images):
        found, away = pairwise_distances_argmin_min(flat, piece)
        nearer = away < distances
        best[nearer], distances[nearer] = found[nearer] + start, away[nearer]
    return best, distances


def classification_error(
    images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray
) -> float:
    """The error of a 1-nearest-neighbour classifier that knows some labelled images, real or drawn.

    Radford et al. 2016, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", appendix (table 3): fitted on drawn digits, tested on MNIST's test set.

    Args:
        images: uint8 (N, H, W, C).
        labels: whole numbers (N,): what each image was drawn to be.
        test_images: uint8 (M, H, W, C).
        test_labels: whole numbers (M,).

    Returns:
        The part of the test images, in [0, 1], whose nearest image has another label.
    """
    found, _ = nearest(test_images, images)
    return float((np.asarray(labels)[found] != test_labels).mean())


@dataclass(frozen=True, eq=False)
class Memorisation:
    """How near drawn pictures are to the training images, against how near held-out ones are.

    Args:
        near: the part of the drawn pictures, in [0, 1], that is nearer to a training image than all but one in a
            hundred of the held-out images; 0.01 is what a new picture would have, 1 a copying machine.
        median: the median distance of a drawn picture to its nearest training image.
        held_out_median: the same of the held-out images.
        nearest: index of each drawn picture's nearest training image, int64 (Q,).
        distances: how far it is, float64 (Q,).
    """

    near: float
    median: float
    held_out_median: float
    nearest: np.ndarray
    distances: np.ndarray


def memorisation(drawn: np.ndarray, training: np.ndarray, held_out: np.ndarray) -> Memorisation:
    """Compare the drawn pictures' distances to their nearest training images with the held-out images'.

    As Meehan et al. 2020 ("A Non-Parametric Test to Detect Data-Copying in Generative Models", section 2.2) have it,
    a generator that copies is nearer to the training set than fresh samples of the data are.

    Args:
        drawn: uint8 (Q, H, W, C).
        training: uint8 (N, H, W, C), in memory or memory-mapped.
        held_out: uint8 (M, H, W, C), none of them among `training`.
    """
    found, distances = nearest(drawn, training)
    _, expected = nearest(held_out, training)
    near = (distances < np.quantile(expected, RARE)).mean()
    return Memorisation(float(near), float(np.median(distances)), float(np.median(expected)), found, distances)


def affordable(count: int, images: np.ndarray) -> int:
    """How many of `count` queries can be searched for among `images` in the time of `MOST_PRODUCTS`."""
    return int(min(count, max(100, MOST_PRODUCTS // images.size)))


def affordable_pairs(count: int, images: np.ndarray) -> int:
    """How many of `count` images can be compared with each other in the time of `MOST_PRODUCTS`."""
    return int(min(count, np.sqrt(MOST_PRODUCTS / images[0].size)))


def closest_sheet(drawn: np.ndarray, training: np.ndarray, found: Memorisation, pairs: int = 24) -> np.ndarray:
    """A sheet of the drawn pictures that are nearest to a training image, each with that image on its right.

    Args:
        drawn: uint8 (Q, H, W, C), and `training`, (N, H, W, C): those that `found` is about.
        pairs: how many, the closest first; four a row.

    Returns:
        uint8 (H', W', C).
    """
    closest = np.argsort(found.distances, kind="stable")[:pairs]
    return tile(_side_by_side(drawn[closest], training[found.nearest[closest]]), columns=8)


@dataclass(frozen=True, eq=False)
class Support:
    """How many different pictures there seem to be.

    Args:
        repeats: pairs among the drawn pictures that count as the same.
        estimate: how many equally likely pictures make so many repeats; None where there are none.
        at_least: how many there are with 95 % confidence where there are no repeats.
        real: what the same rule makes of the real images.
        pairs: the closest pairs of drawn pictures, int64 (P, 2), the closest first.
    """

    repeats: int
    estimate: float | None
    at_least: float
    real: float
    pairs: np.ndarray


def support(drawn: np.ndarray, real: np.ndarray, pairs: int = 24) -> Support:
    """Estimate how many different pictures a generator draws, by the birthday paradox.

    Arora and Zhang 2017, "Do GANs actually learn the distribution? An empirical study", section 2: if a set of s
    pictures holds a repetition, there are hardly more than s² different ones. Of S equally likely pictures, s have
    s(s−1)/2S equal pairs on average, so s(s−1)/2 divided by the pairs found estimates S.

    It needs two things. Enough pictures: s of them tell supports up to about s² from larger ones. And an idea of
    what counts as the same: in the paper a person looks at the closest pairs (`pairs` are for that); here, it is a
    distance that only one real image in 2,000 has to another, so that the real images' own estimate is 1,000 s.

    Args:
        drawn: uint8 (N, H, W, C), N at least 2.
        real: uint8 (M, H, W, C), M at least 2; as many as `drawn`, best.
        pairs: how many of the closest pairs to name.

    Raises:
        UserError: there are fewer than two pictures.
    """
    if min(len(drawn), len(real)) < 2:
        raise UserError("Two pictures at least are needed to look for repetitions.")
    _, real_distances, _ = _to_later(real, limit=0.0)
    expected = int(np.ceil(len(real) * SAME))
    limit = np.sort(real_distances)[expected - 1]
    partners, distances, counts = _to_later(drawn, limit)
    closest = np.argsort(distances, kind="stable")[: min(pairs, len(drawn) - 1)]
    repeats, possible = int(counts.sum()), len(drawn) * (len(drawn) - 1) / 2
    return Support(
        repeats,
        possible / repeats if repeats else None,
        possible / 3,  # of an event that happens 3 times on average, none is seen in 5 % of all cases
        len(real) * (len(real) - 1) / 2 / expected,
        np.stack([closest, partners[closest]], axis=1),
    )


def repeats_sheet(drawn: np.ndarray, found: Support) -> np.ndarray:
    """A sheet of the closest pairs of drawn pictures, uint8 (H', W', C), four pairs a row: are they the same?"""
    first, second = found.pairs.T
    return tile(_side_by_side(drawn[first], drawn[second]), columns=8)


def _to_later(images: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each image, among those after it: the nearest one, its distance, and how many are within `limit`."""
    from sklearn.metrics import pairwise_distances_chunked

    def reduce(distances: np.ndarray, start: int) -> np.ndarray:
        rows = start + np.arange(len(distances))
        distances[np.arange(len(images)) <= rows[:, None]] = np.inf
        return np.stack([distances.argmin(axis=1), distances.min(axis=1), (distances <= limit).sum(axis=1)], axis=1)

    flat = _flat(images)
    blocks = pairwise_distances_chunked(flat, reduce_func=reduce, working_memory=WORKING_MEMORY)
    partners, distances, counts = np.concatenate(list(blocks)).astype(np.float64).T
    return partners.astype(np.int64), distances, counts.astype(np.int64)


def _side_by_side(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Pairs, one after the other: (2P, H, W, C)."""
    return np.stack([left, right], axis=1).reshape(-1, *left.shape[1:])


def _pieces(images: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The images as float32 (n, H·W·C), some at a time, and the index of the first."""
    step = max(1, PIECE_BYTES // (4 * images[0].size))
    for start in range(0, len(images), step):
        yield start, _flat(images[start : start + step])


def _flat(images: np.ndarray) -> np.ndarray:
    """float32 (N, H·W·C) in [0, 1]."""
    return np.asarray(images, np.float32).reshape(len(images), -1) / 255
