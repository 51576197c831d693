"""Every distance against an independent implementation on the same features."""

import numpy as np
import pytest
import scipy.linalg
from prdc import compute_prdc
from sklearn.metrics.pairwise import polynomial_kernel

from dcgan.core.errors import UserError
from dcgan.evaluation import density_coverage, distances, frechet_distance, kernel_distance, precision_recall


def features(count, width=12, seed=0, shift=0.0):
    """Correlated features, some of them skewed."""
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(count, width)) @ np.random.default_rng(7).normal(size=(width, width))
    return (np.maximum(mixed, -1) + shift).astype(np.float32)


def frechet_distance_by_matrix_square_root(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    return np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(covariances[0] + covariances[1] - 2 * root).real


@pytest.mark.parametrize(("counts", "shift"), [((200, 300), 0.0), ((500, 100), 0.7)])
def test_the_frechet_distance_equals_that_by_a_matrix_square_root(counts, shift):
    a, b = features(counts[0]), features(counts[1], seed=1, shift=shift)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance_by_matrix_square_root(a, b), rel=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-12)


def test_the_frechet_distance_of_two_gaussians_in_one_dimension_is_that_of_their_quantiles():
    """For N(m, s²) and N(n, t²) it is (m − n)² + (s − t)²."""
    a, b = np.array([[-1.0], [1.0]]), np.array([[3.0], [11.0]])
    assert frechet_distance(a, b) == pytest.approx(7**2 + (4 * 2**0.5 - 2**0.5) ** 2)


def test_the_distance_of_a_set_to_itself_is_zero_even_with_a_singular_covariance():
    few, flat = features(5, width=40), features(50).repeat(3, axis=1)
    for x in (few, flat, np.ones((4, 3))):
        assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9 * (1 + float(np.sum(x**2))))


def test_with_fewer_images_than_features_the_distance_follows_from_the_covariances():
    a, b = features(6, width=20), features(9, width=20, seed=1)
    rotated = np.linalg.qr(np.random.default_rng(3).normal(size=(20, 20)))[0]
    assert frechet_distance(a, b) > 1
    assert frechet_distance(a @ rotated, b @ rotated) == pytest.approx(frechet_distance(a, b), rel=1e-6)
    eigen = scipy.linalg.eigvals(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False))
    overlap = np.sqrt(np.maximum(eigen.real, 0)).sum()
    by_eigenvalues = np.sum((a.mean(0) - b.mean(0)) ** 2) + a.var(0, ddof=1).sum() + b.var(0, ddof=1).sum()
    assert frechet_distance(a, b) == pytest.approx(by_eigenvalues - 2 * overlap, rel=1e-4)


def kernel_distance_by_scikit_learn(a, b):
    """From the mean over all pairs of different points within a set, and over all pairs across sets."""
    within = [polynomial_kernel(x, degree=3, gamma=1 / x.shape[1], coef0=1) for x in (a, b)]
    means = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in within]
    return sum(means) - 2 * polynomial_kernel(a, b, degree=3, gamma=1 / a.shape[1], coef0=1).mean()


def test_the_kernel_distance_equals_that_of_scikit_learns_kernel():
    a, b = features(150).astype(np.float64), features(120, seed=1, shift=0.3).astype(np.float64)
    whole = kernel_distance(a, b, subsets=3, subset_size=1000)
    assert whole.value == pytest.approx(kernel_distance_by_scikit_learn(a, b), rel=1e-9)


def test_the_standard_deviation_of_sets_that_fit_into_one_subset_covers_random_variation():
    """For many pairs of sets of one distribution, most distances are within two standard deviations of zero."""
    many = features(4000)
    pairs = [(many[i : i + 100], many[i + 100 : i + 200]) for i in range(0, 4000, 200)]
    estimates = [kernel_distance(*pair, subsets=20) for pair in pairs]
    assert np.mean([abs(estimate.value) < 2 * estimate.std for estimate in estimates]) > 0.8


def test_too_few_images_have_a_distance_but_no_standard_deviation():
    estimate = kernel_distance(features(3), features(7, seed=1))
    assert estimate.value == pytest.approx(kernel_distance_by_scikit_learn(features(3), features(7, seed=1)), rel=1e-4)
    assert estimate.std is None


def test_the_kernel_distance_is_unbiased_so_its_mean_for_equal_distributions_is_zero():
    many = features(4000)
    values = [kernel_distance(many[i : i + 40], many[i + 40 : i + 80], 1).value for i in range(0, 4000, 80)]
    assert abs(np.mean(values)) < 3 * np.std(values) / len(values) ** 0.5
    assert min(values) < 0


def test_the_kernel_distance_of_random_subsets_is_repeatable_and_close_to_that_of_whole_sets():
    a, b = features(600), features(500, seed=1, shift=0.3)
    estimate = kernel_distance(a, b, subsets=40, subset_size=100)
    assert estimate == kernel_distance(a, b, subsets=40, subset_size=100)
    assert estimate != kernel_distance(a, b, subsets=40, subset_size=100, seed=1)
    whole = kernel_distance(a[:500], b, 1).value
    assert abs(estimate.value - whole) < estimate.std


@pytest.mark.parametrize("neighbors", [1, 3, 5])
@pytest.mark.parametrize(("counts", "shift"), [((120, 200), 0.0), ((150, 90), 0.8)])
def test_precision_recall_density_and_coverage_equal_those_of_prdc(counts, shift, neighbors, monkeypatch):
    monkeypatch.setattr(distances, "WORKING_MEMORY", 0.01)  # many blocks
    real, generated = features(counts[0], 4), features(counts[1], 4, seed=1, shift=shift)
    expected = compute_prdc(real.astype(np.float64), generated.astype(np.float64), neighbors)
    precision_and_recall = precision_recall(real, generated, neighbors)
    assert precision_and_recall == pytest.approx((expected["precision"], expected["recall"]))
    density_and_coverage = density_coverage(real, generated, neighbors)
    assert density_and_coverage == pytest.approx((expected["density"], expected["coverage"]))
    assert 0 < expected["precision"] < 1


@pytest.mark.parametrize("measure", [precision_recall, density_coverage])
@pytest.mark.parametrize("copies", [1, 8])
@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_an_exact_copy_of_a_set_is_in_its_manifold_whatever_its_duplicates_and_order(measure, copies, shift):
    for seed in range(5):
        real = np.repeat(features(60, 64, seed, shift), copies, axis=0)
        generated = np.random.default_rng(seed).permutation(real)
        if measure is precision_recall:
            assert measure(real, generated) == measure(real, real) == (1, 1)
        assert measure(real, generated)[1] == measure(real, real)[1] == 1


def test_a_point_on_the_surface_of_a_ball_is_in_it():
    real = np.array([[0.0], [1.0], [3.0], [7.0]])  # with one neighbor each, radii of 1, 1, 2 and 4
    surface, outside = np.array([[-1.0], [11.0]]), np.array([[-1.001], [11.001]])
    assert precision_recall(real, surface, neighbors=1)[0] == 1
    assert precision_recall(real, outside, neighbors=1)[0] == 0
    assert density_coverage(real, surface, neighbors=1) == (1, 0.5)
    assert density_coverage(real, outside, neighbors=1) == (0, 0)


def test_a_collapsed_generator_has_precision_but_neither_recall_nor_coverage():
    real = features(200)
    generated = real[:1] + 1e-3 * features(200, seed=1)
    precision, recall = precision_recall(real, generated)
    density, coverage = density_coverage(real, generated)
    assert precision == 1
    assert density > 0
    assert recall < 0.05
    assert coverage < 0.2


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance, precision_recall, density_coverage])
@pytest.mark.parametrize(
    ("a", "b", "problem"),
    [
        (np.zeros((9, 3)), np.zeros((9, 4)), r"\(9, 3\) and \(9, 4\) can't be compared"),
        (np.zeros(9), np.zeros(9), "can't be compared"),
        (np.full((9, 3), np.nan), np.zeros((9, 3)), "NaN or infinite"),
        (np.zeros((1, 3)), np.zeros((1, 3)), r"Too few images .+: 1\."),
    ],
)
def test_features_that_can_not_be_compared_are_refused(measure, a, b, problem):
    with pytest.raises(UserError, match=problem):
        measure(a, b)
