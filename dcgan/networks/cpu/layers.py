"""The networks' layers for training on a CPU: the same layers, weights and results to rounding, in less time.

Each is its Keras layer with another way to compute, so that everything else (names, weights, initial values) is the
same, and a network that is to be drawn from or saved is built from the plain ones.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from dcgan.networks.cpu import im2col, winograd
from dcgan.networks.cpu.xla import first_order_only, stop_gradients, xla_compiled
from dcgan.networks.fused_upsampling import FusedUpsampling2D
from dcgan.networks.layers import Layers

FEW_CHANNELS = 4
"""Up to here, one product with all patches is fastest."""

MANY_CHANNELS = 64
"""From here on, Winograd's way is: what it saves grows with inputs times outputs, what it costs with their sum."""


class FastConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D`; its 4×4 kernels of stride 2 in few multiplications."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        way = _way(self, self.kernel_size[0], inputs.shape[-1], inputs.shape[1:3])
        return way.convolution(inputs, tf.convert_to_tensor(self.kernel)) if way else super().call(inputs)

    def compute_output_spec(self, inputs) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)


class FastConv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose`; its 4×4 kernels of stride 2 in few multiplications."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        way = _way(self, self.kernel_size[0], self.filters, _doubled(inputs))
        return way.convolution_transpose(inputs, tf.convert_to_tensor(self.kernel)) if way else super().call(inputs)

    def compute_output_spec(self, inputs) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)


class FastFusedUpsampling2D(FusedUpsampling2D):
    """`FusedUpsampling2D`; where that is a 4×4 kernel, in few multiplications."""

    def lay_down(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        way = _way(self, self.kernel_size[0] + 1, self.filters, _doubled(inputs))
        return way.convolution_transpose(inputs, kernel) if way else super().lay_down(inputs, kernel)


class FastBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`; in training, all passes over the activations as two loops each way."""

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask=None) -> tf.Tensor:
        if not training or self.compute_dtype != "float32":
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = _normalise(self.epsilon)(inputs, *map(tf.convert_to_tensor, (self.gamma, self.beta)))
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return outputs

    def compute_output_spec(self, inputs, training=None, mask=None) -> keras.KerasTensor:
        return keras.KerasTensor(inputs.shape, self.compute_dtype)


CPU_LAYERS = Layers(FastConv2D, FastConv2DTranspose, FastBatchNormalization, FastFusedUpsampling2D)
"""What `build_generator` and `build_discriminator` take as `layers`."""


def to_keras_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A new layer with the settings of another, of Keras' own class where that is one of these: for a file that every
    program can load, or for images of a size that isn't known."""
    ours = (FastConv2D, FastConv2DTranspose, FastBatchNormalization)
    kind = type(layer).__base__ if type(layer) in ours else type(layer)
    return kind.from_config(layer.get_config())


def _doubled(inputs: tf.Tensor) -> list[int | None]:
    """Twice the height and the width of some maps."""
    return [side and 2 * side for side in inputs.shape[1:3]]


def _way(layer, kernel: int, channels: int, size: Sequence[int | None]):
    """Which module computes a layer best, by its kernel's side and the channels and size of its finer side; None for
    Keras' own way."""
    known = kernel == 4 and layer.strides == (2, 2) and layer.padding == "same" and not layer.use_bias
    halved = all(side is not None and side % 2 == 0 for side in size)
    if not (known and halved) or layer.compute_dtype != "float32":
        return None
    if channels <= FEW_CHANNELS:
        return im2col
    whole_patches = all(side // 2 % winograd.TILE == 0 for side in size)
    return winograd if channels >= MANY_CHANNELS and whole_patches else None


def _normalise(epsilon: float):
    """Batch normalisation (Ioffe and Szegedy 2015, algorithm 1) and its gradient, for one ε."""

    @tf.custom_gradient
    def normalise(inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor):
        inputs, gamma, beta = stop_gradients(inputs, gamma, beta)
        outputs, mean, variance = _normalised(inputs, gamma, beta, tf.constant(epsilon))

        def gradient(upstream: tf.Tensor, *_of_statistics: tf.Tensor):
            return _normalised_gradient(upstream, inputs, gamma, mean, variance, tf.constant(epsilon))

        return (outputs, mean, variance), first_order_only(gradient)

    return normalise


@xla_compiled
def _normalised(inputs, gamma, beta, epsilon):
    """Outputs, mean and variance a channel."""
    rows = tf.reshape(inputs, (-1, inputs.shape[-1]))
    mean = tf.reduce_mean(rows, axis=0)
    variance = tf.reduce_mean(tf.square(rows - mean), axis=0)
    scale = gamma * tf.math.rsqrt(variance + epsilon)
    return tf.reshape(rows * scale + (beta - mean * scale), tf.shape(inputs)), mean, variance


@xla_compiled
def _normalised_gradient(upstream, inputs, gamma, mean, variance, epsilon):
    """Gradients with respect to inputs, gamma and beta."""
    channels = inputs.shape[-1]
    rows, slopes = tf.reshape(inputs, (-1, channels)), tf.reshape(upstream, (-1, channels))
    inverse = tf.math.rsqrt(variance + epsilon)
    whitened = (rows - mean) * inverse
    of_beta, of_gamma = tf.reduce_sum(slopes, axis=0), tf.reduce_sum(slopes * whitened, axis=0)
    count = tf.cast(tf.shape(rows)[0], inputs.dtype)
    of_inputs = gamma * inverse * (slopes - (of_beta + whitened * of_gamma) / count)
    return tf.reshape(of_inputs, tf.shape(inputs)), of_gamma, of_beta
