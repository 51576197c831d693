"""Published statistics of features: mean and covariance, in `.npz` files as of pytorch-fid, TTUR and clean-fid."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from dcgan.core.errors import UserError

HINT = "Use an .npz file with mu (D,) and sigma (D, D), as pytorch-fid, TTUR and clean-fid write it."


class ReferenceStatistics(NamedTuple):
    """Mean and covariance of the features of some images."""

    mean: np.ndarray
    """float64 (D,)."""
    covariance: np.ndarray
    """float64 (D, D)."""
    path: Path


def load_statistics(path: Path) -> ReferenceStatistics:
    """Read a statistics file.

    Args:
        path: an `.npz` file with the arrays `mu`, (D,), and `sigma`, (D, D).

    Returns:
        The statistics.

    Raises:
        UserError: the file is missing or has other content.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            mean, covariance = (np.asarray(file[name], np.float64) for name in ("mu", "sigma"))
    except Exception as error:  # a missing or damaged file, or one of another format, raises many types
        raise UserError(f"{path} can't be read: {' '.join(str(error).split())[:200]}", HINT) from error
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
        raise UserError(f"{path} has mu {mean.shape} and sigma {covariance.shape}.", HINT)
    if not np.isfinite(mean).all() or not np.allclose(covariance, covariance.T, atol=1e-6 * np.abs(covariance).max()):
        raise UserError(f"{path} has values that are not finite, or a sigma that is not symmetric.", HINT)
    return ReferenceStatistics(mean, covariance, path)


def distance_to_statistics(features: np.ndarray, statistics: ReferenceStatistics) -> float:
    """Compute the Fréchet distance between the Gaussian of some features and a given one.

    As `frechet_distance` (Heusel et al. 2017, equation 6): with the features centered and divided by √(n−1), A'A is
    their covariance, and with B'B the given one, by its eigenvectors, the trace of the square root of the product is
    the sum of the singular values of AB'.

    Args:
        features: (N, D), N at least 2.
        statistics: of features of the same width.

    Returns:
        A non-negative number, computed in float64.

    Raises:
        UserError: the widths differ.
    """
    if features.shape[1] != len(statistics.mean):
        raise UserError(
            f"{statistics.path} has {len(statistics.mean)} features, and --features computes {features.shape[1]}.",
            "Use the features that the file was made with; published files are of --features inception-2015.",
        )
    features = features.astype(np.float64)
    mean = features.mean(axis=0)
    root = np.asarray(np.linalg.qr((features - mean) / np.sqrt(len(features) - 1), mode="r"))
    eigenvalues, vectors = np.linalg.eigh(statistics.covariance)
    other_root = np.sqrt(np.maximum(eigenvalues, 0.0))[:, None] * vectors.T
    overlap = np.linalg.svd(root @ other_root.T, compute_uv=False).sum()
    traces = np.sum(root**2) + np.trace(statistics.covariance)
    return max(float(np.sum((mean - statistics.mean) ** 2) + traces - 2 * overlap), 0.0)
