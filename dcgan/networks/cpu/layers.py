"""Layers for training on a CPU: the same weights and, up to rounding, the same results as Keras' layers, in less time.

Each is a subclass of its Keras layer that only computes differently; names, weights and initial values are Keras'. A
network for inference, which is also what is saved, is built from Keras' own layers.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import keras
import tensorflow as tf

from dcgan.networks.cpu import im2col, winograd
from dcgan.networks.cpu.xla import first_order_gradient, static_shape, xla_compiled
from dcgan.networks.fused_upsampling import FusedUpsampling2D
from dcgan.networks.layers import Layers

FEW_CHANNELS = 4
"""Up to this number of channels, one matrix product over all patches is fastest."""

MANY_CHANNELS = 64
"""From this number on, Winograd is fastest: its savings grow with inputs times outputs, its costs with their sum."""


class FastConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with fewer multiplications for 4×4 kernels of stride 2."""

    def call(self, inputs: Any) -> Any:
        _, *size, channels = static_shape(inputs)
        implementation = select_implementation(self, self.kernel_size[0], channels, size)
        if implementation is None:
            return super().call(inputs)
        return implementation.convolution(inputs, tf.convert_to_tensor(self.kernel))

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)


class FastConv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` with fewer multiplications for 4×4 kernels of stride 2."""

    def call(self, inputs: Any) -> Any:
        implementation = select_implementation(self, self.kernel_size[0], self.filters, _doubled_size(inputs))
        if implementation is None:
            return super().call(inputs)
        return implementation.convolution_transpose(inputs, tf.convert_to_tensor(self.kernel))

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)


class FastFusedUpsampling2D(FusedUpsampling2D):
    """`FusedUpsampling2D` with fewer multiplications where the fused kernel is 4×4."""

    def convolve_transposed(self, inputs: Any, kernel: Any) -> Any:
        implementation = select_implementation(self, self.kernel_size[0] + 1, self.filters, _doubled_size(inputs))
        if implementation is None:
            return super().convolve_transposed(inputs, kernel)
        return implementation.convolution_transpose(inputs, kernel)


class FastBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` that reads the activations in two fused loops each for forward and backward."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not training or self.compute_dtype != "float32":
            return super().call(inputs, training=training, mask=mask)
        gamma, beta = map(tf.convert_to_tensor, (self.gamma, self.beta))
        outputs, mean, variance = _batch_norm(self.epsilon)(inputs, gamma, beta)
        moving: Any
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return outputs

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None) -> keras.KerasTensor:
        return keras.KerasTensor(inputs.shape, self.compute_dtype)


CPU_LAYERS = Layers(FastConv2D, FastConv2DTranspose, FastBatchNormalization, FastFusedUpsampling2D)
"""A value of the parameter `layers` of `build_generator` and `build_discriminator`."""


def to_keras_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Return a new layer with the same settings, of Keras' own class if the layer is one of this module's.

    Such layers are saved in files that load without this package, and accept images of unknown size.

    Args:
        layer: any layer but `FastFusedUpsampling2D`, which has no counterpart in Keras.

    Returns:
        An unbuilt layer, with weights of its own.
    """
    replaced = (FastConv2D, FastConv2DTranspose, FastBatchNormalization)
    layer_class: Any = type(layer).__base__ if type(layer) in replaced else type(layer)
    return layer_class.from_config(layer.get_config())


def select_implementation(
    layer: Any, kernel: int, channels: int | None, size: Sequence[int | None]
) -> ModuleType | None:
    """Return the module that computes a convolution fastest; benchmarks/README.md has the measurements.

    Args:
        layer: convolution or transposed convolution.
        kernel: height and width of the kernel that is applied.
        channels: channels of the larger of its input and output.
        size: height and width of the larger of its input and output.

    Returns:
        `im2col` or `winograd`; None for Keras' implementation.
    """
    supported = kernel == 4 and layer.strides == (2, 2) and layer.padding == "same" and not layer.use_bias
    even = all(side is not None and side % 2 == 0 for side in size)
    if not (supported and even) or layer.compute_dtype != "float32" or channels is None:
        return None
    if channels <= FEW_CHANNELS:
        return im2col
    whole_patches = all(side is not None and side // 2 % winograd.TILE == 0 for side in size)
    return winograd if channels >= MANY_CHANNELS and whole_patches else None


def _doubled_size(inputs: tf.Tensor) -> list[int | None]:
    """Twice the height and the width of maps (N, H, W, C)."""
    return [side and 2 * side for side in static_shape(inputs)[1:3]]


def _batch_norm(epsilon: float):
    """Batch normalization (Ioffe and Szegedy 2015, algorithm 1) and its gradient, for one ε."""

    @first_order_gradient
    def normalize(inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor):
        outputs, mean, variance = _batch_norm_forward(inputs, gamma, beta, tf.constant(epsilon))

        def gradient(upstream: tf.Tensor, *_statistics: tf.Tensor):
            return _batch_norm_backward(upstream, inputs, gamma, mean, variance, tf.constant(epsilon))

        return (outputs, mean, variance), gradient

    return normalize


@xla_compiled
def _batch_norm_forward(inputs, gamma, beta, epsilon):
    """Outputs, and the mean and variance of each channel."""
    rows = tf.reshape(inputs, (-1, inputs.shape[-1]))
    mean = tf.reduce_mean(rows, axis=0)
    variance = tf.reduce_mean(tf.square(rows - mean), axis=0)
    scale = gamma * tf.math.rsqrt(variance + epsilon)
    return tf.reshape(rows * scale + (beta - mean * scale), tf.shape(inputs)), mean, variance


@xla_compiled
def _batch_norm_backward(upstream, inputs, gamma, mean, variance, epsilon):
    """Gradients with respect to inputs, gamma and beta."""
    channels = inputs.shape[-1]
    rows, row_gradients = tf.reshape(inputs, (-1, channels)), tf.reshape(upstream, (-1, channels))
    inverse = tf.math.rsqrt(variance + epsilon)
    normalized = (rows - mean) * inverse
    beta_gradient = tf.reduce_sum(row_gradients, axis=0)
    gamma_gradient = tf.reduce_sum(row_gradients * normalized, axis=0)
    count = tf.cast(tf.shape(rows)[0], inputs.dtype)
    input_gradient = gamma * inverse * (row_gradients - (beta_gradient + normalized * gamma_gradient) / count)
    return tf.reshape(input_gradient, tf.shape(inputs)), gamma_gradient, beta_gradient
