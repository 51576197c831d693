"""The CPU layers against TensorFlow's and Keras' own implementations."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.networks import build_discriminator, build_generator
from dcgan.networks.fast import im2col, winograd
from dcgan.networks.fast.layers import (
    CPU_LAYERS,
    XLA_LAYERS,
    FastBatchNormalization,
    FastConv2D,
    compute,
    select_on_cpu,
)
from dcgan.networks.layers import TRAINING_LAYERS

SIZES = [(8, 8), (2, 2), (16, 24), (14, 14), (10, 6)]
"""(height, width) of the larger of input and output; 8 and 16 are whole Winograd patches, the others are not."""


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


@pytest.mark.parametrize(("implementation", "tolerance"), [(winograd, 2e-5), (im2col, 2e-6)])
@pytest.mark.parametrize("size", SIZES)
def test_a_convolution_and_its_gradients_equal_tensorflows(implementation, tolerance, size):
    height, width = size
    arguments = normal(3, *size, 2), normal(4, 4, 2, 5, seed=1), normal(3, height // 2, width // 2, 5, seed=2)
    ours = with_gradients(implementation.convolution, *arguments)
    theirs = with_gradients(lambda x, k: tf.nn.conv2d(x, k, 2, "SAME"), *arguments)
    assert_close(ours, theirs, tolerance)


@pytest.mark.parametrize(("implementation", "tolerance"), [(winograd, 2e-5), (im2col, 2e-6)])
@pytest.mark.parametrize("size", SIZES)
def test_a_transposed_convolution_and_its_gradients_equal_tensorflows(implementation, tolerance, size):
    height, width = size
    arguments = normal(3, height // 2, width // 2, 5), normal(4, 4, 2, 5, seed=1), normal(3, *size, 2, seed=2)
    ours = with_gradients(implementation.convolution_transpose, *arguments)
    theirs = with_gradients(lambda x, k: tf.nn.conv2d_transpose(x, k, (3, *size, 2), 2, "SAME"), *arguments)
    assert_close(ours, theirs, tolerance)


@pytest.mark.parametrize("kernel_size", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("channels", [1, 6], ids=["sums of patches", "cells from patches"])
@pytest.mark.parametrize("size", SIZES)
def test_matrix_products_serve_every_kernel_size(size, channels, kernel_size):
    (height, width), kernel = size, normal(kernel_size, kernel_size, channels, 5, seed=1)
    large, small = normal(3, *size, channels), normal(3, height // 2, width // 2, 5, seed=2)
    ours = with_gradients(im2col.convolution, large, kernel, small)
    theirs = with_gradients(lambda x, k: tf.nn.conv2d(x, k, 2, "SAME"), large, kernel, small)
    assert_close(ours, theirs, 2e-6)
    ours = with_gradients(im2col.convolution_transpose, small, kernel, large)
    theirs = with_gradients(lambda x, k: tf.nn.conv2d_transpose(x, k, large.shape, 2, "SAME"), small, kernel, large)
    assert_close(ours, theirs, 2e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("implementation", [winograd, im2col])
def test_convolutions_of_bfloat16_are_exact_to_its_rounding(implementation, size):
    large, small, kernel = normal(3, *size, 16), normal(3, size[0] // 2, size[1] // 2, 8), normal(4, 4, 16, 8, seed=1)
    rounded = [tf.cast(tensor, "bfloat16") for tensor in (large, small, kernel)]
    exact = [tf.cast(tensor, "float32") for tensor in rounded]
    for name, theirs, order in (
        ("convolution", lambda x, k: tf.nn.conv2d(x, k, 2, "SAME"), (0, 2, 1)),
        ("convolution_transpose", lambda x, k: tf.nn.conv2d_transpose(x, k, large.shape, 2, "SAME"), (1, 2, 0)),
    ):
        results = with_gradients(
            lambda x, k, name=name: compute(implementation, name, x, k, "bfloat16"), *(rounded[i] for i in order)
        )
        expected = with_gradients(theirs, *(exact[i] for i in order))
        for result, reference in zip(results, expected, strict=True):
            assert result.dtype == "bfloat16"
            error = tf.cast(result, "float32") - reference
            assert np.sqrt(np.mean(error**2)) <= 0.006 * np.sqrt(np.mean(reference**2))


@pytest.mark.parametrize(
    ("pixels", "gpus", "stored"),
    [
        ((64, 16, 16), ["GPU"], 0),
        ((64, 14, 14), ["GPU"], 2),
        ((64, 4, 6), ["GPU"], 2),
        ((100, 16, 16), ["GPU"], 2),
        ((None, 16, 16), ["GPU"], 2),
        ((64, 14, 14), [], 0),  # on a CPU, storing takes as long as the product
    ],
)
def test_pixels_that_xla_cannot_divide_are_stored_before_the_kernels_gradient(monkeypatch, pixels, gpus, stored):
    calls = []
    monkeypatch.setattr(im2col, "visible_gpus", lambda: gpus)
    monkeypatch.setattr(im2col, "materialized", lambda tensor: calls.append(tensor) or tensor)

    @tf.function(input_signature=[tf.TensorSpec((*pixels, 3)), tf.TensorSpec((None, 2 * 2 * 2 * 2 * 5))])
    def gradient(maps, patches):
        return im2col._kernel_gradient(patches, maps, 4)

    maps = normal(*(3 if side is None else side for side in pixels), 3)
    rows = len(maps) * maps.shape[1] * maps.shape[2]
    patches = normal(rows, 80)
    expected = tf.matmul(patches, tf.reshape(maps, (rows, 3)), transpose_a=True)
    assert_close([gradient(maps, patches)], [im2col._matrix_to_kernel(expected, 4)], 1e-6)
    assert len(calls) == stored


def test_the_three_winograd_matrices_compute_a_filter_of_two_taps_exactly():
    matrices = winograd.transform_matrices()
    data, taps = np.random.default_rng(0).standard_normal((2, 5)), np.array([0.3, -1.7])
    for row in data:
        filtered = matrices["output"].T @ ((matrices["kernel"] @ taps) * (matrices["input"] @ row))
        np.testing.assert_allclose(filtered, [row[i : i + 2] @ taps for i in range(4)], atol=1e-12)


@pytest.mark.parametrize("implementation", [winograd, im2col])
def test_a_second_derivative_raises_an_error(implementation):
    images, kernel = normal(1, 8, 8, 2), normal(4, 4, 2, 3)
    with tf.GradientTape() as outer:
        outer.watch(kernel)
        with tf.GradientTape() as inner:
            inner.watch(images)
            outputs = tf.reduce_sum(tf.square(implementation.convolution(images, kernel)))
        gradient = inner.gradient(outputs, images)
    with pytest.raises((NotImplementedError, LookupError), match="Keras' layers"):
        outer.gradient(gradient, kernel)


def test_batch_norm_its_gradients_and_its_moving_statistics_equal_kerass():
    inputs, upstream = normal(6, 3, 2, 4) * 2 + 1, normal(6, 3, 2, 4, seed=1)
    results = []
    for layer_class in (FastBatchNormalization, keras.layers.BatchNormalization):
        layer = layer_class(momentum=0.9, epsilon=1e-5)
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


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_batch_norm_of_16_bit_activations_has_the_statistics_of_float32(dtype):
    inputs, upstream = tf.cast(normal(64, 4, 4, 8) * 2 + 1, dtype), tf.cast(normal(64, 4, 4, 8, seed=1), dtype)
    layer, reference = FastBatchNormalization(dtype=f"mixed_{dtype}"), FastBatchNormalization()
    results = []
    for each, x, gradient in (
        (layer, inputs, upstream),
        (reference, *(tf.cast(t, "float32") for t in (inputs, upstream))),
    ):
        each.build(x.shape)
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = each(x, training=True)
        results.append([outputs, *tape.gradient(outputs, [x, each.gamma, each.beta], output_gradients=gradient)])
        results[-1] += [each.moving_mean, each.moving_variance]
    assert [value.dtype for value in results[0][:4]] == [dtype, dtype, "float32", "float32"]
    for rounded, exact in zip(*results, strict=True):
        tolerance = 1e-5 if rounded.dtype == "float32" else 2.0**-8 if dtype == "bfloat16" else 2.0**-10
        difference = np.abs(tf.cast(rounded, "float32") - tf.cast(exact, "float32")).max()
        assert difference <= tolerance * np.abs(tf.convert_to_tensor(exact)).max()


def test_each_layer_selects_the_implementation_that_measured_fastest():
    """benchmarks/README.md has the measurements."""

    def selected(channels, size, kernel=4, **options):
        layer = FastConv2D(8, kernel, strides=2, padding="same", use_bias=False, **options)
        return select_on_cpu(layer, kernel, channels, size)

    assert selected(3, (64, 64)) is selected(1, (28, 28)) is im2col
    assert selected(64, (32, 32)) is selected(512, (8, 16)) is winograd
    assert (
        selected(64, (14, 14))
        is selected(32, (32, 32))
        is selected(64, (32, 32), kernel=5)
        is selected(3, (7, 7))
        is None
    )
    assert selected(1, (28, 28), kernel=6) is selected(3, (32, 32), kernel=5) is im2col


def test_each_layer_of_bfloat16_selects_the_implementation_that_measured_fastest():
    def selected(channels, size, kernel=4, dtype="mixed_bfloat16"):
        layer = FastConv2D(8, kernel, strides=2, padding="same", use_bias=False, dtype=dtype)
        return select_on_cpu(layer, kernel, channels, size)

    assert selected(1, (28, 28)) is selected(1, (28, 28), kernel=6) is im2col
    assert selected(256, (8, 8)) is winograd
    assert selected(3, (64, 64)) is selected(64, (32, 32)) is selected(128, (16, 16)) is selected(256, (14, 14)) is None
    assert selected(1, (28, 28), dtype="mixed_float16") is selected(256, (8, 8), dtype="mixed_float16") is None


FAMILIES = pytest.mark.parametrize("layers", [CPU_LAYERS, XLA_LAYERS], ids=["cpu", "xla"])


@FAMILIES
@pytest.mark.parametrize("size", [(8, 8), (32, 16), (28, 28)])
@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_a_network_of_fast_layers_has_the_weights_and_outputs_of_one_of_keras_layers(build, size, layers):
    reference, fast = (build(image_size=size, width=64, **options) for options in ({}, {"layers": layers}))
    inputs = normal(2, *reference.input_shape[1:])
    assert [v.path for v in reference.variables] == [v.path for v in fast.variables]
    assert reference.output_shape == fast.output_shape
    for training in (True, False):
        np.testing.assert_allclose(fast(inputs, training=training), reference(inputs, training=training), atol=5e-5)
    for ours, theirs in zip(fast.variables, reference.variables, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@FAMILIES
@pytest.mark.parametrize("kernel", [4, 6])
@pytest.mark.parametrize("upsampling", ["nearest", "unpool"])  # the test above has the transposed convolution
def test_gradients_of_a_network_of_fast_layers_equal_those_of_one_of_keras_layers(upsampling, kernel, layers):
    options = {"image_size": (16, 16), "channels": 1, "kernel": kernel}
    downsampling = "maxpool" if upsampling == "unpool" else "strided"
    reference, fast = (
        (
            build_generator(width=64, latent_dim=5, layers=layers, upsampling=upsampling, **options),
            build_discriminator(width=8, layers=layers, downsampling=downsampling, **options),
        )
        for layers in (TRAINING_LAYERS, layers)
    )
    for theirs, ours, inputs in zip(reference, fast, (normal(4, 5), normal(4, 16, 16, 1)), strict=True):
        results = []
        for network in (theirs, ours):
            with tf.GradientTape() as tape:
                outputs = network(inputs, training=True)
                loss = tf.reduce_sum(tf.sin(3 * outputs))
            results.append([outputs, *tape.gradient(loss, network.trainable_variables)])
        for expected, result in zip(*results, strict=True):
            np.testing.assert_allclose(result, expected, atol=1e-4 * max(1, np.abs(expected).max()))
