"""Layers for training: the same weights and, up to rounding, the same results as Keras' layers, in less time.

Each is a subclass of its Keras layer that only computes differently; names, weights and initial values are Keras'. A
network for inference, which is also what is saved, is built from Keras' own layers. There are two families, which
differ in how they select an implementation: `CPU_LAYERS`, and `XLA_LAYERS` for a step that XLA compiles as a whole.
"""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import keras
import tensorflow as tf

from dcgan.networks.fast import im2col, winograd
from dcgan.networks.fast.xla import first_order_gradient, static_shape, xla_compiled
from dcgan.networks.fused_upsampling import FusedUpsampling2D
from dcgan.networks.layers import Layers

FEW_CHANNELS = {"float32": 4, "bfloat16": 1}
"""Up to this number of channels, one matrix product over all patches is fastest. By the type of the computation, as
below; oneDNN's convolutions gain more from bfloat16 than copying patches does."""

MANY_CHANNELS = {"float32": 64, "bfloat16": 256}
"""From this number on, Winograd is fastest: its savings grow with inputs times outputs, its costs with their sum. It
computes in float32 between maps of bfloat16, too: with factors in bfloat16 its error is 2 % of the result's root mean
square, where that of a product in bfloat16 is 0.3 %."""

Select = Callable[[Any, int, int | None, Sequence[int | None]], ModuleType | None]
"""Selects the implementation of a convolution; `select_on_cpu` has the arguments."""


def select_on_cpu(layer: Any, kernel: int, channels: int | None, size: Sequence[int | None]) -> ModuleType | None:
    """Return the module that computes a convolution fastest on a CPU; benchmarks/README.md has the measurements.

    Args:
        layer: convolution or transposed convolution.
        kernel: height and width of the kernel that is applied.
        channels: channels of the larger of its input and output.
        size: height and width of the larger of its input and output.

    Returns:
        `im2col` or `winograd`; None for Keras' implementation.
    """
    dtype = layer.compute_dtype
    if not _halves_or_doubles(layer, size) or dtype not in FEW_CHANNELS or channels is None:
        return None
    if channels <= FEW_CHANNELS[dtype]:
        return im2col
    whole_patches = kernel == 4 and all(side is not None and side // 2 % winograd.TILE == 0 for side in size)
    return winograd if channels >= MANY_CHANNELS[dtype] and whole_patches else None


def select_in_xla(layer: Any, kernel: int, channels: int | None, size: Sequence[int | None]) -> ModuleType | None:
    """Return what computes a convolution fastest in a step that XLA compiles; arguments as for `select_on_cpu`.

    On a GPU matrix products beat cuDNN's convolutions: DCGAN-64 in bfloat16 with 128 images a step, on one H200, trains
    1.17 times as fast.
    """
    del kernel, channels
    return im2col if _halves_or_doubles(layer, size) else None


def compute(implementation: ModuleType, name: str, inputs: Any, kernel: Any, dtype: str, bias: Any = None) -> Any:
    """Call a function of an implementation; Winograd computes in float32.

    Args:
        implementation: `im2col` or `winograd`.
        name: `convolution` or `convolution_transpose`.
        inputs: maps (N, H, W, C).
        kernel: as the function takes it.
        dtype: type that other implementations compute in, and of the result.
        bias: (C,), added to every position of the result; None for no bias.

    Returns:
        Maps of half or double the height and width.
    """
    inner = "float32" if implementation is winograd else dtype
    outputs = tf.cast(getattr(implementation, name)(tf.cast(inputs, inner), tf.cast(kernel, inner)), dtype)
    return outputs if bias is None else tf.nn.bias_add(outputs, tf.cast(bias, dtype))


class FastConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`; convolutions of stride 2 are computed by `select`'s implementation."""

    select: Select = staticmethod(select_on_cpu)

    def call(self, inputs: Any) -> Any:
        _, *size, channels = static_shape(inputs)
        implementation = self.select(self, self.kernel_size[0], channels, size)
        if implementation is None:
            return super().call(inputs)
        return compute(implementation, "convolution", inputs, self.kernel, self.compute_dtype, self.bias)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)


class FastConv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose`; those of stride 2 are computed by `select`'s implementation."""

    select: Select = staticmethod(select_on_cpu)

    def call(self, inputs: Any) -> Any:
        implementation = self.select(self, self.kernel_size[0], self.filters, _doubled_size(inputs))
        if implementation is None:
            return super().call(inputs)
        return compute(implementation, "convolution_transpose", inputs, self.kernel, self.compute_dtype, self.bias)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)


class FastFusedUpsampling2D(FusedUpsampling2D):
    """`FusedUpsampling2D`, computed by `select`'s implementation."""

    select: Select = staticmethod(select_on_cpu)

    def convolve_transposed(self, inputs: Any, kernel: Any) -> Any:
        implementation = self.select(self, self.kernel_size[0] + 1, self.filters, _doubled_size(inputs))
        if implementation is None:
            return super().convolve_transposed(inputs, kernel)
        return compute(implementation, "convolution_transpose", inputs, kernel, self.compute_dtype)


class FastBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` that reads the activations in two fused loops each for forward and backward.

    Statistics and arithmetic are float32 for activations of any type.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not (training and self.trainable):  # a frozen layer keeps its statistics
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
"""For training on a CPU: a value of the parameter `layers` of `build_generator` and `build_discriminator`."""


class XlaConv2D(FastConv2D):
    """`FastConv2D` for a step that XLA compiles as a whole."""

    select = staticmethod(select_in_xla)


class XlaConv2DTranspose(FastConv2DTranspose):
    """`FastConv2DTranspose` for a step that XLA compiles as a whole."""

    select = staticmethod(select_in_xla)


class XlaFusedUpsampling2D(FastFusedUpsampling2D):
    """`FastFusedUpsampling2D` for a step that XLA compiles as a whole."""

    select = staticmethod(select_in_xla)


class XlaMaxPooling2D(keras.layers.MaxPooling2D):
    """`keras.layers.MaxPooling2D` whose gradient XLA can compute deterministically.

    The gradient of TensorFlow's operation XLA refuses to compile while operations have to be deterministic. Here, equal
    largest values of a window share it.
    """

    def call(self, inputs: Any) -> Any:
        _, height, width, channels = static_shape(inputs)
        if self.pool_size != (2, 2) or self.strides != (2, 2) or height % 2 or width % 2:
            return super().call(inputs)
        windows = tf.reshape(inputs, (-1, height // 2, 2, width // 2, 2, channels))
        return tf.reduce_max(windows, axis=(2, 4))


XLA_LAYERS = Layers(XlaConv2D, XlaConv2DTranspose, FastBatchNormalization, XlaFusedUpsampling2D, XlaMaxPooling2D)
"""For training with `--compile xla`, on a GPU or a CPU: a value of the parameter `layers` as well."""


def to_keras_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Return a new layer with the same settings, of Keras' own class if the layer is one of this module's.

    Such layers are saved in files that load without this package, and accept images of unknown size.

    Args:
        layer: any layer but `FastFusedUpsampling2D`, which has no counterpart in Keras.

    Returns:
        An unbuilt layer, with weights of its own.
    """
    own = isinstance(layer, FastConv2D | FastConv2DTranspose | FastBatchNormalization)
    layer_class: Any = next(c for c in type(layer).__mro__ if not own or c.__module__.startswith("keras."))
    return layer_class.from_config(layer.get_config())


def _halves_or_doubles(layer: Any, size: Sequence[int | None]) -> bool:
    """Whether a layer halves or doubles maps, the larger of which have this (height, width)."""
    return (
        layer.strides == (2, 2) and layer.padding == "same" and all(side is not None and side % 2 == 0 for side in size)
    )


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
    rows = tf.cast(tf.reshape(inputs, (-1, inputs.shape[-1])), tf.float32)
    mean = tf.reduce_mean(rows, axis=0)
    if inputs.dtype == tf.float32:
        variance = tf.reduce_mean(tf.square(rows - mean), axis=0)
    else:  # in one loop with the mean: inputs of 16 bits have larger errors than this difference
        variance = tf.maximum(tf.reduce_mean(tf.square(rows), axis=0) - tf.square(mean), 0.0)
    scale = gamma * tf.math.rsqrt(variance + epsilon)
    outputs = tf.cast(rows * scale + (beta - mean * scale), inputs.dtype)
    return tf.reshape(outputs, tf.shape(inputs)), mean, variance


@xla_compiled
def _batch_norm_backward(upstream, inputs, gamma, mean, variance, epsilon):
    """Gradients with respect to inputs, gamma and beta."""
    channels = inputs.shape[-1]
    rows, row_gradients = (tf.cast(tf.reshape(x, (-1, channels)), tf.float32) for x in (inputs, upstream))
    inverse = tf.math.rsqrt(variance + epsilon)
    normalized = (rows - mean) * inverse
    beta_gradient = tf.reduce_sum(row_gradients, axis=0)
    gamma_gradient = tf.reduce_sum(row_gradients * normalized, axis=0)
    count = tf.cast(tf.shape(rows)[0], tf.float32)
    input_gradient = gamma * inverse * (row_gradients - (beta_gradient + normalized * gamma_gradient) / count)
    return tf.reshape(tf.cast(input_gradient, inputs.dtype), tf.shape(inputs)), gamma_gradient, beta_gradient
