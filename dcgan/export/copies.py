"""The same generator made of other layers: what a precision asks for."""

import keras


def in_float32(generator: keras.Model) -> keras.Model:
    """A generator whose every layer computes in float32, as its weights are; itself, if it does already."""
    if all(layer.compute_dtype == "float32" for layer in generator.layers):
        return generator

    def of_float32(layer: keras.Layer) -> keras.Layer:
        return type(layer).from_config({**layer.get_config(), "dtype": "float32"})

    copy = keras.models.clone_model(generator, clone_function=of_float32)
    copy.set_weights(generator.get_weights())
    return copy
