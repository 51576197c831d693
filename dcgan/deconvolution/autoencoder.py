"""A denoising autoencoder of the DCGAN's own layers: strided convolutions to a code, and the generator as its decoder.

Vincent, Larochelle, Bengio and Manzagol 2008 ("Extracting and Composing Robust Features with Denoising Autoencoders",
section 2.3): the network sees a noisy image and is trained to return the clean one. It is the other unsupervised method
to train a decoder of this shape: by a loss per pixel, where a generator is trained by a discriminator.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float, to_uint8
from dcgan.core.rng import derived_seed
from dcgan.core.sizes import Size
from dcgan.data.batches import batches
from dcgan.networks.discriminator import convolution_trunk
from dcgan.networks.generator import build_generator
from dcgan.networks.layers import KERAS_LAYERS, Layers, dense

NOISE_STDDEV = 0.5
"""Standard deviation of the noise on images in [-1, 1]; digits remain readable."""

INFERENCE_BATCH = 250
"""Images per forward pass."""


def build_autoencoder(
    image_size: Size = (64, 64),
    channels: int = 3,
    width: int = 64,
    code_size: int = 100,
    kernel: int = 4,
    seed: int = 0,
    layers: Layers = KERAS_LAYERS,
) -> keras.Model:
    """Build an encoder that mirrors the generator, followed by the generator.

    The encoder consists of the discriminator's convolutions, of stride 2 with BatchNorm and leaky ReLU, with a linear
    layer to the code in place of the logit; the decoder is `build_generator` with the code as its latent.

    Args:
        image_size: (height, width) in pixels; see `dcgan.core.sizes`.
        channels: channels of the image, 1, 3, or 4 with transparency.
        width: filters of the first and of the last hidden layer.
        code_size: length of the code between encoder and decoder.
        kernel: size of the convolutions' kernels, at least 2.
        seed: seed of the initial weights.
        layers: the layer classes.

    Returns:
        A built model from and to float32 (N, height, width, channels) in [-1, 1]; its layers "encoder" and "generator"
        are models too, with the code, float32 (N, code_size), between them.

    Raises:
        UserError: the size does not follow the size rule, or `code_size` is not positive.
    """
    if code_size < 1:
        raise UserError(f"The code size is {code_size}.", "Use at least 1.")
    image: Any = keras.Input((*image_size, channels), name="image")
    maps = convolution_trunk(image, width, kernel, seed, layers, network="autoencoder")
    code = dense(code_size, seed, "autoencoder/code", use_bias=True)(keras.layers.Flatten()(maps))
    encoder = keras.Model(image, code, name="encoder")
    decoder = build_generator(image_size, channels, width, code_size, kernel, seed, layers)
    return keras.Model(image, decoder(encoder(image)), name="autoencoder")


def train_autoencoder(
    autoencoder: keras.Model,
    images: np.ndarray,
    steps: int = 1000,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    noise: float = NOISE_STDDEV,
    seed: int = 0,
) -> np.ndarray:
    """Train an autoencoder to remove noise, with Adam on the mean squared error.

    The order of the images and the noise are functions of the seed and the step alone.

    Args:
        autoencoder: model of `build_autoencoder`; it is changed in place.
        images: uint8 (N, H, W, C).
        steps: number of training steps.
        batch_size: images per step.
        learning_rate: learning rate of Adam, whose β₁ is 0.5 as in the DCGAN.
        noise: standard deviation of the noise, at least 0.
        seed: seed of order and noise.

    Returns:
        The error of every step, float32 (steps,), for images in [-1, 1].

    Raises:
        UserError: the images have another size or type, or a number is negative.
    """
    if images.shape[1:] != autoencoder.input_shape[1:] or images.dtype != np.uint8 or min(noise, steps) < 0:
        raise UserError(
            f"Can't train on {images.dtype} images {images.shape} for {steps} steps with noise {noise}.",
            f"Use uint8 images {autoencoder.input_shape[1:]}, and numbers of at least 0.",
        )
    adam = keras.optimizers.Adam(learning_rate, beta_1=0.5)
    adam.build(autoencoder.trainable_variables)

    @tf.function
    def train_step(batch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        clean = to_float(batch)
        with tf.GradientTape() as tape:
            restored: Any = autoencoder(add_noise(clean, noise, seed, step), training=True)
            error = tf.reduce_mean(tf.square(restored - clean))
        variables = autoencoder.trainable_variables
        adam.apply(tape.gradient(error, variables), variables)
        return error

    numbered = enumerate(batches(images, batch_size, seed, range(1, steps + 1)), 1)
    return np.array([train_step(batch, tf.constant(step)).numpy() for step, batch in numbered], np.float32)


def add_noise(images: Any, noise: float, seed: int, step: Any) -> tf.Tensor:
    """Add normal noise that is a function of seed and step.

    Args:
        images: float tensor of any shape and range.
        noise: standard deviation of the noise.
        seed: seed of the training.
        step: number of the step, an integer or a scalar tensor.

    Returns:
        The noisy images, not clipped.
    """
    key = tf.stack([derived_seed(seed, "autoencoder/noise"), step])
    return images + noise * tf.random.stateless_normal(tf.shape(images), key)


def denoise(
    autoencoder: keras.Model, images: np.ndarray, noise: float = NOISE_STDDEV, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Add noise to images, and remove it by the autoencoder.

    Args:
        autoencoder: trained model of `build_autoencoder`.
        images: uint8 (N, H, W, C).
        noise: standard deviation of the noise, as in training; with 0 the image itself is encoded.
        seed: seed of the noise, which differs from all noise of a training with the same seed.

    Returns:
        The noisy images, clipped to the range of images, and the restored ones, both uint8 (N, H, W, C).
    """
    noisy = add_noise(to_float(images), noise, seed, 0)  # the first step of training is 1
    starts = range(0, len(images), INFERENCE_BATCH)
    parts: Any = [autoencoder(noisy[start : start + INFERENCE_BATCH], training=False) for start in starts]
    return np.asarray(to_uint8(noisy)), np.asarray(to_uint8(tf.concat(parts, axis=0)))
