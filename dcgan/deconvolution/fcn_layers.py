"""Keras layers that replace a discriminator's dense layers in a fully convolutional network."""

import operator
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution.arithmetic import pair


@keras.saving.register_keras_serializable("dcgan")
class DenseConvolution(keras.layers.Layer):
    """A dense layer over a flattened map as a convolution without padding.

    Input: (N, H, W, C), at least as large as the window. Output: (N, H − h + 1, W − w + 1, units). The weights are
    those of `keras.layers.Dense`: kernel (h·w·C, units), bias (units,).

    Args:
        units: number of output channels.
        window: (h, w) of the map that the dense layer covers; None takes the size of the first input.
        use_bias: whether the layer has a bias.
        activation: as for `keras.layers.Dense`.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(
        self, units: int, window: Sequence[int] | None = None, use_bias: bool = True, activation: Any = None, **kwargs
    ):
        super().__init__(**kwargs)
        self.units, self.use_bias = units, use_bias
        self.window = None if window is None else pair(window, "The window")
        self.activation: Any = keras.activations.get(activation)
        self.kernel: Any = None
        self.bias: Any = None

    @classmethod
    def sharing(cls, dense: keras.layers.Dense) -> "DenseConvolution":
        """Return the convolution that shares the weights of a dense layer.

        Args:
            dense: built layer.

        Returns:
            A layer with the same variables, not copies.
        """
        layer = cls(dense.units, None, dense.use_bias, dense.activation, name=dense.name, dtype=dense.dtype_policy)
        layer.kernel, layer.bias = dense.kernel, dense.bias
        layer.trainable = dense.trainable
        return layer

    def build(self, input_shape: tuple) -> None:
        self.window = self.window or pair(input_shape[1:3], "The window")
        if self.kernel is None:
            inputs = self.window[0] * self.window[1] * input_shape[3]
            self.kernel = self.add_weight((inputs, self.units), name="kernel")
            self.bias = self.add_weight((self.units,), "zeros", name="bias") if self.use_bias else None

    def call(self, inputs: Any) -> tf.Tensor:
        self._check_size(inputs.shape)
        kernel = tf.reshape(self.kernel, (*(self.window or ()), inputs.shape[3], self.units))
        result = tf.nn.conv2d(inputs, kernel, strides=1, padding="VALID")
        result = result if self.bias is None else tf.nn.bias_add(result, tf.convert_to_tensor(self.bias))
        return self.activation(result)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        window = self.window or input_shape[1:3]
        self._check_size(input_shape)
        sides = [None if side is None else side - w + 1 for side, w in zip(input_shape[1:3], window, strict=True)]
        return (input_shape[0], *sides, self.units)

    def _check_size(self, shape: Any) -> None:
        if self.window and any(side is not None and side < w for side, w in zip(shape[1:3], self.window, strict=True)):
            raise UserError("The image is smaller than the discriminator's images.", "Pad it, or use a larger one.")

    def get_config(self) -> dict:
        activation = keras.activations.serialize(self.activation)
        own = {"units": self.units, "window": self.window, "use_bias": self.use_bias, "activation": activation}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("dcgan")
class ClassChannel(keras.layers.Layer):
    """The map of one class, or a map of zeros: the inner product of class maps with a fixed class vector.

    Input: (N, H, W, classes). Output: (N, H, W, 1).

    Args:
        label: number of the channel; None for zeros.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, label: int | None, **kwargs):
        super().__init__(**kwargs)
        self.label = None if label is None else operator.index(label)

    def call(self, inputs: Any) -> tf.Tensor:
        if self.label is None:
            return tf.zeros_like(inputs[..., :1])
        return inputs[..., self.label : self.label + 1]

    def get_config(self) -> dict:
        return {**super().get_config(), "label": self.label}


@keras.saving.register_keras_serializable("dcgan")
class PointwiseBatchNorm(keras.layers.Layer):
    """The BatchNorm of dense features, applied at every position of maps.

    Input and output: (N, H, W, C).

    Args:
        layer: the BatchNorm of features (N, C), which is shared, not copied.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, layer: keras.layers.BatchNormalization, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: tuple) -> None:
        if not self.layer.built:
            self.layer.build((None, input_shape[3]))
        moving_mean: Any = self.layer.moving_mean
        if moving_mean.shape[0] != input_shape[3]:
            raise ValueError(f"{self.layer.name!r} normalizes flattened maps and does not follow a dense layer.")

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        rows = self.layer(tf.reshape(inputs, (-1, inputs.shape[3])), training=training)
        return tf.reshape(rows, tf.shape(inputs))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict) -> "PointwiseBatchNorm":
        return cls(keras.saving.deserialize_keras_object(config.pop("layer")), **config)
