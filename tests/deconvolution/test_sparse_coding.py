"""Convolutional sparse coding, against the matrix, the optimality conditions and codes that were planted."""

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
    """Codes with few large values, and the images they make."""
    generator = np.random.default_rng(2)
    codes = np.zeros(coding.code_shape(count), np.float32)
    for code in codes:
        places = generator.choice(code.size, spikes, replace=False)
        code.reshape(-1)[places] = generator.choice([-1, 1], spikes) * generator.uniform(2, 4, spikes)
    return codes, np.asarray(coding.decode(codes))


@pytest.mark.parametrize("stride", [1, 2, 3, (2, 1)], ids=str)
def test_decoding_is_the_transposed_convolutions_matrix_and_correlating_its_adjoint(stride):
    coding = coding_of(stride=stride)
    matrix = convolution_matrix(SIZE, coding.filters, stride, "same")
    codes, image = planted(coding)[0], images()
    np.testing.assert_allclose(
        np.asarray(coding.decode(codes)).reshape(3, -1), codes.reshape(3, -1) @ matrix.toarray(), atol=1e-5
    )
    left, right = np.vdot(coding.decode(codes), image), np.vdot(codes, coding.correlate(image))
    np.testing.assert_allclose(left, right, rtol=1e-4)


@pytest.mark.parametrize("stride", [1, 2, 3, (2, 1)], ids=str)
def test_the_bound_lies_above_the_norm_and_close_to_it(stride):
    coding = coding_of(stride=stride, channels=1, filters=3)
    norm = np.linalg.norm(convolution_matrix(SIZE, coding.filters, stride, "same").toarray(), 2) ** 2
    assert norm <= coding.norm_bound() * (1 + 1e-6)
    assert coding.norm_bound() < 1.3 * norm


@pytest.mark.parametrize("stride", [1, 2])
def test_no_step_of_ista_raises_the_objective(stride):
    coding, codes = coding_of(stride=stride), None
    course = [coding.objective(images(), np.zeros(coding.code_shape(3), np.float32))]
    for _ in range(40):
        codes = coding.encode(images(), 1, codes, accelerated=False)
        course.append(coding.objective(images(), codes))
    assert np.all(np.diff(course) <= 1e-6 * course[0])
    assert course[-1] < 0.8 * course[0]


def test_fista_gets_lower_in_as_many_steps():
    coding = coding_of()
    fast, slow = (coding.objective(images(), coding.encode(images(), 40, accelerated=how)) for how in (True, False))
    least = coding.objective(images(), coding.encode(images(), 1000))
    assert least <= fast
    assert fast - least < (slow - least) / 3


@pytest.mark.parametrize("stride", [1, 2])
def test_at_the_end_no_atom_matches_the_rest_by_more_than_1_over_the_weight_and_those_in_use_by_just_that(stride):
    coding = coding_of(1.0, stride)
    codes = np.asarray(coding.encode(images(), 1000))
    matches = coding.weight * np.asarray(coding.correlate(images() - coding.decode(codes)))
    used = codes != 0
    assert 0 < used.mean() < 0.5
    assert np.abs(matches).max() < 1.005
    np.testing.assert_allclose(matches[used], np.sign(codes[used]), atol=5e-3)


def test_a_code_is_all_zero_exactly_when_no_atom_matches_the_image_by_more_than_1_over_the_weight():
    strongest = float(tf.reduce_max(tf.abs(coding_of().correlate(images(count=1)))))
    for weight, empty in ((0.99 / strongest, True), (1.01 / strongest, False)):
        assert np.all(coding_of(weight).encode(images(count=1), 50) == 0) == empty


@pytest.mark.parametrize("stride", [1, 2])
def test_planted_codes_are_found_again(stride):
    coding = SparseCoding(filters_of(5, 5, 2, 4), 50.0, SIZE, stride)
    codes, made = planted(coding)
    found = np.asarray(coding.encode(made, 1500))
    np.testing.assert_array_equal(np.abs(found) > 0.5, codes != 0)
    np.testing.assert_allclose(found, codes, atol=0.1)


@pytest.mark.parametrize("stride", [1, 2])
def test_better_filters_never_raise_the_objective_and_stay_within_norm_1(stride):
    coding = coding_of(stride=stride)
    codes = coding.encode(images(), 30)
    course = [coding.objective(images(), codes)]
    for _ in range(10):
        coding = update_filters(coding, images(), codes, steps=1)
        course.append(coding.objective(images(), codes))
    assert np.all(np.diff(course) <= 1e-6 * course[0])
    assert course[-1] < course[0]
    assert np.sqrt((coding.filters**2).sum(axis=(0, 1, 2))).max() <= 1 + 1e-6


def test_the_filters_that_made_the_images_are_learned_up_to_sign_and_shift():
    truth = SparseCoding(filters_of(3, 3, 1, 2, seed=4), 2.0, (16, 16))
    _, made = planted(truth, spikes=12, count=12)
    coding, _ = learn_sparse_coding(made, 2, 5, weight=2.0)
    for known in np.moveaxis(truth.filters, 3, 0):
        room = np.pad(known, [(4, 4), (4, 4), (0, 0)])
        assert np.abs(tf.nn.conv2d(room[None], coding.filters, 1, "VALID")).max() > 0.99


def test_learned_filters_explain_images_better_than_the_noise_they_began_as():
    _, made = planted(SparseCoding(filters_of(5, 5, 1, 4, seed=3), 5.0, SIZE))
    new, new_codes = learn_sparse_coding(made, 4, 5, weight=5.0, rounds=0, steps=100)
    learned, codes = learn_sparse_coding(made, 4, 5, weight=5.0, rounds=30, steps=20)
    assert learned.objective(made, codes) < 0.7 * new.objective(made, new_codes)


def test_equal_seeds_begin_with_equal_filters():
    begun = [learn_sparse_coding(images(), 3, 5, 1.0, rounds=0, steps=0, seed=seed)[0].filters for seed in (1, 1, 2)]
    np.testing.assert_array_equal(begun[0], begun[1])
    assert np.any(begun[0] != begun[2])


def test_an_empty_code_leaves_the_filters_alone():
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
def test_what_is_no_sparse_coding_is_refused(make):
    with pytest.raises(UserError):
        make()
