"""Nearest neighbors among pixels: exact search, 1-NN classification, and distances between all pairs.

Distances are Euclidean between images whose pixels are scaled to [0, 1].
"""

from collections.abc import Iterator

import numpy as np

from dcgan.evaluation.distances import WORKING_MEMORY

CHUNK_BYTES = 1 << 28
"""Size of the float32 pixels that are in memory at a time, for any number of images to search, and of queries."""

MAX_PRODUCTS = 2e11
"""Maximum queries × images × pixels of a search: less than half a minute on two cores."""


def nearest(
    queries: np.ndarray, images: np.ndarray, query_indices: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest image of each query.

    Args:
        queries: uint8 (Q, H, W, C).
        images: uint8 (N, H, W, C), N at least 1, or 2 with `query_indices`; may be memory-mapped, as it is read in
            chunks.
        query_indices: where the queries are among the images, their indices, int64 (Q,): no query is then its own
            nearest image.

    Returns:
        The indices of the nearest images, int64 (Q,), and their distances, float64 (Q,), exactly 0 for a copy.
    """
    best, distances = np.zeros(len(queries), np.int64), np.full(len(queries), np.inf)
    for first, rows in _chunks(queries):
        best_of_rows, closest = best[first : first + len(rows)], distances[first : first + len(rows)]
        indices = None if query_indices is None else query_indices[first : first + len(rows)]
        for start, chunk in _chunks(images):
            found, found_distances = _nearest_in_chunk(rows, chunk, None if indices is None else indices - start)
            closer = found_distances < closest
            best_of_rows[closer], closest[closer] = found[closer] + start, found_distances[closer]
    return best, _exact_distances(queries, images, best)


def k_nearest(query: np.ndarray, images: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the images that are nearest to one.

    Args:
        query: uint8 (H, W, C).
        images: uint8 (N, H, W, C), N at least 1; may be memory-mapped, as it is read in chunks.
        count: number of images to find, at least 1.

    Returns:
        The indices of the nearest images, int64 (count,) or (N,) if there are fewer, the nearest first, and their
        distances, float64, exactly 0 for a copy.
    """
    (row,) = _flatten(query[None])
    distances = np.concatenate([np.linalg.norm(chunk - row, axis=1) for _, chunk in _chunks(images)])
    found = np.argsort(distances, kind="stable")[:count]
    return found, distances[found].astype(np.float64)


def classification_error(
    images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray
) -> float:
    """Return the error of a 1-nearest-neighbor classifier fitted on labeled images, real or generated.

    Radford et al. 2016, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", appendix (table 3): fitted on generated digits, tested on MNIST's test set.

    Args:
        images: uint8 (N, H, W, C).
        labels: integers (N,): the class of each image, or the class it was generated for.
        test_images: uint8 (M, H, W, C).
        test_labels: integers (M,).

    Returns:
        The fraction of the test images, in [0, 1], whose nearest image has another label.
    """
    found, _ = nearest(test_images, images)
    return float((np.asarray(labels)[found] != test_labels).mean())


def affordable_queries(count: int, images: np.ndarray, searches: int = 1) -> int:
    """Limit the number of queries to what can be searched for within `MAX_PRODUCTS`, but at least to 100.

    Args:
        count: wanted number of queries.
        images: (N, H, W, C), to search.
        searches: number of searches per query.

    Returns:
        A number of at most `count`.
    """
    return int(min(count, max(100, MAX_PRODUCTS // (searches * images.size))))


def affordable_pairs(count: int, images: np.ndarray) -> int:
    """Limit the number of images to what can be compared pair by pair within `MAX_PRODUCTS`.

    Args:
        count: wanted number of images.
        images: (N, H, W, C), from which they are taken.

    Returns:
        A number of at most `count`.
    """
    return int(min(count, np.sqrt(MAX_PRODUCTS / images[0].size)))


def pair_distances(images: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Compute the distances between all pairs of images, one block of rows at a time.

    They are rounded to some thousandths of the usual distance: one large matrix product per block takes a small
    fraction of the time of scikit-learn's exact distances.

    Args:
        images: uint8 (N, H, W, C).

    Yields:
        The first row of a block, and the block's distances to the images from that row on, float32 (rows, N - first);
        those to the image itself and to images before it are infinite.
    """
    flat = _flatten(images)
    flat = flat - flat.mean(axis=0)  # shorter vectors have smaller rounding errors
    squares = np.einsum("ij,ij->i", flat, flat)
    step = max(1, (WORKING_MEMORY << 20) // (8 * len(flat)))
    for start in range(0, len(flat), step):
        rows = slice(start, start + step)
        squared = squares[rows, None] + squares[start:] - 2 * flat[rows] @ flat[start:].T
        later = np.arange(squared.shape[1]) > np.arange(len(squared))[:, None]
        yield start, np.where(later, np.sqrt(np.maximum(squared, 0)), np.inf)


def _nearest_in_chunk(
    flat: np.ndarray, chunk: np.ndarray, query_indices: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return index and distance of each row's nearest row in a chunk, without the row itself at `query_indices`."""
    from sklearn.neighbors import NearestNeighbors

    neighbors = 1 if query_indices is None else min(2, len(chunk))
    distances, found = NearestNeighbors(n_neighbors=neighbors, algorithm="brute").fit(chunk).kneighbors(flat)
    if query_indices is not None:
        distances = np.where(found == query_indices[:, None], np.inf, distances)
    rows, best = np.arange(len(flat)), distances.argmin(axis=1)
    return found[rows, best], distances[rows, best]


def _exact_distances(queries: np.ndarray, images: np.ndarray, partners: np.ndarray) -> np.ndarray:
    """Return each query's distance to its partner from pixel differences, float64 (Q,); the search rounds."""
    pairs = ((chunk, _flatten(images[partners[start : start + len(chunk)]])) for start, chunk in _chunks(queries))
    return np.concatenate([np.linalg.norm(chunk - other, axis=1) for chunk, other in pairs]).astype(np.float64)


def _chunks(images: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the index of a chunk's first image and the chunk as float32 (n, H·W·C)."""
    step = max(1, CHUNK_BYTES // (4 * images[0].size))
    for start in range(0, len(images), step):
        yield start, _flatten(images[start : start + step])


def _flatten(images: np.ndarray) -> np.ndarray:
    """Return float32 (N, H·W·C) in [0, 1]."""
    return np.divide(images, np.float32(255), dtype=np.float32).reshape(len(images), -1)  # without a second copy
