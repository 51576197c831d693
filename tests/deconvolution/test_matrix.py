"""The matrix of a convolution against Keras, GradientTape and loops over outputs."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from dcgan.core.errors import UserError
from dcgan.deconvolution import backpropagate, convolution_matrix
from tests.support.slow_loops import convolution

KERNELS = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (2, 3)]
STRIDES = [1, 2, 3]
PADDINGS = ["valid", "same"]
SIZES = [(5, 5), (8, 8), (7, 6)]


def normal(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def apply(matrix, image, shape):
    return (matrix @ image.ravel()).reshape(shape)


def sweep(test):
    for name, values in {"size": SIZES, "kernel": KERNELS, "stride": STRIDES, "padding": PADDINGS}.items():
        test = pytest.mark.parametrize(name, values, ids=str)(test)
    return test


def test_a_3x3_kernel_over_a_4x4_image_is_a_4x16_matrix_with_36_entries():
    kernel = np.arange(9.0).reshape(3, 3)
    matrix = convolution_matrix((4, 4), kernel)
    assert sparse.issparse(matrix)
    assert matrix.format == "csr"
    assert matrix.shape == (4, 16)
    assert matrix.nnz == 36
    np.testing.assert_array_equal(matrix.toarray()[0], [0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(matrix.toarray()[3], [0, 0, 0, 0, 0, 0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8])


@sweep
def test_multiplication_by_c_equals_kerass_convolution(size, kernel, stride, padding):
    weights, image = normal(*kernel, 2, 3), normal(*size, 2)
    layer = keras.layers.Conv2D(3, kernel, stride, padding, use_bias=False, dtype="float64")
    layer.build((None, *size, 2))
    layer.kernel.assign(weights)
    expected = np.asarray(layer(image[None]))[0]
    result = apply(convolution_matrix(size, weights, stride, padding), image, expected.shape)
    np.testing.assert_allclose(result, expected, atol=1e-12)


@sweep
def test_multiplication_by_the_transpose_of_c_equals_kerass_transposed_convolution(size, kernel, stride, padding):
    weights, maps = normal(*kernel, 2, 3), normal(*size, 3)
    layer = keras.layers.Conv2DTranspose(2, kernel, stride, padding, use_bias=False, dtype="float64")
    layer.build((None, *size, 3))
    layer.kernel.assign(weights)
    expected = np.asarray(layer(maps[None]))[0]
    matrix = convolution_matrix(expected.shape[:2], weights, stride, padding)
    np.testing.assert_allclose(apply(matrix.T, maps, expected.shape), expected, atol=1e-12)


@sweep
def test_backpropagation_multiplies_by_the_transpose_of_c_and_through_a_transposed_convolution_by_c(
    size, kernel, stride, padding
):
    weights, image = normal(*kernel, 2, 3), tf.constant(normal(1, *size, 2))
    matrix = convolution_matrix(size, weights, stride, padding)
    with tf.GradientTape() as tape:
        tape.watch(image)
        maps = tf.nn.conv2d(image, weights, stride, padding.upper())
    upstream = normal(*maps.shape)
    backward = np.asarray(tape.gradient(maps, image, upstream))
    np.testing.assert_allclose(apply(matrix.T, upstream, backward.shape), backward, atol=1e-12)

    with tf.GradientTape() as tape:
        tape.watch(maps)
        upsampled = tf.nn.conv2d_transpose(maps, weights, image.shape, stride, padding.upper())
    backward = np.asarray(tape.gradient(upsampled, maps, image))
    np.testing.assert_allclose(apply(matrix, np.asarray(image), backward.shape), backward, atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_every_size_stride_and_padding_equals_the_loop_over_outputs(data):
    def integer(low, high):
        return data.draw(st.integers(low, high))

    kernel = normal(integer(1, 5), integer(1, 5), integer(1, 3), integer(1, 3))
    zeros = integer(0, kernel.shape[0] - 1), integer(0, kernel.shape[1] - 1)
    padding = data.draw(st.sampled_from([*PADDINGS, zeros]))
    zeros = (0, 0) if padding == "valid" else zeros
    smallest = (
        (1, 1) if padding == "same" else [max(1, side - 2 * z) for side, z in zip(kernel.shape, zeros, strict=False)]
    )
    image = normal(integer(smallest[0], 9), integer(smallest[1], 9), kernel.shape[2])
    strides = integer(1, 6), integer(1, 6)
    expected = convolution(image, kernel, strides, padding)
    matrix = convolution_matrix(image.shape[:2], kernel, strides, padding)
    assert matrix.shape == (expected.size, image.size)
    np.testing.assert_allclose(apply(matrix, image, expected.shape), expected, atol=1e-12)


def test_padding_in_numbers_equals_padding_the_image_with_zeros():
    weights, image = normal(3, 4, 2, 3), normal(5, 4, 2)
    padded = np.pad(image, ((1, 1), (2, 2), (0, 0)))
    inside = np.pad(np.ones_like(image, bool), ((1, 1), (2, 2), (0, 0))).ravel()
    whole = convolution_matrix(padded.shape[:2], weights, (2, 1))
    matrix = convolution_matrix((5, 4), weights, (2, 1), (1, 2))
    np.testing.assert_array_equal(matrix.toarray(), whole.toarray()[:, inside])
    np.testing.assert_allclose(matrix @ image.ravel(), whole @ padded.ravel(), atol=1e-12)


def test_a_kernel_without_channels_has_one_input_and_one_output_channel():
    kernel = normal(3, 2)
    plain, channels = convolution_matrix((6, 5), kernel, 2), convolution_matrix((6, 5), kernel[..., None, None], 2)
    np.testing.assert_array_equal(plain.toarray(), channels.toarray())


def test_the_sparsity_pattern_does_not_depend_on_the_weights():
    zeros, ones = (convolution_matrix((5, 5), fill((3, 3)), 2, "same") for fill in (np.zeros, np.ones))
    np.testing.assert_array_equal(zeros.indices, ones.indices)
    np.testing.assert_array_equal(zeros.indptr, ones.indptr)
    assert ones.has_canonical_format


@pytest.mark.parametrize(("dtype", "expected"), [("f4", "f4"), ("f8", "f8"), ("f2", "f8"), ("i1", "f8"), ("?", "f8")])
def test_the_matrix_keeps_single_and_double_precision_and_converts_other_types_to_double(dtype, expected):
    assert convolution_matrix((4, 4), np.ones((2, 2), dtype)).dtype == np.dtype(expected)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (((0, 4), np.ones((2, 2))), "image size"),
        (((4, 4, 1), np.ones((2, 2))), "image size"),
        (((4.5, 4), np.ones((2, 2))), "image size"),
        (((4, 4), np.ones((2, 2)), 0), "stride"),
        (((4, 4), np.ones((2, 2)), (1, -1)), "stride"),
        (((4, 4), np.ones((2, 2)), 1, "full"), "Padding"),
        (((4, 4), np.ones((2, 2)), 1, None), "Padding"),
        (((4, 4), np.ones((2, 2)), 1, 2), "Padding"),
        (((4, 4), np.ones((3, 3)), 1, (1, -1)), "Padding"),
        (((4, 4), np.ones((3, 3)), 1, 0.5), "Padding"),
        (((4, 4), np.ones(2)), "shape"),
        (((4, 4), np.ones((2, 2, 1))), "shape"),
        (((4, 4), np.ones((0, 2))), "shape"),
        (((4, 4), [["a"]]), "real numbers"),
        (((4, 4), 1j * np.ones((2, 2))), "real numbers"),
        (((4, 4), [[1, 2], [3]]), "real numbers"),
        (((4, 4), np.ones((5, 2))), "does not fit"),
    ],
)
def test_invalid_arguments_raise_an_error_that_names_them(arguments, word):
    with pytest.raises(UserError, match=word):
        convolution_matrix(*arguments)


def test_the_matrix_and_the_kernels_do_not_import_tensorflow(pytestconfig):
    program = """
import sys, dcgan.deconvolution as package
package.convolution_matrix((4, 4), package.bilinear_kernel(2, 1), padding="same")
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=pytestconfig.rootpath)


def test_every_exported_name_can_be_imported_and_no_other():
    import dcgan.deconvolution as package

    for name in package.__all__:
        assert callable(getattr(package, name))
    with pytest.raises(AttributeError, match="unknown_name"):
        package.unknown_name  # noqa: B018


def test_backpropagate_through_a_convolution_multiplies_by_the_transpose_of_c():
    random = np.random.default_rng(0)
    kernel, image, signal = (random.standard_normal(shape) for shape in ((3, 3), (5, 5), (3, 3)))

    def convolve(x):
        return tf.nn.conv2d(x, kernel[:, :, None, None], 1, "VALID")

    result = backpropagate(convolve, image[None, ..., None], signal[None, ..., None])
    np.testing.assert_allclose(np.ravel(result), convolution_matrix((5, 5), kernel).T @ signal.ravel())


def test_backpropagate_differentiates_a_nonlinear_function_at_the_inputs():
    np.testing.assert_allclose(backpropagate(tf.square, np.array([1.0, -3.0]), np.array([10.0, 1.0])), [20, -6])
