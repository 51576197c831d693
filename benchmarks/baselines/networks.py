"""Networks of the TensorFlow and Keras baselines, built from plain Keras layers without `dcgan`."""

from typing import Any

import keras
from keras import layers

from benchmarks.baselines import DCGANSize


def dcgan_generator(size: DCGANSize) -> keras.Model:
    """Build the DCGAN generator on a base of 4x4: 3,576,704 trainable weights at the default sizes."""
    filters = size.width * size.image_size // 8
    model = keras.Sequential([keras.Input((size.latent_dim,))], name="generator")
    model.add(layers.Dense(16 * filters, use_bias=False, kernel_initializer=_normal()))
    model.add(layers.Reshape((4, 4, filters)))
    while filters >= size.width:
        filters //= 2
        next_filters = filters if filters >= size.width else size.channels
        _add(model, _batch_norm(), layers.ReLU())
        model.add(layers.Conv2DTranspose(next_filters, **_strided_convolution()))
    model.add(layers.Activation("tanh"))
    return model


def dcgan_discriminator(size: DCGANSize) -> keras.Model:
    """Build the DCGAN discriminator down to 4x4: 2,765,568 trainable weights at the default sizes."""
    model = keras.Sequential([keras.Input((size.image_size, size.image_size, size.channels))], name="discriminator")
    pixels, filters = size.image_size, size.width
    while pixels > 4:
        model.add(layers.Conv2D(filters, **_strided_convolution()))
        if pixels < size.image_size:
            model.add(_batch_norm())
        model.add(layers.LeakyReLU(0.2))
        pixels, filters = pixels // 2, filters * 2
    _add(model, layers.Flatten(), layers.Dense(1, use_bias=False, kernel_initializer=_normal()))
    return model


def tutorial_generator() -> keras.Model:
    """Build the 28x28 generator of the widely used TensorFlow tutorial: 7x7x256, then 128, 64 and 1 filters of 5x5."""
    model = keras.Sequential([keras.Input((100,)), layers.Dense(7 * 7 * 256, use_bias=False)], name="generator")
    _add(model, layers.BatchNormalization(), layers.LeakyReLU(), layers.Reshape((7, 7, 256)))
    for filters, stride in ((128, 1), (64, 2)):
        model.add(layers.Conv2DTranspose(filters, 5, strides=stride, padding="same", use_bias=False))
        _add(model, layers.BatchNormalization(), layers.LeakyReLU())
    model.add(layers.Conv2DTranspose(1, 5, strides=2, padding="same", use_bias=False, activation="tanh"))
    return model


def tutorial_discriminator() -> keras.Model:
    """Build the tutorial's discriminator: 64 and 128 filters of 5x5 at stride 2, with dropout."""
    model = keras.Sequential([keras.Input((28, 28, 1))], name="discriminator")
    for filters in (64, 128):
        model.add(layers.Conv2D(filters, 5, strides=2, padding="same"))
        _add(model, layers.LeakyReLU(), layers.Dropout(0.3))
    _add(model, layers.Flatten(), layers.Dense(1))
    return model


def _add(model: keras.Sequential, *new_layers: keras.layers.Layer) -> None:
    """Append layers to a model."""
    for layer in new_layers:
        model.add(layer)


def _strided_convolution() -> dict[str, Any]:
    """Return the arguments that all convolutions share."""
    return {"kernel_size": 4, "strides": 2, "padding": "same", "use_bias": False, "kernel_initializer": _normal()}


def _batch_norm() -> keras.layers.Layer:
    """Return BatchNorm with the settings of PyTorch's example."""
    return layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, gamma_initializer=keras.initializers.RandomNormal(1, 0.02)
    )


def _normal() -> keras.initializers.Initializer:
    """Return a new initializer N(0, 0.02)."""
    return keras.initializers.RandomNormal(0, 0.02)
