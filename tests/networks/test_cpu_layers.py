"""The fast ways to compute a stride-2 convolution, against TensorFlow's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.networks import build_discriminator, build_generator
from dcgan.networks.cpu import im2col, winograd
from dcgan.networks.cpu.layers import CPU_LAYERS, FastBatchNormalization, FastConv2D, _way

SIZES = [(8, 8), (2, 2), (16, 24), (14, 14), (10, 6)]
"""(height, width) of the finer side; 8 and 16 are whole patches, the others are not."""


def normal(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape, np.float32))


def with_gradients(function, images, kernel, upstream):
    with tf.GradientTape() as tape:
        tape.watch([images, kernel])
        outputs = function(images, kernel)
    return (outputs, *tape.gradient(outputs, [images, kernel], output_gradients=upstream))


def assert_close(ours, theirs, tolerance):
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        assert np.abs(a - b).max() <= tolerance * np.abs(b).max()


@pytest.mark.parametrize(("way", "tolerance"), [(winograd, 2e-5), (im2col, 2e-6)])
@pytest.mark.parametrize("size", SIZES)
def test_a_convolution_and_its_gradients_equal_tensorflows(way, tolerance, size):
    height, width = size
    arguments = normal(3, *size, 2), normal(4, 4, 2, 5, seed=1), normal(3, height // 2, width // 2, 5, seed=2)
    ours = with_gradients(way.convolution, *arguments)
    theirs = with_gradients(lambda x, k: tf.nn.conv2d(x, k, 2, "SAME"), *arguments)
    assert_close(ours, theirs, tolerance)


@pytest.mark.parametrize(("way", "tolerance"), [(winograd, 2e-5), (im2col, 2e-6)])
@pytest.mark.parametrize("size", SIZES)
def test_a_transposed_convolution_and_its_gradients_equal_tensorflows(way, tolerance, size):
    height, width = size
    arguments = normal(3, height // 2, width // 2, 5), normal(4, 4, 2, 5, seed=1), normal(3, *size, 2, seed=2)
    ours = with_gradients(way.convolution_transpose, *arguments)
    theirs = with_gradients(lambda x, k: tf.nn.conv2d_transpose(x, k, (3, *size, 2), 2, "SAME"), *arguments)
    assert_close(ours, theirs, tolerance)


def test_the_three_matrices_make_a_filter_of_two_taps_exactly():
    matrices = winograd._matrices()
    data, taps = np.random.default_rng(0).standard_normal((2, 5)), np.array([0.3, -1.7])
    for row in data:
        filtered = matrices["output"].T @ ((matrices["kernel"] @ taps) * (matrices["data"] @ row))
        np.testing.assert_allclose(filtered, [row[i : i + 2] @ taps for i in range(4)], atol=1e-12)


@pytest.mark.parametrize("way", [winograd, im2col])
def test_a_second_derivative_is_refused_rather_than_wrong(way):
    images, kernel = normal(1, 8, 8, 2), normal(4, 4, 2, 3)
    with tf.GradientTape() as outer:
        outer.watch(kernel)
        with tf.GradientTape() as inner:
            inner.watch(images)
            outputs = tf.reduce_sum(tf.square(way.convolution(images, kernel)))
        slope = inner.gradient(outputs, images)
    with pytest.raises((NotImplementedError, LookupError), match="plain layers"):
        outer.gradient(slope, kernel)


def test_batch_norm_its_gradients_and_its_moving_statistics_equal_kerass():
    inputs, upstream = normal(6, 3, 2, 4) * 2 + 1, normal(6, 3, 2, 4, seed=1)
    results = []
    for kind in (FastBatchNormalization, keras.layers.BatchNormalization):
        layer = kind(momentum=0.9, epsilon=1e-5)
        layer.build(inputs.shape)
        layer.gamma.assign([0.5, 1.0, 2.0, -1.0])
        layer.beta.assign([0.0, 1.0, -1.0, 0.3])
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
        gradients = tape.gradient(outputs, [inputs, *layer.trainable_variables], output_gradients=upstream)
        results.append([outputs, *gradients, layer.moving_mean, layer.moving_variance, layer(inputs, training=False)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_each_layer_is_computed_in_the_way_that_measured_fastest():
    """benchmarks/README.md has the figures."""

    def way(channels, size, kernel=4, **options):
        layer = FastConv2D(8, kernel, strides=2, padding="same", use_bias=False, **options)
        return _way(layer, kernel, channels, size)

    assert way(3, (64, 64)) is way(1, (28, 28)) is im2col
    assert way(64, (32, 32)) is way(512, (8, 16)) is winograd
    assert way(64, (14, 14)) is way(32, (32, 32)) is way(64, (32, 32), kernel=5) is way(3, (7, 7)) is None
    assert way(64, (32, 32), dtype="mixed_bfloat16") is None


@pytest.mark.parametrize("size", [(8, 8), (32, 16), (28, 28)])
@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_a_network_of_compiled_layers_has_the_weights_and_outputs_of_a_plain_one(build, size):
    plain, fast = (build(image_size=size, width=64, **options) for options in ({}, {"layers": CPU_LAYERS}))
    inputs = normal(2, *plain.input_shape[1:])
    assert [v.path for v in plain.variables] == [v.path for v in fast.variables]
    assert plain.output_shape == fast.output_shape
    for training in (True, False):
        np.testing.assert_allclose(fast(inputs, training=training), plain(inputs, training=training), atol=5e-5)
    for ours, theirs in zip(fast.variables, plain.variables, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
