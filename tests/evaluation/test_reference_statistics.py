"""Statistics files of other programs, and distances to them in closed form."""

import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.evaluation.distances import frechet_distance
from dcgan.evaluation.reference_statistics import distance_to_statistics, load_statistics


def write(path, mu, sigma):
    np.savez(path, mu=mu, sigma=sigma)
    return path


def whitened(count, width):
    """Return features with mean 0 and exactly the identity as covariance."""
    x = np.random.default_rng(0).normal(size=(count, width))
    x -= x.mean(axis=0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T


def test_the_distance_between_gaussians_of_diagonal_covariance_is_that_of_the_closed_form(tmp_path):
    mu, deviations = np.array([1.0, -2.0, 0.0]), np.array([1.0, 2.0, 0.5])
    statistics = load_statistics(write(tmp_path / "stats.npz", mu, np.diag(deviations**2)))
    expected = np.sum(mu**2) + np.sum((deviations - 1) ** 2)
    assert distance_to_statistics(whitened(50, 3), statistics) == pytest.approx(expected, rel=1e-9)


def test_a_file_of_2048_features_as_published_is_read_and_compared(tmp_path):
    width = 2048
    statistics = load_statistics(write(tmp_path / "stats.npz", np.full(width, 0.5), 4.0 * np.eye(width)))
    features = np.zeros((3, width), np.float32)
    features[:, 0] = [-1, 0, 1]  # variance 1 in one direction, 0 in the others
    expected = width * 0.25 + 1 + 4 * width - 2 * 2
    assert distance_to_statistics(features, statistics) == pytest.approx(expected, rel=1e-9)


def test_the_distance_is_that_to_the_features_that_the_statistics_come_from(tmp_path):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(20, 30)), rng.normal(1.0, 2.0, size=(25, 30))
    statistics = load_statistics(write(tmp_path / "stats.npz", b.mean(axis=0), np.cov(b, rowvar=False)))
    assert distance_to_statistics(a, statistics) == pytest.approx(frechet_distance(a, b), rel=1e-6)
    assert distance_to_statistics(b, statistics) == pytest.approx(0, abs=1e-6)


def test_features_of_another_width_are_refused(tmp_path):
    statistics = load_statistics(write(tmp_path / "stats.npz", np.zeros(4), np.eye(4)))
    with pytest.raises(UserError, match="has 4 features, and `features` computes 3"):
        distance_to_statistics(np.zeros((5, 3)), statistics)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"mu": np.zeros(3)}, "can't be read"),
        ({"mu": np.zeros(3), "sigma": np.eye(4)}, r"has mu \(3,\) and sigma \(4, 4\)"),
        ({"mu": np.full(2, np.nan), "sigma": np.eye(2)}, "not finite"),
        ({"mu": np.zeros(2), "sigma": np.array([[1.0, 0.5], [0.0, 1.0]])}, "not symmetric"),
        ({"mu": np.array([None]), "sigma": np.eye(1)}, "can't be read"),
    ],
)
def test_a_file_of_another_format_is_refused(content, message, tmp_path):
    np.savez(tmp_path / "stats.npz", **content)
    with pytest.raises(UserError, match=message):
        load_statistics(tmp_path / "stats.npz")
    with pytest.raises(UserError, match="can't be read"):
        load_statistics(tmp_path / "none.npz")
