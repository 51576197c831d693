"""How far two sets of features are apart; NumPy and scikit-learn only."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed

WORKING_MEMORY = 128
"""MiB a block of pairwise distances may take, whatever the number of images."""


MANIFOLD_NEIGHBOURS, DENSITY_NEIGHBOURS = 3, 5
"""The k of precision and recall, and of density and coverage, as their papers have it."""


class Estimate(NamedTuple):
    """A figure, and how far it differs between random subsets: a standard deviation, None of too few images."""

    value: float
    spread: float | None


def frechet_distance(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """The Fréchet distance between two Gaussians with the means and covariances of the features.

    |μa − μb|² + Tr(Ca + Cb − 2 (Ca Cb)^½), Heusel et al. 2017 ("GANs trained by a two time-scale update rule",
    equation 6), after Dowson and Landau 1982. With the features centred and divided by √(n−1), A'A = Ca, and the QR
    decomposition A = QR gives Ca = R'R. The trace of (Ca Cb)^½ is then the sum of the singular values of Ra Rb',
    which needs no root of a matrix: it stays exact where a covariance is singular, because there are fewer images
    than features, say.

    Args:
        features_a: (N, D), N at least 2.
        features_b: (M, D), M at least 2.

    Returns:
        A number from 0 on, computed in float64; symmetric in its arguments.

    Raises:
        UserError: a set has fewer than two rows, the widths differ, or a feature is no number.
    """
    a, b = _checked(features_a, features_b, least=2)
    (mean_a, root_a), (mean_b, root_b) = _moments(a), _moments(b)
    overlap = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    distance = np.sum((mean_a - mean_b) ** 2) + np.sum(root_a**2) + np.sum(root_b**2) - 2 * overlap
    return max(float(distance), 0.0)  # rounding may leave a little less


def kernel_distance(
    features_a: np.ndarray, features_b: np.ndarray, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> Estimate:
    """The squared maximum mean discrepancy under the kernel (x'y / D + 1)³, unbiased, over random subsets.

    Bińkowski et al. 2018, "Demystifying MMD GANs", section 4 (the kernel inception distance, for features of the
    Inception network), with the estimator of Gretton et al. 2012, "A Kernel Two-Sample Test", lemma 6. It is
    unbiased: for two sets from one distribution it is 0 on average, so it may be a little below.

    Args:
        features_a: (N, D), N at least 2.
        features_b: (M, D), M at least 2.
        subsets: how many pairs of subsets are drawn.
        subset_size: rows of a subset, at most; half of the smaller set gives no more, so that subsets differ.
        seed: the subsets follow from it.

    Returns:
        Mean and standard deviation over the subsets, computed in float64; sets that are no larger than a subset are
        compared whole, and the spread alone is that of halves. The value's own uncertainty is smaller: about the
        spread divided by the root of the number of disjoint subsets that the sets hold.

    Raises:
        UserError: as `frechet_distance`.
    """
    a, b = _checked(features_a, features_b, least=2)
    random = np.random.Generator(np.random.Philox(key=derived_seed(seed, "kernel distance")))
    size = min(subset_size, len(a) // 2, len(b) // 2)
    if size < 2:
        return Estimate(_discrepancy(a, b), None)
    pairs = ([x[random.choice(len(x), size, replace=False)] for x in (a, b)] for _ in range(subsets))
    values = [_discrepancy(x, y) for x, y in pairs]
    whole = max(len(a), len(b)) <= subset_size
    return Estimate(_discrepancy(a, b) if whole else float(np.mean(values)), float(np.std(values)))


def precision_recall(real: np.ndarray, drawn: np.ndarray, neighbours: int = MANIFOLD_NEIGHBOURS) -> tuple[float, float]:
    """How much of what is drawn looks real, and how much of what is real can be drawn.

    Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models", equation 1: a
    set's manifold is the union of balls around its points, each reaching to the point's k-th neighbour (section 3:
    k = 3). Precision is the part of the drawn points in the real manifold, recall the part of the real points in the
    drawn one.

    Args:
        real: features (N, D), N above `neighbours`.
        drawn: features (M, D), M above `neighbours`.
        neighbours: k.

    Returns:
        (precision, recall), both in [0, 1].

    Raises:
        UserError: as `frechet_distance`, or a set has too few rows for so many neighbours.
    """
    real, drawn = _checked(real, drawn, least=neighbours + 1)
    reach, reach_of_drawn = _radii(real, neighbours), _radii(drawn, neighbours)
    within_real = _over_blocks(drawn, real, lambda distances, start: (distances < reach).any(axis=1))
    within_drawn = _over_blocks(real, drawn, lambda distances, start: (distances < reach_of_drawn).any(axis=1))
    return float(within_real.mean()), float(within_drawn.mean())


def density_coverage(real: np.ndarray, drawn: np.ndarray, neighbours: int = DENSITY_NEIGHBOURS) -> tuple[float, float]:
    """How densely the drawn points lie where the real ones are, and how many of the real ones they reach.

    Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models", equations 3 and 4 (section 4:
    k = 5). Unlike precision and recall they depend on the real manifold alone, which no outlier among the drawn
    points can blow up.

    Args:
        real: features (N, D), N above `neighbours`.
        drawn: features (M, D), M at least 1.
        neighbours: k.

    Returns:
        (density, coverage): density from 0 on, 1 on average for sets from one distribution, coverage in [0, 1].

    Raises:
        UserError: as `precision_recall`.
    """
    real, drawn = _checked(real, drawn, least=1)
    reach = _radii(real, neighbours)
    held = _over_blocks(drawn, real, lambda distances, start: (distances < reach).sum(axis=1))
    reached = _over_blocks(
        real, drawn, lambda distances, start: distances.min(axis=1) < reach[start : start + len(distances)]
    )
    return float(held.mean() / neighbours), float(reached.mean())


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean (D,) and a root R (min(N, D), D) of the covariance R'R, of the denominator N − 1."""
    mean = features.mean(axis=0)
    return mean, np.linalg.qr((features - mean) / np.sqrt(len(features) - 1), mode="r")


def _discrepancy(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimate of MMD² from two sets of points; no point is compared with itself."""
    within = [(_kernel(z, z).sum() - _kernel_of_itself(z).sum()) / (len(z) * (len(z) - 1)) for z in (x, y)]
    return float(sum(within) - 2 * _kernel(x, y).mean())


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _cube(x @ y.T / x.shape[1] + 1)


def _kernel_of_itself(x: np.ndarray) -> np.ndarray:
    return _cube(np.sum(x * x, axis=1) / x.shape[1] + 1)


def _cube(x: np.ndarray) -> np.ndarray:
    return x * x * x  # ten times as fast as a power


def _radii(points: np.ndarray, neighbours: int) -> np.ndarray:
    """The distance of each point to its k-th neighbour, itself not counted."""
    from sklearn.neighbors import NearestNeighbors

    if len(points) <= neighbours:
        raise UserError(f"{len(points)} images have no {neighbours} neighbours each.", "Compare more images.")
    search = NearestNeighbors(n_neighbors=neighbours + 1, algorithm="brute").fit(points)
    return search.kneighbors(points)[0][:, -1]


def _over_blocks(rows: np.ndarray, columns: np.ndarray, reduce: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    """Reduce the matrix of Euclidean distances to one value a row, a block of rows at a time."""
    from sklearn.metrics import pairwise_distances_chunked

    blocks = pairwise_distances_chunked(rows, columns, reduce_func=reduce, working_memory=WORKING_MEMORY)
    return np.concatenate(list(blocks))


def _checked(a: np.ndarray, b: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64, once they can be compared."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise UserError(f"Features of the shapes {a.shape} and {b.shape} can't be compared.")
    if min(len(a), len(b)) < least:
        raise UserError(f"{min(len(a), len(b))} images are too few to compare.", f"At least {least} are needed.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UserError("A feature is infinite or no number.", "Is the features' network damaged?")
    return a, b
