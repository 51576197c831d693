"""Project the activation of a unit back to the pixels: gradient, deconvnet and guided backpropagation.

The forward pass keeps the outputs of all layers. The backward pass starts with a signal at the units in question and
propagates it down, layer by layer. The three rules differ only at a rectifier. Let x be its output in the forward pass,
R the signal in the backward pass, a its slope below zero (0 for ReLU, 0.2 for the LeakyReLU of DCGAN) and s(v) = 1 for
v > 0, otherwise a:

    gradient    R · s(x)           the derivative (Simonyan, Vedaldi and Zisserman 2014, section 3)
    deconvnet   R · s(R)           Zeiler and Fergus 2014, section 2.1: the signal passes the same nonlinearity
    guided      R · s(x) · s(R)    Springenberg et al. 2015, section 3.4: both

For a = 0 these are the rules of the papers. They become more similar as a grows and are equal for a = 1, that is
without a rectifier. All other layers have one backward function: a convolution and a dense layer their transpose,
without the bias; max-pooling unpooling with the switches of the forward pass; BatchNorm, in inference mode, its factor
γ/√(variance + ε), without the shift. Under the deconvnet rule the result therefore depends on the image only through
the switches: without max-pooling, it is the same for every image.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution.arithmetic import padding_before
from dcgan.deconvolution.unpooling import max_pool_with_switches, max_unpool
from dcgan.networks.submodel import check_channels_last, layers_to

RULES: dict[str, Callable[[tf.Tensor, tf.Tensor, float], tf.Tensor]] = {
    "gradient": lambda signal, outputs, slope: signal * _gate(outputs, slope),
    "deconvnet": lambda signal, outputs, slope: signal * _gate(signal, slope),
    "guided": lambda signal, outputs, slope: signal * _gate(outputs, slope) * _gate(signal, slope),
}
"""Backward functions of a rectifier, by the name of the rule: from the signal at its outputs, its outputs in the
forward pass, and its slope below zero, to the signal at its inputs."""


@dataclass(frozen=True, eq=False)
class ForwardRecord:
    """A forward pass from the image to one layer, with all values that the backward pass needs.

    Args:
        layers: the layers of the path, from the image on.
        values: the images, then the outputs of every layer.
    """

    layers: Sequence[Any]
    values: Sequence[tf.Tensor]

    @property
    def activations(self) -> tf.Tensor:
        """Outputs of the last layer: (N, h, w, C) for feature maps, (N, C) after Flatten."""
        return self.values[-1]

    def unit_signal(self, feature: int, positions: Sequence[int] | np.ndarray | tf.Tensor) -> tf.Tensor:
        """Return a signal that is 1 at one unit per image and 0 elsewhere.

        Args:
            feature: index of the feature map.
            positions: integers (N,), each `row · w + column` in the feature map; 0 after Flatten.

        Returns:
            A tensor of the shape of `activations`.
        """
        count, *_, features = _shape(self.activations)
        cells = tf.reshape(self.activations, (count, -1, features)).shape[1]
        at_position = tf.one_hot(tf.convert_to_tensor(positions), cells)[:, :, None]
        return tf.reshape(at_position * tf.one_hot(feature, features), self.activations.shape)

    def map_signal(self, feature: int) -> tf.Tensor:
        """Return the activations with all feature maps but one set to 0, as Zeiler and Fergus propagate them back.

        Args:
            feature: index of the feature map.

        Returns:
            A tensor of the shape of `activations`.
        """
        return self.activations * tf.one_hot(feature, _shape(self.activations)[-1], dtype=self.activations.dtype)

    def argmax(self, feature: int) -> tf.Tensor:
        """Return the position of the largest activation of a feature map in every image.

        Args:
            feature: index of the feature map.

        Returns:
            int64 (N,), positions as in `unit_signal`; the first of equal ones.
        """
        values: Any = self.activations
        return tf.argmax(tf.reshape(values[..., feature], (len(values), -1)), axis=1)

    def project(self, signal: tf.Tensor, rule: str = "guided") -> tf.Tensor:
        """Propagate a signal from the last layer back to the pixels.

        Args:
            signal: of the shape of `activations`, such as a result of `unit_signal` or `map_signal`.
            rule: a key of `RULES`. "gradient" gives the gradient that `tf.GradientTape` computes for the sum of
                signal · activations, with the signal held constant.

        Returns:
            (N, H, W, C) of the shape of the images, positive and negative values of any magnitude.

        Raises:
            UserError: the rule is unknown, or the signal has another shape.
        """
        if rule not in RULES:
            raise UserError(f"There is no rule {rule!r}.", f"Rules: {', '.join(RULES)}.")
        signal = tf.cast(signal, self.activations.dtype)
        if signal.shape != self.activations.shape:
            raise UserError(f"The signal has the shape {tuple(signal.shape)}, not {tuple(self.activations.shape)}.")
        for layer, inputs, outputs in self.backward_steps():
            slope = _slope(layer)
            signal = signal if slope == 1 else RULES[rule](signal, outputs, slope)
            signal = _backward_function(layer)(layer, inputs, signal)
        return signal

    def backward_steps(self) -> Iterator[tuple[Any, tf.Tensor, tf.Tensor]]:
        """Return triples of a layer, its inputs and its outputs, from the last layer to the first."""
        return zip(self.layers[::-1], self.values[-2::-1], self.values[:0:-1], strict=True)


def record_forward(model: keras.Model, images: tf.Tensor | np.ndarray, layer: str) -> ForwardRecord:
    """Run a forward pass to a layer in inference mode and keep the outputs of all layers.

    Args:
        model: functional or sequential. The path to the layer is a chain of `Conv2D`, `BatchNormalization`,
            `LeakyReLU`, `ReLU`, `Activation`, `MaxPooling2D`, `Dropout`, `Flatten` and `Dense` layers. Inputs other
            than the first, the image, may enter after that layer.
        images: float32 (N, H, W, C) in [-1, 1].
        layer: name of the layer.

    Returns:
        The record of the forward pass.

    Raises:
        UserError: there is no such layer, or the path to it has other layers or activations.
    """
    layers = check_supported(layers_to(model, layer))
    values = [tf.convert_to_tensor(images)]
    for step in layers:
        values.append(step(values[-1], training=False))
    return ForwardRecord(layers, values)


def check_supported(layers: Sequence[Any]) -> Sequence[Any]:
    """Return the layers of a path if all of them have a backward function.

    Args:
        layers: layers from the image on.

    Raises:
        UserError: a layer has none.
    """
    for layer in layers:
        _slope(layer)
        _backward_function(layer)
        check_channels_last(layer)
        if getattr(layer, "groups", 1) != 1 or any(rate != 1 for rate in getattr(layer, "dilation_rate", ())):
            raise UserError(f"The convolution {layer.name!r} is grouped or dilated, which projections don't support.")
        if isinstance(layer, keras.layers.BatchNormalization) and layer.axis not in (-1, len(_shape(layer.output)) - 1):
            raise UserError(f"The layer {layer.name!r} normalizes along axis {layer.axis}.", "Build it with axis=-1.")
    return layers


def receptive_field(record: ForwardRecord, position: int) -> tuple[range, range]:
    """Return the rows and columns of the image that a unit of the last layer depends on.

    Args:
        record: forward pass of any images.
        position: position of the unit in its feature map, `row · width + column`; after Flatten, every unit depends on
            the whole image.

    Returns:
        Rows and columns; some may lie outside the image, in the padding.
    """
    _, height, width, _ = _shape(record.values[0])
    if len(_shape(record.activations)) != 4:
        return range(height), range(width)
    row, column = divmod(int(position), _shape(record.activations)[2])
    rows, columns = range(row, row + 1), range(column, column + 1)
    for layer, inputs, _ in record.backward_steps():
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.MaxPooling2D)):
            _, height, width, _ = _shape(inputs)
            rows, columns = _input_range(layer, rows, height, 0), _input_range(layer, columns, width, 1)
    return rows, columns


def _input_range(layer: Any, outputs: range, size: int, axis: int) -> range:
    """The inputs that a range of a layer's outputs depends on, along one axis with `size` inputs."""
    window = layer.kernel_size if isinstance(layer, keras.layers.Conv2D) else layer.pool_size
    window, stride = window[axis], layer.strides[axis]
    first = outputs.start * stride - padding_before(size, window, stride, layer.padding)
    return range(first, first + (len(outputs) - 1) * stride + window)


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(tensor.shape)


def _gate(values: tf.Tensor, slope: float) -> tf.Tensor:
    """1 where a value is positive, and the rectifier's slope elsewhere."""
    return tf.where(values > 0, tf.ones((), values.dtype), tf.cast(slope, values.dtype))


def _slope(layer: Any) -> float:
    """The slope of a layer's activation below zero; 1 for a linear one. Above zero it is 1."""
    if isinstance(layer, keras.layers.LeakyReLU):
        return float(layer.negative_slope)
    if isinstance(layer, keras.layers.ReLU) and layer.max_value is None and not layer.threshold:
        return float(layer.negative_slope)
    activation = getattr(layer, "activation", None)
    if isinstance(activation, keras.layers.Layer):
        return _slope(activation)
    if isinstance(layer, keras.layers.ReLU) or activation not in _SLOPES:
        raise UserError(f"Projections don't support the activation of the layer {layer.name!r}.", _SUPPORTED)
    return _SLOPES[activation]


def _convolution(layer: Any, inputs: tf.Tensor, signal: tf.Tensor) -> tf.Tensor:
    kernel, padding = tf.cast(layer.kernel, signal.dtype), layer.padding.upper()
    return tf.nn.conv2d_transpose(signal, kernel, tf.shape(inputs), layer.strides, padding)


def _batch_norm(layer: Any, inputs: tf.Tensor, signal: tf.Tensor) -> tf.Tensor:
    factor = tf.math.rsqrt(layer.moving_variance + layer.epsilon)
    return signal * tf.cast(factor if layer.gamma is None else factor * layer.gamma, signal.dtype)


def _max_pooling(layer: Any, inputs: tf.Tensor, signal: tf.Tensor) -> tf.Tensor:
    if layer.strides == layer.pool_size:
        _, switches = max_pool_with_switches(inputs, layer.pool_size, layer.padding)
    else:  # windows overlap: a pixel that is the maximum of several gets the sum
        _, switches = tf.nn.max_pool_with_argmax(inputs, layer.pool_size, layer.strides, layer.padding.upper())
    return max_unpool(signal, switches, _shape(inputs))


def _dense(layer: Any, inputs: tf.Tensor, signal: tf.Tensor) -> tf.Tensor:
    return tf.einsum("...o,io->...i", signal, tf.cast(layer.kernel, signal.dtype))


def _reshape(layer: Any, inputs: tf.Tensor, signal: tf.Tensor) -> tf.Tensor:
    """For Flatten, and for layers that keep the shape, whose activation the rule has handled."""
    return tf.reshape(signal, tf.shape(inputs))


_BACKWARD_FUNCTIONS: dict[type, Callable[[Any, tf.Tensor, tf.Tensor], tf.Tensor]] = {
    keras.layers.Conv2D: _convolution,
    keras.layers.BatchNormalization: _batch_norm,
    keras.layers.MaxPooling2D: _max_pooling,
    keras.layers.Dense: _dense,
    keras.layers.Flatten: _reshape,
    keras.layers.LeakyReLU: _reshape,
    keras.layers.ReLU: _reshape,
    keras.layers.Activation: _reshape,
    keras.layers.Dropout: _reshape,
}
"""By layer type: from the layer, its inputs, and the signal at its outputs (before the activation), to the signal at
its inputs."""

_SLOPES = {None: 1.0, keras.activations.linear: 1.0, keras.activations.relu: 0.0, keras.activations.leaky_relu: 0.2}
"""Slopes below zero by activation function."""

_SUPPORTED = "Supported: convolutions, BatchNorm, (leaky) ReLU, max-pooling, dropout, Flatten and Dense."


def _backward_function(layer: Any) -> Callable[[Any, tf.Tensor, tf.Tensor], tf.Tensor]:
    """The entry of `_BACKWARD_FUNCTIONS` for a layer."""
    for layer_type, function in _BACKWARD_FUNCTIONS.items():
        if isinstance(layer, layer_type):
            return function
    raise UserError(f"Projections don't support the layer {layer.name!r}, a {type(layer).__name__}.", _SUPPORTED)
