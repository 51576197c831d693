"""A denoising autoencoder of the DCGAN's own layers: strided convolutions down to a code, the generator back up.

Vincent, Larochelle, Bengio and Manzagol 2008 ("Extracting and Composing Robust Features with Denoising Autoencoders",
section 2.3): the network sees an image with noise on it and is to give back the image. It is the other unsupervised way
to a decoder of this shape: trained by pixels, where a generator is trained by a discriminator.
"""

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
from dcgan.networks.layers import KERAS_LAYERS, Layers, normal_initializer

NOISE = 0.5
"""Standard deviation of the noise on images in [-1, 1]: digits can still be read."""

AT_ONCE = 250
"""Images a forward pass."""


def build_autoencoder(
    image_size: Size = (64, 64),
    channels: int = 3,
    width: int = 64,
    code_size: int = 100,
    kernel: int = 4,
    seed: int = 0,
    layers: Layers = KERAS_LAYERS,
) -> keras.Model:
    """Build an encoder that mirrors the generator, and behind it the generator.

    The encoder is the discriminator's convolutions, of stride 2 with BatchNorm and leaky ReLU, and a linear layer to
    the code in place of the logit; the decoder is `build_generator` with the code as its latent.

    Args:
        image_size: (height, width) in pixels; see `dcgan.core.sizes`.
        channels: of the image, 1 or 3.
        width: filters of the first and of the last hidden layer.
        code_size: numbers between encoder and decoder.
        kernel: side of the convolutions' kernels, at least 2.
        seed: the initial weights follow from it.
        layers: the classes its layers are of.

    Returns:
        A built model from and to float32 (N, height, width, channels) in [-1, 1]; its layers "encoder" and "generator"
        are models too, with the code, float32 (N, code_size), between them.

    Raises:
        UserError: the size does not follow the size rule, or the code has no numbers.
    """
    if code_size < 1:
        raise UserError(f"A code of {code_size} numbers says nothing about an image.")
    image = keras.Input((*image_size, channels), name="image")
    maps = convolution_trunk(image, width, kernel, seed, layers, network="autoencoder")
    weights = normal_initializer(seed, "autoencoder/code")
    code = keras.layers.Dense(code_size, kernel_initializer=weights, name="code")(keras.layers.Flatten()(maps))
    encoder = keras.Model(image, code, name="encoder")
    decoder = build_generator(image_size, channels, width, code_size, kernel, seed, layers)
    return keras.Model(image, decoder(encoder(image)), name="autoencoder")


def train_autoencoder(
    autoencoder: keras.Model,
    images: np.ndarray,
    steps: int = 1000,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    noise: float = NOISE,
    seed: int = 0,
) -> np.ndarray:
    """Train it to take the noise off images, by Adam on the mean squared error.

    Order and noise are functions of the seed and the step alone.

    Args:
        autoencoder: as `build_autoencoder` builds it; it is changed.
        images: uint8 (N, H, W, C).
        steps: of training.
        batch_size: images a step.
        learning_rate: of Adam, β₁ being 0.5 as in the DCGAN.
        noise: its standard deviation, not negative.
        seed: see above.

    Returns:
        The error of every step, float32 (steps,), images being in [-1, 1].

    Raises:
        UserError: the images have another size, or a number is negative.
    """
    if images.shape[1:] != autoencoder.input_shape[1:] or images.dtype != np.uint8 or min(noise, steps) < 0:
        raise UserError(
            f"Images {images.dtype} {images.shape} can't be learnt in {steps} steps with noise {noise}.",
            f"This network takes uint8 {autoencoder.input_shape[1:]}.",
        )
    adam = keras.optimizers.Adam(learning_rate, beta_1=0.5)
    adam.build(autoencoder.trainable_variables)

    @tf.function
    def update(batch: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        clean = to_float(batch)
        with tf.GradientTape() as tape:
            restored = autoencoder(with_noise(clean, noise, seed, step), training=True)
            error = tf.reduce_mean(tf.square(restored - clean))
        variables = autoencoder.trainable_variables
        adam.apply(tape.gradient(error, variables), variables)
        return error

    numbered = enumerate(batches(images, batch_size, seed, range(1, steps + 1)), 1)
    return np.array([update(batch, tf.constant(step)).numpy() for step, batch in numbered], np.float32)


def with_noise(images: tf.Tensor, noise: float, seed: int, step: int | tf.Tensor) -> tf.Tensor:
    """Add normal noise, a function of seed and step, to float images of any range."""
    key = tf.stack([derived_seed(seed, "autoencoder/noise"), step])
    return images + noise * tf.random.stateless_normal(tf.shape(images), key)


def denoise(
    autoencoder: keras.Model, images: np.ndarray, noise: float = NOISE, seed: int = 0
) -> tuple[np.ndarray, ...]:
    """Put noise on images, and take it off again.

    Args:
        autoencoder: a trained one.
        images: uint8 (N, H, W, C).
        noise: standard deviation, as for training; with 0 the image itself is encoded.
        seed: the noise follows from it, and is none that training with the same seed has seen.

    Returns:
        The noisy images, clipped to what can be shown, and the restored ones: both uint8 (N, H, W, C).
    """
    noisy = with_noise(to_float(images), noise, seed, 0)  # training's first step is 1
    parts = [autoencoder(noisy[i : i + AT_ONCE], training=False) for i in range(0, len(images), AT_ONCE)]
    return np.asarray(to_uint8(noisy)), np.asarray(to_uint8(tf.concat(parts, axis=0)))
