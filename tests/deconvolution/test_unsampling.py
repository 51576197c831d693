"""Transposed convolutions with fixed kernels against repetition, resizing, rearrangement and unpooling."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution import (
    bilinear_kernel,
    convolution_matrix,
    max_pool_with_switches,
    max_unpool,
    nearest_kernel,
    route_by_switch,
    subpixel_kernel,
    unpool_by_convolution,
    unsample,
    upsample,
    zero_insertion_kernel,
)

FACTORS = [1, 2, 3, 4, (2, 3), (5, 1)]
KERNELS = [nearest_kernel, zero_insertion_kernel, bilinear_kernel, subpixel_kernel]


def as_pair(factor):
    return factor if isinstance(factor, tuple) else (factor, factor)


def images(*shape):
    return np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)


@pytest.mark.parametrize("factor", FACTORS)
def test_unsample_repeats_every_pixel(factor):
    expected = images(5, 4, 3).repeat(as_pair(factor)[0], axis=1).repeat(as_pair(factor)[1], axis=2)
    np.testing.assert_array_equal(unsample(images(5, 4, 3), factor), expected)


@pytest.mark.parametrize("factor", FACTORS)
def test_a_transposed_convolution_with_ones_equals_unsample_exactly(factor):
    upsampled = upsample(images(5, 4, 3), nearest_kernel(factor, 3), factor)
    np.testing.assert_array_equal(upsampled, unsample(images(5, 4, 3), factor))


@pytest.mark.parametrize("factor", FACTORS)
def test_a_transposed_convolution_with_a_single_one_inserts_zeros(factor):
    expected = np.zeros((2, 5 * as_pair(factor)[0], 4 * as_pair(factor)[1], 3), np.float32)
    expected[:, :: as_pair(factor)[0], :: as_pair(factor)[1]] = images(5, 4, 3)
    np.testing.assert_array_equal(upsample(images(5, 4, 3), zero_insertion_kernel(factor, 3), factor), expected)


@pytest.mark.parametrize("factor", FACTORS)
def test_the_bilinear_kernel_equals_resizing_except_at_the_border(factor):
    image, (rows, columns) = images(5, 6, 3), as_pair(factor)
    expected = np.asarray(tf.image.resize(image, (5 * rows, 6 * columns), "bilinear"))
    upsampled = np.asarray(upsample(image, bilinear_kernel(factor, 3), factor))
    assert upsampled.shape == expected.shape
    inner = np.s_[:, rows // 2 : 5 * rows - rows // 2, columns // 2 : 6 * columns - columns // 2]
    np.testing.assert_allclose(upsampled[inner], expected[inner], atol=2e-6)


def test_the_bilinear_kernels_of_factor_2_and_3_have_their_known_values():
    np.testing.assert_allclose(16 * bilinear_kernel(2, 1)[..., 0, 0], np.outer([1, 3, 3, 1], [1, 3, 3, 1]))
    np.testing.assert_allclose(
        9 * bilinear_kernel(3, 1)[..., 0, 0], np.outer([1, 2, 3, 2, 1], [1, 2, 3, 2, 1]), rtol=1e-6
    )


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_depth_to_space_is_a_transposed_convolution_with_a_fixed_kernel(factor):
    image = images(4, 5, 2 * factor**2)
    expected = tf.nn.depth_to_space(image, factor) if factor > 1 else image
    np.testing.assert_array_equal(upsample(image, subpixel_kernel(factor, 2), factor), expected)


@pytest.mark.parametrize("make", KERNELS)
@pytest.mark.parametrize("factor", [2, 3, (2, 3)], ids=str)
def test_every_kernel_gives_the_same_result_in_kerass_layer_and_in_the_matrix(make, factor):
    kernel = make(factor, 2)
    image = images(4, 5, kernel.shape[3])
    layer = keras.layers.Conv2DTranspose(2, kernel.shape[:2], as_pair(factor), "same", use_bias=False)
    layer.build(image.shape)
    layer.kernel.assign(kernel)
    upsampled = np.asarray(upsample(image, kernel, factor))
    assert kernel.dtype == np.float32
    np.testing.assert_allclose(layer(image), upsampled, atol=1e-6)
    matrix = convolution_matrix(upsampled.shape[1:3], kernel, factor, "same")
    np.testing.assert_allclose((image.reshape(2, -1) @ matrix).reshape(upsampled.shape), upsampled, atol=1e-6)


@pytest.mark.parametrize("make", [nearest_kernel, bilinear_kernel])
def test_nearest_and_bilinear_kernels_keep_a_constant_image_constant(make):
    upsampled = np.asarray(upsample(np.ones((1, 6, 6, 1), np.float32), make(2, 1), 2))
    np.testing.assert_array_equal(upsampled[:, 1:-1, 1:-1], 1)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("window", [1, 2, 3, (2, 3), (4, 1)], ids=str)
@pytest.mark.parametrize("size", [(6, 6), (7, 8), (5, 9)], ids=str)
def test_routing_and_a_transposed_convolution_equal_unpooling_exactly(size, window, padding):
    pooled, switches = max_pool_with_switches(images(*size, 3), window, padding)
    expected = max_unpool(pooled, switches, size)
    for shape in (size, (2, *size, 3), tf.constant(size)):
        np.testing.assert_array_equal(unpool_by_convolution(pooled, switches, shape, window, padding), expected)


def test_routing_moves_every_value_to_the_channel_of_its_switch():
    image = np.zeros((1, 4, 2, 2), np.float32)
    image[0, 1, 0, 0], image[0, 0, 1, 1], image[0, 2, 0, 0], image[0, 3, 1, 1] = 5, 6, 7, 8
    pooled, switches = max_pool_with_switches(image, 2)
    routed = np.asarray(route_by_switch(pooled, switches, image.shape, 2)).reshape(2, 4, 2)
    # Positions in a window: 0 1 / 2 3.
    np.testing.assert_array_equal(routed[0], [[0, 0], [0, 6], [5, 0], [0, 0]])
    np.testing.assert_array_equal(routed[1], [[7, 0], [0, 0], [0, 0], [0, 8]])


def test_a_fixed_kernel_without_routing_equals_unpooling_for_equal_switches_only():
    pooled = images(3, 3, 1)
    corners = np.arange(36).reshape(6, 6)[::2, ::2].reshape(1, 3, 3, 1).repeat(2, axis=0)
    inserted = upsample(pooled, zero_insertion_kernel(2, 1), 2)
    np.testing.assert_array_equal(max_unpool(pooled, corners, (6, 6)), inserted)
    corners[0, 0, 0] += 1
    assert np.any(max_unpool(pooled, corners, (6, 6)) != inserted)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_unpooling_by_convolution_can_be_traced_for_unknown_sizes(padding):
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
    def pool_and_unpool(image):
        pooled, switches = max_pool_with_switches(image, 3, padding)
        exact = max_unpool(pooled, switches, tf.shape(image))
        return unpool_by_convolution(pooled, switches, tf.shape(image), 3, padding), exact, upsample(image, ones, 2)

    ones = nearest_kernel(2, 3)
    for size in [(6, 7), (8, 8)]:
        convolved, exact, upsampled = pool_and_unpool(images(*size, 3))
        np.testing.assert_array_equal(convolved, exact)
        np.testing.assert_array_equal(upsampled, unsample(images(*size, 3), 2))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_the_type_of_the_image_is_kept(dtype):
    assert upsample(tf.cast(images(3, 3, 2), dtype), bilinear_kernel(2, 2), 2).dtype == dtype


@pytest.mark.parametrize("make", KERNELS)
@pytest.mark.parametrize("arguments", [(0, 1), (2, 0), ((1, 2, 3), 1), (1.5, 1), ("2", 1)], ids=str)
def test_a_kernel_without_a_positive_size_raises_an_error(make, arguments):
    with pytest.raises(UserError):
        make(*arguments)


def test_a_kernel_for_another_number_of_channels_raises_an_error():
    with pytest.raises(UserError, match=r"\(2, 2, 3, 3\)"):
        upsample(images(4, 4, 2), nearest_kernel(2, 3), 2)
