"""Backpropagation by itself, against the matrix of a convolution and a derivative known by heart."""

import numpy as np
import tensorflow as tf

from dcgan.deconvolution import backpropagate, convolution_matrix


def test_backward_through_a_convolution_multiplies_by_the_transposed_matrix():
    random = np.random.default_rng(0)
    kernel, image, signal = (random.standard_normal(shape) for shape in ((3, 3), (5, 5), (3, 3)))

    def convolved(x):
        return tf.nn.conv2d(x, kernel[:, :, None, None], 1, "VALID")

    result = backpropagate(convolved, image[None, ..., None], signal[None, ..., None])
    np.testing.assert_allclose(np.ravel(result), convolution_matrix((5, 5), kernel).T @ signal.ravel())


def test_what_is_not_linear_is_differentiated_where_the_inputs_are():
    np.testing.assert_allclose(backpropagate(tf.square, np.array([1.0, -3.0]), np.array([10.0, 1.0])), [20, -6])
