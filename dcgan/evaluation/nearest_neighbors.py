"""Nearest neighbours among pixels: does it classify, does it copy, does it repeat itself?

Distances are Euclidean between images whose pixels lie in [0, 1].
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dcgan.core.errors import UserError
from dcgan.evaluation.distances import WORKING_MEMORY
from dcgan.visualization import tile

PIECE_BYTES = 1 << 28
"""Of float32 pixels that are in memory at a time, however many images there are to search."""

MOST_PRODUCTS = 2e11
"""Queries × images × pixels that a search may take: less than half a minute on two cores."""

RARE = 0.01
"""What counts as near: as near as one held-out image in a hundred is to a training image."""

COPY = 2 / 255
"""What counts as a copy: the root of the mean squared difference of pixels, about what saving a picture anew leaves."""

SAME = 1 / 2000
"""What counts as the same picture: pairs nearer than all but N · SAME pairs of N different real ones."""


def nearest(queries: np.ndarray, images: np.ndarray, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Find each query's nearest image.

    Args:
        queries: uint8 (Q, H, W, C).
        images: uint8 (N, H, W, C), N at least 1, or 2 with `own`; perhaps memory-mapped, read piece by piece.
        own: where the queries are some of the images, which ones, int64 (Q,): none is its own nearest.

    Returns:
        Their indices, int64 (Q,), and their distances, float64 (Q,), exactly 0 for a copy.
    """
    flat = _flat(queries)
    best, distances = np.zeros(len(flat), np.int64), np.full(len(flat), np.inf)
    for start, piece in _pieces(images):
        found, away = _nearest_of(flat, piece, None if own is None else own - start)
        nearer = away < distances
        best[nearer], distances[nearer] = found[nearer] + start, away[nearer]
    return best, _apart(queries, images, best)


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
class Memorization:
    """How near drawn pictures are to the training images, against how near held-out ones are.

    Args:
        near: the part of the drawn pictures, in [0, 1], that is nearer to a training image than all but one in a
            hundred of the held-out images that are no copies, or that is itself a copy; 0.01 is what a new picture
            would have, 1 a copying machine.
        copies: held-out images that repeat a training image, to `COPY`; what is expected is asked of the others.
        median: the median distance of a drawn picture to its nearest training image.
        held_out_median: the same of the held-out images that are no copies; None where all are.
        nearest: index of each drawn picture's nearest training image, int64 (Q,).
        distances: how far it is, float64 (Q,).
    """

    near: float
    copies: int
    median: float
    held_out_median: float | None
    nearest: np.ndarray
    distances: np.ndarray


def memorization(
    drawn: np.ndarray, training: np.ndarray, held_out: np.ndarray, own: np.ndarray | None = None
) -> Memorization:
    """Compare the drawn pictures' distances to their nearest training images with the held-out images'.

    As Meehan et al. 2020 ("A Non-Parametric Test to Detect Data-Copying in Generative Models", section 2.2) have it,
    a generator that copies is nearer to the training set than fresh samples of the data are. Where a data set repeats
    itself, its copies would make a copying machine look as usual: they are left out of what is expected.

    Args:
        drawn: uint8 (Q, H, W, C).
        training: uint8 (N, H, W, C), in memory or memory-mapped.
        held_out: uint8 (M, H, W, C).
        own: where these are among `training`, as what, int64 (M,): each is then compared with all others.
    """
    found, distances = nearest(drawn, training)
    _, expected = nearest(held_out, training, own)
    copy = COPY * np.sqrt(training[0].size)
    fresh = expected[expected > copy]
    near = distances <= copy
    if len(fresh):
        near |= distances < np.quantile(fresh, RARE)
    copies, usual = len(expected) - len(fresh), float(np.median(fresh)) if len(fresh) else None
    return Memorization(float(near.mean()), copies, float(np.median(distances)), usual, found, distances)


def affordable(count: int, images: np.ndarray) -> int:
    """How many of `count` queries can be searched for among `images` in the time of `MOST_PRODUCTS`."""
    return int(min(count, max(100, MOST_PRODUCTS // images.size)))


def affordable_pairs(count: int, images: np.ndarray) -> int:
    """How many of `count` images can be compared with each other in the time of `MOST_PRODUCTS`."""
    return int(min(count, np.sqrt(MOST_PRODUCTS / images[0].size)))


def closest_grid(drawn: np.ndarray, training: np.ndarray, found: Memorization, pairs: int = 24) -> np.ndarray:
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
        real: the estimate for the real images by the same rule; None where there are no repeats.
        pairs: the closest pairs of drawn pictures, int64 (P, 2), the closest first.
    """

    repeats: int
    estimate: float | None
    at_least: float
    real: float | None
    pairs: np.ndarray


def support(drawn: np.ndarray, real: np.ndarray, pairs: int = 24) -> Support:
    """Estimate how many different pictures a generator draws, by the birthday paradox.

    Arora and Zhang 2017, "Do GANs actually learn the distribution? An empirical study", section 2: if a set of s
    pictures holds a repetition, there are hardly more than s² different ones. Of S equally likely pictures, s have
    s(s−1)/2S equal pairs on average, so s(s−1)/2 divided by the pairs found estimates S.

    It needs two things. Enough pictures: s of them tell supports up to about s² from larger ones. And an idea of
    what counts as the same: in the paper a person looks at the closest pairs (`pairs` are for that); here, it is a
    distance that of N different real images only N/2,000 pairs have, so that the estimate of N real images without
    repetitions is 1,000 N. Copies, byte for byte, are the same however near real images are.

    Args:
        drawn: uint8 (N, H, W, C), N at least 2.
        real: uint8 (M, H, W, C), M at least 2; as many as `drawn`, best.
        pairs: how many of the closest pairs to name.

    Raises:
        UserError: there are fewer than two pictures.
    """
    if min(len(drawn), len(real)) < 2:
        raise UserError("Two pictures at least are needed to look for repetitions.")
    limit = _limit_of_the_same(real)
    partners, distances, counts = _to_later(drawn, limit)
    closest = np.argsort(distances, kind="stable")[: min(pairs, len(drawn) - 1)]
    repeats = int(counts.sum())
    return Support(
        repeats,
        _estimate(len(drawn), repeats),
        _pairs_of(len(drawn)) / 3,  # of an event that happens 3 times on average, none is seen in 5 % of all cases
        _estimate(len(real), int(_to_later(real, limit)[2].sum())),
        np.stack([closest, partners[closest]], axis=1),
    )


def _limit_of_the_same(real: np.ndarray) -> float:
    """The distance below which pairs count as the same: of N different real images, N · `SAME` pairs are nearer."""
    different = real[np.unique(_kinds(real), return_index=True)[1]]
    most = int(len(different) * SAME)
    smallest = np.full(most + 1, np.inf)
    for _, distances in _distances_to_later(_flat(different)):
        smallest = np.partition(np.concatenate([smallest, distances.ravel()]), most)[: most + 1]
    return float(smallest.max()) if np.isfinite(smallest).all() else 0.0


def _estimate(count: int, repeats: int) -> float | None:
    """How many equally likely pictures make so many repeats among `count`."""
    return _pairs_of(count) / repeats if repeats else None


def _pairs_of(count: int) -> float:
    return count * (count - 1) / 2


def repeats_grid(drawn: np.ndarray, found: Support) -> np.ndarray:
    """A sheet of the closest pairs of drawn pictures, uint8 (H', W', C), four pairs a row: are they the same?"""
    first, second = found.pairs.T
    return tile(_side_by_side(drawn[first], drawn[second]), columns=8)


def _to_later(images: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each image, among those after it: the nearest one, its distance, and how many are the same.

    These are copies, whose distance is 0 exactly, and whatever is nearer than `limit`.
    """
    kinds, parts = _kinds(images), []
    for start, distances in _distances_to_later(_flat(images)):
        rows = slice(start, start + len(distances))
        copies = (kinds[rows, None] == kinds[start:]) & np.isfinite(distances)
        distances[copies] = 0.0
        same = copies | (distances < limit)
        parts.append((start + distances.argmin(axis=1), distances.min(axis=1), same.sum(axis=1)))
    return tuple(map(np.concatenate, zip(*parts, strict=True)))


def _distances_to_later(flat: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The first row of a block of rows, and the block's distances to that row, which is infinite, and all after it.

    Rounded, to some thousandths of the usual distance: in one large product a block, which takes a small part of the
    time of scikit-learn's many exact ones.
    """
    flat = flat - flat.mean(axis=0)  # the shorter the rows, the less is rounded
    squares = np.einsum("ij,ij->i", flat, flat)
    step = max(1, (WORKING_MEMORY << 20) // (8 * len(flat)))
    for start in range(0, len(flat), step):
        rows = slice(start, start + step)
        away = squares[rows, None] + squares[start:] - 2 * flat[rows] @ flat[start:].T
        later = np.arange(away.shape[1]) > np.arange(len(away))[:, None]
        yield start, np.where(later, np.sqrt(np.maximum(away, 0)), np.inf)


def _kinds(images: np.ndarray) -> np.ndarray:
    """A number for each image, int64 (N,), the same one for those that are equal byte for byte."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(image.tobytes(), len(seen)) for image in images])


def _nearest_of(flat: np.ndarray, piece: np.ndarray, own: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Index and distance of each row's nearest one in a piece of all; the index `own` is passed over."""
    from sklearn.neighbors import NearestNeighbors

    most = 1 if own is None else min(2, len(piece))
    distances, found = NearestNeighbors(n_neighbors=most, algorithm="brute").fit(piece).kneighbors(flat)
    if own is not None:
        distances = np.where(found == own[:, None], np.inf, distances)
    rows, best = np.arange(len(flat)), distances.argmin(axis=1)
    return found[rows, best], distances[rows, best]


def _apart(queries: np.ndarray, images: np.ndarray, partners: np.ndarray) -> np.ndarray:
    """How far each query is from its partner, float64 (Q,), by their differences: the search rounds small ones."""
    pieces = ((piece, _flat(images[partners[start : start + len(piece)]])) for start, piece in _pieces(queries))
    return np.concatenate([np.linalg.norm(piece - other, axis=1) for piece, other in pieces]).astype(np.float64)


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
