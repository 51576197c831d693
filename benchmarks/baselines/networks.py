"""The networks of the TensorFlow peers, of plain Keras layers; they know nothing of `dcgan`."""

import keras
from keras import layers


def dcgan_generator(image_size: int = 64, channels: int = 3, width: int = 64, latent_dim: int = 100) -> keras.Model:
    """The DCGAN generator on a base of 4x4: 3,576,704 trainable weights at the default sizes."""
    filters = width * image_size // 8
    model = keras.Sequential([keras.Input((latent_dim,))], name="generator")
    model.add(layers.Dense(16 * filters, use_bias=False, kernel_initializer=_normal()))
    model.add(layers.Reshape((4, 4, filters)))
    while filters >= width:
        filters //= 2
        _add(model, _normed(), layers.ReLU())
        grow = {"filters": filters if filters >= width else channels, "kernel_initializer": _normal()}
        model.add(layers.Conv2DTranspose(kernel_size=4, strides=2, padding="same", use_bias=False, **grow))
    model.add(layers.Activation("tanh"))
    return model


def dcgan_discriminator(image_size: int = 64, channels: int = 3, width: int = 64) -> keras.Model:
    """The DCGAN discriminator down to 4x4: 2,765,568 trainable weights at the default sizes."""
    model = keras.Sequential([keras.Input((image_size, image_size, channels))], name="discriminator")
    side, filters = image_size, width
    while side > 4:
        shrink = {"filters": filters, "kernel_initializer": _normal()}
        model.add(layers.Conv2D(kernel_size=4, strides=2, padding="same", use_bias=False, **shrink))
        if side < image_size:
            model.add(_normed())
        model.add(layers.LeakyReLU(0.2))
        side, filters = side // 2, filters * 2
    _add(model, layers.Flatten(), layers.Dense(1, use_bias=False, kernel_initializer=_normal()))
    return model


def tutorial_generator() -> keras.Model:
    """The 28x28 generator of the widely used TensorFlow tutorial: 7x7x256, then 128, 64 and 1 filters of 5x5."""
    model = keras.Sequential([keras.Input((100,)), layers.Dense(7 * 7 * 256, use_bias=False)], name="generator")
    _add(model, layers.BatchNormalization(), layers.LeakyReLU(), layers.Reshape((7, 7, 256)))
    for filters, stride in ((128, 1), (64, 2)):
        model.add(layers.Conv2DTranspose(filters, 5, strides=stride, padding="same", use_bias=False))
        _add(model, layers.BatchNormalization(), layers.LeakyReLU())
    model.add(layers.Conv2DTranspose(1, 5, strides=2, padding="same", use_bias=False, activation="tanh"))
    return model


def tutorial_discriminator() -> keras.Model:
    """The tutorial's discriminator: 64 and 128 filters of 5x5 at stride 2, with dropout."""
    model = keras.Sequential([keras.Input((28, 28, 1))], name="discriminator")
    for filters in (64, 128):
        model.add(layers.Conv2D(filters, 5, strides=2, padding="same"))
        _add(model, layers.LeakyReLU(), layers.Dropout(0.3))
    _add(model, layers.Flatten(), layers.Dense(1))
    return model


def _add(model: keras.Sequential, *more: keras.layers.Layer) -> None:
    for layer in more:
        model.add(layer)


def _normed() -> keras.layers.Layer:
    """BatchNorm with PyTorch's settings."""
    return layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, gamma_initializer=keras.initializers.RandomNormal(1, 0.02)
    )


def _normal() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(0, 0.02)
