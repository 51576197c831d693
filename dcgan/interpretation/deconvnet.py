"""What a unit of a network looks for: its activation, carried back to the pixels.

The image goes forward through the layers, and everything on the way is kept; then a signal that begins at the units in
question goes backward, layer by layer. Three rules differ only in what the signal meets at a rectifier. Let x be what
came out of it on the way forward, R the signal on the way back, a the rectifier's slope below zero (0 for ReLU, 0.2 in
DCGAN's LeakyReLU) and s(v) = 1 for v > 0, otherwise a:

    gradient    R · s(x)           the derivative (Simonyan, Vedaldi and Zisserman 2014, section 3)
    deconvnet   R · s(R)           Zeiler and Fergus 2014, section 2.1: the signal passes the same nonlinearity
    guided      R · s(x) · s(R)    Springenberg et al. 2015, section 3.4: both

For a = 0 these are the papers' rules; the larger a, the less they differ, and for a = 1, no rectifier at all, they are
one. All other layers are taken back in one way: a convolution or a dense layer by its transpose, without its bias;
max-pooling by putting every value back where the maximum stood in the forward pass; BatchNorm, in inference mode, by
its factor γ/√(variance + ε), without its shift. So the deconvnet rule sees the image through the poolings' switches
alone, and draws, without any, the same picture for every image.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution.unpooling import max_pool_with_switches, max_unpool
from dcgan.networks.submodel import layers_to

RULES: dict[str, Callable] = {
    "gradient": lambda signal, outputs, slope: signal * _gate(outputs, slope),
    "deconvnet": lambda signal, outputs, slope: signal * _gate(signal, slope),
    "guided": lambda signal, outputs, slope: signal * _gate(outputs, slope) * _gate(signal, slope),
}
"""By name, what a rectifier of some slope makes of the signal that comes back to its outputs."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A forward pass, from the image to one layer, with everything that the way back needs.

    Args:
        layers: of the path, from the image on.
        values: what entered the first layer, and what came out of every layer.
    """

    layers: Sequence[keras.layers.Layer]
    values: Sequence[tf.Tensor]

    @property
    def activations(self) -> tf.Tensor:
        """What came out of the last layer: (N, h, w, C), or (N, C) behind the maps."""
        return self.values[-1]

    def units(self, feature: int, places) -> tf.Tensor:
        """The signal of one unit an image: 1 there, 0 everywhere else.

        Args:
            feature: which of the C maps.
            places: whole numbers (N,), each `row · w + column` in the map; 0 behind the maps.
        """
        count, *_, features = self.activations.shape
        cells = tf.reshape(self.activations, (count, -1, features)).shape[1]
        at_place = tf.one_hot(tf.convert_to_tensor(places), cells)[:, :, None]
        return tf.reshape(at_place * tf.one_hot(feature, features), self.activations.shape)

    def whole_map(self, feature: int) -> tf.Tensor:
        """The signal of a map as it is, with 0 in all others: what Zeiler and Fergus pass to the layers below."""
        return self.activations * tf.one_hot(feature, self.activations.shape[-1], dtype=self.activations.dtype)

    def strongest(self, feature: int) -> tf.Tensor:
        """Where each image's map is largest: int64 (N,), places as in `units`; the first of equal ones."""
        return tf.argmax(tf.reshape(self.activations[..., feature], (len(self.activations), -1)), axis=1)

    def project(self, signal: tf.Tensor, rule: str = "guided") -> tf.Tensor:
        """Carry a signal from the last layer back to the pixels.

        Args:
            signal: as `activations`; what `units` or `whole_map` give, or any mixture.
            rule: a key of `RULES`. With "gradient", the result is that of `tf.GradientTape` for the sum of
                signal · activations, the signal held fixed.

        Returns:
            (N, H, W, C) of the image's shape, of either sign and any size.

        Raises:
            UserError: there is no such rule, or the signal has another shape.
        """
        if rule not in RULES:
            raise UserError(f"There is no rule {rule!r}.", f"Rules: {', '.join(RULES)}.")
        signal = tf.cast(signal, self.activations.dtype)
        if signal.shape != self.activations.shape:
            raise UserError(f"The signal has the shape {tuple(signal.shape)}, not {tuple(self.activations.shape)}.")
        for layer, inputs, outputs in self.backward():
            slope = _slope(layer)
            signal = signal if slope == 1 else RULES[rule](signal, outputs, slope)
            signal = _way_back(layer)(layer, inputs, signal)
        return signal

    def backward(self):
        """Triples of a layer, its inputs and its outputs, the last layer first."""
        return zip(self.layers[::-1], self.values[-2::-1], self.values[:0:-1], strict=True)


def record(model: keras.Model, images: tf.Tensor, layer: str) -> Recording:
    """Run images forward to a layer, in inference mode, and keep what comes by.

    Args:
        model: functional or sequential; on the way to the layer it has `Conv2D`, `BatchNormalization`, `LeakyReLU`,
            `ReLU`, `Activation`, `MaxPooling2D`, `Dropout`, `Flatten` and `Dense` layers, one after the other. Other
            inputs than the first, the image, may come in behind that layer.
        images: float32 (N, H, W, C) in [-1, 1].
        layer: the name of one.

    Raises:
        UserError: there is no such layer, or the way to it has other layers or activations than those.
    """
    layers = checked(layers_to(model, layer))
    values = [tf.convert_to_tensor(images)]
    for step in layers:
        values.append(step(values[-1], training=False))
    return Recording(layers, values)


def checked(layers: Sequence[keras.layers.Layer]) -> Sequence[keras.layers.Layer]:
    """The same layers, if there is a way back through all of them.

    Raises:
        UserError: there is none through one.
    """
    for layer in layers:
        _slope(layer), _way_back(layer)
        if getattr(layer, "data_format", None) == "channels_first":
            raise UserError(f"The layer {layer.name!r} has its channels first.", "Build the model with channels last.")
        if getattr(layer, "groups", 1) != 1 or any(rate != 1 for rate in getattr(layer, "dilation_rate", ())):
            raise UserError(
                f"The convolution {layer.name!r} is grouped or dilated.", "There is no way back through it."
            )
        if isinstance(layer, keras.layers.BatchNormalization) and layer.axis not in (-1, len(layer.output.shape) - 1):
            raise UserError(f"The layer {layer.name!r} normalises along axis {layer.axis}.", "Build it with axis=-1.")
    return layers


def _gate(values: tf.Tensor, slope: float) -> tf.Tensor:
    """1 where a value is positive, and the rectifier's slope elsewhere."""
    return tf.where(values > 0, tf.ones((), values.dtype), tf.cast(slope, values.dtype))


def _slope(layer) -> float:
    """How steep a layer's activation is below zero; 1 without any. Above zero it is 1."""
    if isinstance(layer, keras.layers.LeakyReLU):
        return float(layer.negative_slope)
    if isinstance(layer, keras.layers.ReLU) and layer.max_value is None and not layer.threshold:
        return float(layer.negative_slope)
    activation = getattr(layer, "activation", None)
    if isinstance(activation, keras.layers.Layer):
        return _slope(activation)
    if isinstance(layer, keras.layers.ReLU) or activation not in _SLOPES:
        raise UserError(f"The layer {layer.name!r} has an activation with no rule for the way back.", _WHAT_GOES)
    return _SLOPES[activation]


def _convolution(layer, inputs: tf.Tensor, signal: tf.Tensor) -> tf.Tensor:
    kernel, padding = tf.cast(layer.kernel, signal.dtype), layer.padding.upper()
    return tf.nn.conv2d_transpose(signal, kernel, tf.shape(inputs), layer.strides, padding)


def _normalisation(layer, inputs: tf.Tensor, signal: tf.Tensor) -> tf.Tensor:
    factor = tf.math.rsqrt(layer.moving_variance + layer.epsilon)
    return signal * tf.cast(factor if layer.gamma is None else factor * layer.gamma, signal.dtype)


def _pooling(layer, inputs: tf.Tensor, signal: tf.Tensor) -> tf.Tensor:
    if layer.strides == layer.pool_size:
        _, switches = max_pool_with_switches(inputs, layer.pool_size, layer.padding)
    else:  # windows that overlap: a pixel that is the maximum of several gets the sum
        _, switches = tf.nn.max_pool_with_argmax(inputs, layer.pool_size, layer.strides, layer.padding.upper())
    return max_unpool(signal, switches, inputs.shape)


def _dense(layer, inputs: tf.Tensor, signal: tf.Tensor) -> tf.Tensor:
    return tf.einsum("...o,io->...i", signal, tf.cast(layer.kernel, signal.dtype))


def _reshape(layer, inputs: tf.Tensor, signal: tf.Tensor) -> tf.Tensor:
    """Also for what keeps the shape: a rectifier's part is done before."""
    return tf.reshape(signal, tf.shape(inputs))


_WAYS_BACK = {
    keras.layers.Conv2D: _convolution,
    keras.layers.BatchNormalization: _normalisation,
    keras.layers.MaxPooling2D: _pooling,
    keras.layers.Dense: _dense,
    keras.layers.Flatten: _reshape,
    keras.layers.LeakyReLU: _reshape,
    keras.layers.ReLU: _reshape,
    keras.layers.Activation: _reshape,
    keras.layers.Dropout: _reshape,
}
"""By kind of layer, what takes a signal from its outputs, before any activation, to its inputs."""

_SLOPES = {None: 1.0, keras.activations.linear: 1.0, keras.activations.relu: 0.0, keras.activations.leaky_relu: 0.2}
"""By activation function, how steep it is below zero."""

_WHAT_GOES = "There is one through convolutions, BatchNorm, (leaky) ReLU, max-pooling, dropout, Flatten and Dense."


def _way_back(layer) -> Callable:
    """The entry of `_WAYS_BACK` for a layer."""
    for kind, way in _WAYS_BACK.items():
        if isinstance(layer, kind):
            return way
    raise UserError(f"There is no way back through the layer {layer.name!r}, a {type(layer).__name__}.", _WHAT_GOES)
