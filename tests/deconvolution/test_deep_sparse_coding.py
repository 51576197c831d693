"""Adaptive deconvolutional networks against matrices, optimality conditions and unseen digits."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

import dcgan
from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.deconvolution import (
    DeepSparseCoding,
    Plan,
    SparseCoding,
    atom_images,
    convolution_matrix,
    learn_deep_sparse_coding,
)
from dcgan.deconvolution.deep_reconstruction import pool_by_magnitude, read_switched
from dcgan.deconvolution.deep_sparse_coding import Layer
from dcgan.deconvolution.deep_sparse_coding_learning import fit_filters

SIZE = (9, 8)  # pooling windows of 2 extend over its border


def layer_of(*shape, weight=5.0, pool=2):
    filters = np.random.default_rng(sum(shape)).standard_normal(shape)
    return Layer((filters / np.sqrt((filters**2).sum(axis=(0, 1, 2)))).astype(np.float32), weight, pool)


def network_of(weight=5.0, pool=2):
    return DeepSparseCoding((layer_of(3, 4, 2, 5), layer_of(3, 3, 5, 6, weight=weight, pool=pool)), SIZE)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def switches_of(network, count=2):
    """The switches of random maps, for every layer."""
    shapes = zip(network.sizes, network.layers, strict=True)
    return [pool_by_magnitude(normal(count, *size, o.filters.shape[3]), o.pool)[1] for size, o in shapes]


@pytest.fixture(scope="module")
def digits():
    """Embedded digits for training and for testing."""
    images = dcgan.load(DataConfig()).images.astype(np.float32) / 255
    return images[:40], images[9000:9012]


@pytest.fixture(scope="module")
def trained(digits):
    return learn_deep_sparse_coding(digits[0], [Plan(8, 5, 20.0), Plan(12, 5, 2.0)], rounds=8, steps=8)


def as_matrix(network, switches, image, layers):
    """The reconstruction from a layer's pooled maps as a product of matrices, for one image."""
    matrix = np.eye(int(np.prod(SIZE)) * network.layers[0].filters.shape[2])
    for level in range(layers):
        layer, size = network.layers[level], network.sizes[level]
        matrix = matrix @ convolution_matrix(size, layer.filters, 1, "same").toarray().T
        switch = switches[level][image].numpy().ravel()
        unpooling = np.zeros((matrix.shape[1], switch.size))
        unpooling[switch, np.arange(switch.size)] = 1
        matrix = matrix @ unpooling
    return matrix


def test_the_reconstruction_is_a_product_of_transposed_convolutions_and_unpoolings():
    network = network_of()
    switches = switches_of(network)
    values = normal(*switches[1].shape)
    reconstructed = np.asarray(network.reconstruct(values, switches))
    assert reconstructed.shape == (2, *SIZE, 2)
    for image in range(2):
        expected = as_matrix(network, switches, image, 2) @ values[image].ravel()
        np.testing.assert_allclose(reconstructed[image].ravel(), expected, atol=1e-5)


@pytest.mark.parametrize("without_top", [False, True])
def test_correlate_is_the_adjoint_of_reconstruct_for_fixed_switches(without_top):
    network = network_of()
    switches = switches_of(network)[: 1 if without_top else 2]
    values = normal(*(network.zero_maps(2).shape if without_top else switches[1].shape))
    images = normal(2, *SIZE, 2, seed=3)
    left = np.vdot(network.reconstruct(values, switches), images)
    right = np.vdot(values, network.correlate(images, switches))
    np.testing.assert_allclose(left, right, rtol=1e-4)


def test_one_layer_without_pooling_equals_convolutional_sparse_coding():
    layer = layer_of(3, 4, 2, 5, pool=1)
    deep, plain = DeepSparseCoding((layer,), SIZE), SparseCoding(layer.filters, layer.weight, SIZE)
    images = normal(2, *SIZE, 2)
    values, switches = deep.encode(images, steps=200, updates=1, final_steps=200)
    expected = plain.encode(images, 400)
    np.testing.assert_allclose(values, expected, atol=0.02)
    assert deep.objective(images, values, switches) == pytest.approx(plain.objective(images, expected), rel=1e-5)


def test_pooling_keeps_the_value_of_largest_magnitude_of_every_window_with_its_sign():
    maps = normal(2, *SIZE, 3)
    values, switches = pool_by_magnitude(maps, 2)
    assert values.shape == (2, 5, 4, 3)
    for n, row, column, k in np.ndindex(*values.shape):
        window = maps[n, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2, k].ravel()
        assert values[n, row, column, k] == window[np.abs(window).argmax()]
    np.testing.assert_array_equal(read_switched(maps, switches), values)


def test_the_norm_bound_is_at_least_the_norm_for_given_switches():
    network = network_of()
    switches = switches_of(network)
    for image in range(2):
        assert np.linalg.norm(as_matrix(network, switches, image, 2), 2) ** 2 <= network.norm_bound()


def test_at_the_minimum_correlations_with_the_residual_are_1_over_the_weight_for_atoms_in_use_and_less_for_others():
    network, images = network_of(0.5), normal(2, *SIZE, 2)
    values, switches = network.encode(images, updates=2, final_steps=1500)
    residual = images - network.reconstruct(values, switches)
    correlations = network.layers[1].weight * np.asarray(network.correlate(residual, switches))
    used = values.numpy() != 0
    assert 0 < used.mean() < 0.6
    assert np.abs(correlations).max() < 1.01
    np.testing.assert_allclose(correlations[used], np.sign(values.numpy()[used]), atol=0.01)


def test_a_code_is_zero_exactly_when_no_correlation_with_the_image_exceeds_1_over_the_weight():
    network, image = network_of(), normal(1, *SIZE, 2)
    below = network.lowest(1).encode(image).switches
    largest = float(tf.reduce_max(tf.abs(network.correlate(image, below))))
    for factor, empty in ((0.99, True), (1.01, False)):
        values, _ = network_of(factor / largest).encode(image, final_steps=0)
        assert np.all(values == 0) == empty


def test_cost_and_error_decrease_with_the_iterations():
    network, images = network_of(20.0), normal(2, *SIZE, 2)
    switches = switches_of(network)
    values, costs, errors = tf.zeros(switches[1].shape), [], []
    for steps in (0, 1, 3, 10, 30):
        found = network.optimize(images, values, switches, steps)
        costs.append(network.objective(images, found, switches))
        errors.append(float(tf.reduce_sum(tf.square(network.reconstruct(found, switches) - images))))
    assert np.all(np.diff(costs) < 0)
    assert np.all(np.diff(errors) < 0)
    least = network.objective(images, network.optimize(images, found, switches, 500), switches)
    assert costs[-1] - least < 0.02 * costs[0]


def test_every_image_is_encoded_independently():
    network, images = network_of(), normal(3, *SIZE, 2) * np.array([0.01, 1, 10], np.float32)[:, None, None, None]
    together = network.encode(images)
    for number in range(3):
        alone = network.encode(images[number : number + 1])
        np.testing.assert_allclose(alone.values[0], together.values[number], atol=1e-4, rtol=1e-3)


def test_fitting_filters_reduces_the_error_and_keeps_their_norm_at_1():
    network, images = network_of(), normal(4, *SIZE, 2)
    below = switches_of(network, 4)[:1]
    maps = network.optimize(images, network.zero_maps(4), below, 30)
    before = network.reconstruct(maps, below)
    fitted, scaled = fit_filters(network, images, maps, below)
    after = fitted.reconstruct(scaled, below)
    errors = [float(tf.reduce_sum(tf.square(result - images))) for result in (before, after)]
    assert errors[1] < 0.98 * errors[0]
    np.testing.assert_allclose((fitted.layers[1].filters ** 2).sum(axis=(0, 1, 2)), 1, rtol=1e-5)
    np.testing.assert_array_equal(fitted.layers[0].filters, network.layers[0].filters)


def test_many_steps_of_filter_fitting_reach_the_least_squares_solution():
    network, images = network_of().lowest(1), normal(3, *SIZE, 2)
    maps = np.where(normal(*network.zero_maps(3).shape, seed=5) > 1, 1.0, 0.0).astype(np.float32)
    fitted, scaled = fit_filters(network, images, tf.constant(maps), (), steps=200)
    error = float(tf.reduce_sum(tf.square(fitted.reconstruct(scaled, ()) - images)))
    padded = np.pad(maps, [(0, 0), (1, 1), (2, 1), (0, 0)])  # of a rotated 3x4 kernel: 'same' pads 1 before, 2 after
    patches = [padded[:, 2 - a : 2 - a + SIZE[0], 3 - b : 3 - b + SIZE[1]] for a in range(3) for b in range(4)]
    design = np.concatenate(patches, axis=3).reshape(-1, 60)
    residual = images.reshape(-1, 2) - design @ np.linalg.lstsq(design, images.reshape(-1, 2), rcond=None)[0]
    assert error == pytest.approx((residual**2).sum(), rel=1e-3)


def test_two_layers_reconstruct_unseen_digits_from_sparse_codes(trained, digits):
    values, switches = trained.encode(digits[1], updates=3, final_steps=50)
    residual = trained.reconstruct(values, switches) - digits[1]
    assert float(tf.reduce_sum(tf.square(residual)) / np.sum(digits[1] ** 2)) < 0.06
    assert np.count_nonzero(values) / values.numpy().size < 0.15
    sparser = replace(trained, layers=(trained.layers[0], replace(trained.layers[1], weight=0.5)))
    assert np.count_nonzero(sparser.optimize(digits[1], values, switches, 50)) < np.count_nonzero(values)


def test_learned_filters_explain_unseen_digits_better_than_their_initial_noise(trained, digits):
    plans = [Plan(8, 5, 20.0), Plan(12, 5, 2.0)]
    noise = learn_deep_sparse_coding(digits[0], plans, rounds=0)
    costs = [each.objective(digits[1], *each.encode(digits[1], 10, 2, 30)) for each in (trained, noise)]
    assert costs[0] < 0.6 * costs[1]


def test_equal_seeds_learn_equal_filters(digits):
    plans = [Plan(3, 3, 5.0), Plan(4, 3, 5.0)]
    learned = [learn_deep_sparse_coding(digits[0][:5], plans, 2, 3, seed) for seed in (1, 1, 2)]
    for one, same, other in zip(*(network.layers for network in learned), strict=True):
        np.testing.assert_array_equal(one.filters, same.filters)
        assert np.any(one.filters != other.filters)


def test_the_atom_images_of_a_first_layer_are_its_filters():
    network = DeepSparseCoding((layer_of(5, 5, 1, 4, weight=50.0, pool=1),), (12, 12))
    atoms = atom_images(network, network.encode(normal(2, 12, 12, 1)))
    for atom, filter_ in zip(atoms, np.moveaxis(network.layers[0].filters, 3, 0), strict=True):
        values = atom.astype(float) - 128
        correlation = np.vdot(values, filter_) / np.linalg.norm(values) / np.linalg.norm(filter_)
        assert abs(correlation) > 0.95 or (atom == 128).any()  # clipped at the border


def test_atom_images_contain_all_pixels_that_a_code_reaches(trained, digits):
    codes = trained.encode(digits[1][:4], 5, 1, 5)
    atoms = atom_images(trained, codes)
    assert atoms.shape == (12, 16, 16, 1)  # window of 2 and kernel of 5: 6; windows of 2: 12; kernel of 5: 16
    assert atoms.dtype == np.uint8


@pytest.mark.parametrize(
    "make",
    [
        lambda: DeepSparseCoding((), SIZE),
        lambda: DeepSparseCoding((layer_of(3, 3, 1, 4), layer_of(3, 3, 5, 4)), SIZE),
        lambda: DeepSparseCoding((layer_of(3, 3, 1, 4, weight=0.0),), SIZE),
        lambda: DeepSparseCoding((layer_of(3, 3, 1, 4, pool=0),), SIZE),
        lambda: network_of().encode(normal(2, *SIZE, 3)),
        lambda: network_of().encode(normal(2, *SIZE, 2), updates=0),
        lambda: learn_deep_sparse_coding(normal(2, *SIZE, 2), []),
        lambda: learn_deep_sparse_coding(normal(2, *SIZE, 2), [Plan(0, 3, 1.0)]),
        lambda: learn_deep_sparse_coding(normal(2, *SIZE), [Plan(2, 3, 1.0)]),
    ],
)
def test_invalid_networks_images_and_plans_raise_an_error(make):
    with pytest.raises(UserError):
        make()
