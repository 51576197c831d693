"""The same generator made of other layers: what a format or a precision asks for."""

from collections.abc import Callable

import keras
import tensorflow as tf


def in_float32(generator: keras.Model) -> keras.Model:
    """A generator whose every layer computes in float32, as its weights are; itself, if it does already."""
    if all(layer.compute_dtype == "float32" for layer in generator.layers):
        return generator
    return _copy(generator, lambda layer: type(layer).from_config({**layer.get_config(), "dtype": "float32"}))


def with_known_sizes(generator: keras.Model) -> keras.Model:
    """A generator whose maps' sizes LiteRT knows: there, a convolution of maps that `tf.repeat` enlarged has none."""
    return _copy(
        generator, lambda layer: (_Resized if _repeats(layer) else type(layer)).from_config(layer.get_config())
    )


class _Resized(keras.layers.UpSampling2D):
    """`UpSampling2D`, nearest, as one operation."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        sizes = [side * factor for side, factor in zip(inputs.shape[1:3], self.size, strict=True)]
        return tf.image.resize(inputs, sizes, "nearest")

    def compute_output_spec(self, inputs) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)


def _repeats(layer: keras.Layer) -> bool:
    """Whether a layer enlarges by `tf.repeat`."""
    return isinstance(layer, keras.layers.UpSampling2D) and layer.interpolation == "nearest"


def _copy(generator: keras.Model, change: Callable[[keras.Layer], keras.Layer]) -> keras.Model:
    """The generator with its weights, each layer as `change` makes it."""
    copy = keras.models.clone_model(generator, clone_function=change)
    copy.set_weights(generator.get_weights())
    return copy
