"""Distances between two sets of features, with NumPy and scikit-learn only."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed

WORKING_MEMORY = 128
"""Maximum size of a block of pairwise distances in MiB, for any number of images."""

MANIFOLD_NEIGHBORS, DENSITY_NEIGHBORS = 3, 5
"""k of precision and recall, and k of density and coverage, as in their papers."""


class Estimate(NamedTuple):
    """A mean over random subsets, and their standard deviation; `std` is None where there are too few images."""

    value: float
    std: float | None


def frechet_distance(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """Compute the Fréchet distance between two Gaussians with the means and covariances of the features.

    |μa − μb|² + Tr(Ca + Cb − 2 (Ca Cb)^½), Heusel et al. 2017 ("GANs trained by a two time-scale update rule",
    equation 6), after Dowson and Landau 1982. With the features centered and divided by √(n−1), A'A = Ca, and the QR
    decomposition A = QR gives Ca = R'R. The trace of (Ca Cb)^½ is then the sum of the singular values of Ra Rb'.
    No matrix square root is needed, so the result stays exact for singular covariances, for example with fewer images
    than features.

    Args:
        features_a: (N, D), N at least 2.
        features_b: (M, D), M at least 2.

    Returns:
        A non-negative number, computed in float64; symmetric in its arguments.

    Raises:
        UserError: a set has fewer than two rows, the widths differ, or a feature is NaN or infinite.
    """
    a, b = _validate(features_a, features_b, min_rows=2)
    (mean_a, root_a), (mean_b, root_b) = _moments(a), _moments(b)
    overlap = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    distance = np.sum((mean_a - mean_b) ** 2) + np.sum(root_a**2) + np.sum(root_b**2) - 2 * overlap
    return max(float(distance), 0.0)  # rounding can make it slightly negative


def kernel_distance(
    features_a: np.ndarray, features_b: np.ndarray, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> Estimate:
    """Estimate the squared maximum mean discrepancy under the kernel (x'y / D + 1)³, unbiased, over random subsets.

    Bińkowski et al. 2018, "Demystifying MMD GANs", section 4 (the kernel inception distance, for features of the
    Inception network), with the estimator of Gretton et al. 2012, "A Kernel Two-Sample Test", lemma 6. The estimator
    is unbiased: for two sets from one distribution its mean is 0, so single values can be slightly negative.

    Args:
        features_a: (N, D), N at least 2.
        features_b: (M, D), M at least 2.
        subsets: number of pairs of subsets.
        subset_size: maximum number of rows per subset; at most half of the smaller set is used, so that subsets differ.
        seed: seed of the subsets.

    Returns:
        Mean and standard deviation over the subsets, computed in float64. Sets that fit into one subset are compared
        whole, and only the standard deviation comes from halves. The uncertainty of the mean is smaller: about the
        standard deviation divided by the square root of the number of disjoint subsets.

    Raises:
        UserError: as `frechet_distance`.
    """
    a, b = _validate(features_a, features_b, min_rows=2)
    random = np.random.Generator(np.random.Philox(key=derived_seed(seed, "kernel distance")))
    size = min(subset_size, len(a) // 2, len(b) // 2)
    if size < 2:
        return Estimate(_squared_mmd(a, b), None)
    pairs = ([x[random.choice(len(x), size, replace=False)] for x in (a, b)] for _ in range(subsets))
    values = [_squared_mmd(x, y) for x, y in pairs]
    fits_one_subset = max(len(a), len(b)) <= subset_size
    return Estimate(_squared_mmd(a, b) if fits_one_subset else float(np.mean(values)), float(np.std(values)))


def precision_recall(
    real: np.ndarray, generated: np.ndarray, neighbors: int = MANIFOLD_NEIGHBORS
) -> tuple[float, float]:
    """Compute the fraction of generated images that look real, and of real images that the generator covers.

    Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models", equation 1: a
    set's manifold is the union of balls around its points, each reaching to the point's k-th neighbor (section 3:
    k = 3) and containing its surface (≤). Precision is the fraction of generated points in the real manifold, recall
    the fraction of real points in the generated manifold. Both are 1 for an exact copy of the real points.

    Args:
        real: features (N, D), N greater than `neighbors`.
        generated: features (M, D), M greater than `neighbors`.
        neighbors: k.

    Returns:
        (precision, recall), both in [0, 1].

    Raises:
        UserError: as `frechet_distance`, or a set has too few rows for k neighbors.
    """
    real, generated = _validate(real, generated, min_rows=neighbors + 1)
    real, generated = _center(real, generated)
    real_radii, generated_radii = _ball_radii(real, neighbors), _ball_radii(generated, neighbors)
    precise = _reduce_distances(generated, real, lambda distances, start: np.any(distances <= real_radii, axis=1))
    recalled = _reduce_distances(real, generated, lambda distances, start: np.any(distances <= generated_radii, axis=1))
    return float(precise.mean()), float(recalled.mean())


def density_coverage(
    real: np.ndarray, generated: np.ndarray, neighbors: int = DENSITY_NEIGHBORS
) -> tuple[float, float]:
    """Compute the density of generated points in the real manifold, and the fraction of real points that they reach.

    Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models", equations 3 and 4 (section 4:
    k = 5). Unlike precision and recall they depend only on the manifold of the real points, which outliers among the
    generated points cannot enlarge. The balls B(x, r) are those of the manifold of precision and recall (section 2),
    so they contain their surface here as well. The paper's program leaves it out, which makes a difference only where
    points coincide: a real point among more than k equal ones would then never be covered.

    Args:
        real: features (N, D), N greater than `neighbors`.
        generated: features (M, D), M at least 1.
        neighbors: k.

    Returns:
        (density, coverage): density is non-negative, with a mean of 1 for sets from one distribution; coverage is in
        [0, 1], and 1 for an exact copy of the real points.

    Raises:
        UserError: as `precision_recall`.
    """
    real, generated = _validate(real, generated, min_rows=1)
    real, generated = _center(real, generated)
    radii = _ball_radii(real, neighbors)
    balls = _reduce_distances(generated, real, lambda distances, start: (distances <= radii).sum(axis=1))
    covered = _reduce_distances(
        real, generated, lambda distances, start: distances.min(axis=1) <= radii[start : start + len(distances)]
    )
    return float(balls.mean() / neighbors), float(covered.mean())


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (D,) and a root R (min(N, D), D) of the covariance R'R with denominator N − 1."""
    mean = features.mean(axis=0)
    return mean, np.asarray(np.linalg.qr((features - mean) / np.sqrt(len(features) - 1), mode="r"))


def _squared_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """Return the unbiased estimate of MMD² from two sets of points; no point is compared with itself."""
    within = [(_kernel(z, z).sum() - _kernel_diagonal(z).sum()) / (len(z) * (len(z) - 1)) for z in (x, y)]
    return float(sum(within) - 2 * _kernel(x, y).mean())


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _cube(x @ y.T / x.shape[1] + 1)


def _kernel_diagonal(x: np.ndarray) -> np.ndarray:
    return _cube(np.sum(x * x, axis=1) / x.shape[1] + 1)


def _cube(x: np.ndarray) -> np.ndarray:
    return x * x * x  # ten times as fast as a power


def _center(real: np.ndarray, generated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move both sets by the mean of the real points: distances stay, and shorter vectors have smaller rounding errors.

    Equal rows stay equal.
    """
    mean = real.mean(axis=0)
    return real - mean, generated - mean


def _ball_radii(points: np.ndarray, neighbors: int) -> np.ndarray:
    """Return the radius of each point's ball: the distance to its k-th neighbor, and a bound on its rounding error.

    Distances are computed as √(|x|² + |y|² − 2xy), in blocks of any shape, so that two computations of one distance
    differ in their last bits. The error of the square is at most about D machine epsilons of |x|² + |y|², and for a
    point y on the surface |y|² is at most 2 (|x|² + r²). Without this, rounding would decide on which side of the
    surface a copy of the k-th neighbor is.
    """
    squares = np.square(_neighbor_distances(points, neighbors))
    rounding = 4 * points.shape[1] * np.finfo(points.dtype).eps * (np.einsum("ij,ij->i", points, points) + squares)
    return np.sqrt(squares + rounding)


def _neighbor_distances(points: np.ndarray, neighbors: int) -> np.ndarray:
    """Return the distance of each point to its k-th neighbor, the point itself not counted."""
    from sklearn.neighbors import NearestNeighbors

    if len(points) <= neighbors:
        raise UserError(f"Too few images for {neighbors} neighbors each: {len(points)}.", "Compare more images.")
    search = NearestNeighbors(n_neighbors=neighbors + 1, algorithm="brute").fit(points)
    return search.kneighbors(points)[0][:, -1]


def _reduce_distances(
    rows: np.ndarray, columns: np.ndarray, reduce: Callable[[np.ndarray, int], np.ndarray]
) -> np.ndarray:
    """Reduce the matrix of Euclidean distances to one value per row, one block of rows at a time."""
    from sklearn.metrics import pairwise_distances_chunked

    blocks = pairwise_distances_chunked(rows, columns, reduce_func=reduce, working_memory=WORKING_MEMORY)
    return np.concatenate(list(blocks))


def _validate(a: np.ndarray, b: np.ndarray, min_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64, or raise UserError where they are not comparable."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise UserError(f"Features of shapes {a.shape} and {b.shape} can't be compared.", "Both must be (N, D).")
    if min(len(a), len(b)) < min_rows:
        raise UserError(f"Too few images to compare: {min(len(a), len(b))}.", f"At least {min_rows} are needed.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UserError("A feature is NaN or infinite.", "Check the weights of the feature network.")
    return a, b
