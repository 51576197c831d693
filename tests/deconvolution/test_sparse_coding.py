"""Convolutional sparse coding against the matrix, optimality conditions and planted codes."""

import numpy as np
import pytest
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution import SparseCoding, convolution_matrix, learn_sparse_coding
from dcgan.deconvolution.sparse_coding import update_filters

SIZE = (14, 12)


def filters_of(*shape, seed=0):
    filters = np.random.default_rng(seed).standard_normal(shape)
    return (filters / np.sqrt((filters**2).sum(axis=(0, 1, 2)))).astype(np.float32)


def coding_of(weight=5.0, stride=1, channels=2, filters=6, size=SIZE):
    return SparseCoding(filters_of(5, 4, channels, filters), weight, size, stride)


def images(channels=2, count=3, size=SIZE):
    return np.random.default_rng(1).standard_normal((count, *size, channels)).astype(np.float32)


def planted(coding, spikes=8, count=3):
    """Codes with few large values, and the images that they decode to."""
    generator = np.random.default_rng(2)
    codes = np.zeros(coding.code_shape(count), np.float32)
    for code in codes:
        positions = generator.choice(code.size, spikes, replace=False)
        code.reshape(-1)[positions] = generator.choice([-1, 1], spikes) * generator.uniform(2, 4, spikes)
    return codes, np.asarray(coding.decode(codes))


@pytest.mark.parametrize("stride", [1, 2, 3, (2, 1)], ids=str)
def test_decode_multiplies_by_the_matrix_of_the_transposed_convolution_and_correlate_is_its_adjoint(stride):
    coding = coding_of(stride=stride)
    matrix = convolution_matrix(SIZE, coding.filters, stride, "same")
    codes, image = planted(coding)[0], images()
    np.testing.assert_allclose(
        np.asarray(coding.decode(codes)).reshape(3, -1), codes.reshape(3, -1) @ matrix.toarray(), atol=1e-5
    )
    left, right = np.vdot(coding.decode(codes), image), np.vdot(codes, coding.correlate(image))
    np.testing.assert_allclose(left, right, rtol=1e-4)


@pytest.mark.parametrize("stride", [1, 2, 3, (2, 1)], ids=str)
def test_the_norm_bound_is_at_least_the_norm_and_close_to_it(stride):
    coding = coding_of(stride=stride, channels=1, filters=3)
    norm = np.linalg.norm(convolution_matrix(SIZE, coding.filters, stride, "same").toarray(), 2) ** 2
    assert norm <= coding.norm_bound() * (1 + 1e-6)
    assert coding.norm_bound() < 1.3 * norm


@pytest.mark.parametrize("stride", [1, 2])
def test_no_step_of_ista_increases_the_objective(stride):
    coding, codes = coding_of(stride=stride), None
    objectives = [coding.objective(images(), np.zeros(coding.code_shape(3), np.float32))]
    for _ in range(40):
        codes = coding.encode(images(), 1, codes, accelerated=False)
        objectives.append(coding.objective(images(), codes))
    assert np.all(np.diff(objectives) <= 1e-6 * objectives[0])
    assert objectives[-1] < 0.8 * objectives[0]


def test_fista_reaches_a_lower_objective_than_ista_in_the_same_steps():
    coding = coding_of()
    fast, slow = (coding.objective(images(), coding.encode(images(), 40, accelerated=value)) for value in (True, False))
    least = coding.objective(images(), coding.encode(images(), 1000))
    assert least <= fast
    assert fast - least < (slow - least) / 3


@pytest.mark.parametrize("stride", [1, 2])
def test_at_the_minimum_correlations_with_the_residual_are_1_over_the_weight_for_atoms_in_use_and_less_for_others(
    stride,
):
    coding = coding_of(1.0, stride)
    codes = np.asarray(coding.encode(images(), 1000))
    correlations = coding.weight * np.asarray(coding.correlate(images() - coding.decode(codes)))
    used = codes != 0
    assert 0 < used.mean() < 0.5
    assert np.abs(correlations).max() < 1.005
    np.testing.assert_allclose(correlations[used], np.sign(codes[used]), atol=5e-3)


def test_a_code_is_zero_exactly_when_no_correlation_with_the_image_exceeds_1_over_the_weight():
    largest = float(tf.reduce_max(tf.abs(coding_of().correlate(images(count=1)))))
    for weight, empty in ((0.99 / largest, True), (1.01 / largest, False)):
        assert np.all(coding_of(weight).encode(images(count=1), 50) == 0) == empty


@pytest.mark.parametrize("stride", [1, 2])
def test_planted_codes_are_recovered(stride):
    coding = SparseCoding(filters_of(5, 5, 2, 4), 50.0, SIZE, stride)
    codes, decoded = planted(coding)
    found = np.asarray(coding.encode(decoded, 1500))
    np.testing.assert_array_equal(np.abs(found) > 0.5, codes != 0)
    np.testing.assert_allclose(found, codes, atol=0.1)


@pytest.mark.parametrize("stride", [1, 2])
def test_filter_updates_never_increase_the_objective_and_keep_norms_below_1(stride):
    coding = coding_of(stride=stride)
    codes = coding.encode(images(), 30)
    objectives = [coding.objective(images(), codes)]
    for _ in range(10):
        coding = update_filters(coding, images(), codes, steps=1)
        objectives.append(coding.objective(images(), codes))
    assert np.all(np.diff(objectives) <= 1e-6 * objectives[0])
    assert objectives[-1] < objectives[0]
    assert np.sqrt((coding.filters**2).sum(axis=(0, 1, 2))).max() <= 1 + 1e-6


def test_the_filters_behind_the_images_are_learned_up_to_sign_and_shift():
    truth = SparseCoding(filters_of(3, 3, 1, 2, seed=4), 2.0, (16, 16))
    _, synthetic = planted(truth, spikes=12, count=12)
    coding, _ = learn_sparse_coding(synthetic, 2, 5, weight=2.0)
    for known in np.moveaxis(truth.filters, 3, 0):
        padded = np.pad(known, [(4, 4), (4, 4), (0, 0)])
        assert np.abs(tf.nn.conv2d(padded[None], coding.filters, 1, "VALID")).max() > 0.99


def test_learned_filters_explain_images_better_than_their_initial_noise():
    _, synthetic = planted(SparseCoding(filters_of(5, 5, 1, 4, seed=3), 5.0, SIZE))
    initial, initial_codes = learn_sparse_coding(synthetic, 4, 5, weight=5.0, rounds=0, steps=100)
    learned, codes = learn_sparse_coding(synthetic, 4, 5, weight=5.0, rounds=30, steps=20)
    assert learned.objective(synthetic, codes) < 0.7 * initial.objective(synthetic, initial_codes)


def test_equal_seeds_initialize_equal_filters():
    filters = [learn_sparse_coding(images(), 3, 5, 1.0, rounds=0, steps=0, seed=seed)[0].filters for seed in (1, 1, 2)]
    np.testing.assert_array_equal(filters[0], filters[1])
    assert np.any(filters[0] != filters[2])


def test_a_code_of_zeros_does_not_change_the_filters():
    coding = coding_of()
    moved = update_filters(coding, images(), tf.zeros(coding.code_shape(3)))
    np.testing.assert_array_equal(moved.filters, coding.filters)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SparseCoding(np.ones((3, 3, 1)), 1.0, SIZE),
        lambda: coding_of(weight=0.0),
        lambda: coding_of(weight=float("nan")),
        lambda: coding_of(stride=0),
        lambda: coding_of(size=(0, 4)),
        lambda: coding_of().encode(images(channels=1)),
        lambda: coding_of().encode(images(), -1),
        lambda: learn_sparse_coding(images()[0], 2, 3, 1.0),
        lambda: learn_sparse_coding(images(), 0, 3, 1.0),
        lambda: learn_sparse_coding(images(), 2, 0, 1.0),
    ],
)
def test_invalid_codings_images_and_numbers_raise_an_error(make):
    with pytest.raises(UserError):
        make()
