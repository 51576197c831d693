"""A plain TensorFlow loop: one `tf.function`, two tapes, in whatever environment it finds."""

import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks import flops
from benchmarks.baselines import images, networks


class TwoTapes:
    """Trains two networks the way most TensorFlow code does.

    Args:
        generator: latents (N, dim) to images in [-1, 1].
        discriminator: images to logits.
        batches: float32 batches without end.
        batch_size: images a batch.
        adam: Adam's options.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        batches: tf.data.Dataset,
        batch_size: int,
        adam: dict[str, float],
    ):
        self.generator, self.discriminator = generator, discriminator
        self.batch_size, self.latent_dim = batch_size, generator.input_shape[-1]
        self._batches = iter(batches)
        self._optimizers = [keras.optimizers.Adam(**adam) for _ in range(2)]
        self._entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def _step(self, real: tf.Tensor) -> None:
        latents = tf.random.normal((self.batch_size, self.latent_dim))
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            fake = self.generator(latents, training=True)
            real_logits = self.discriminator(real, training=True)
            fake_logits = self.discriminator(fake, training=True)
            generator_loss = self._entropy(tf.ones_like(fake_logits), fake_logits)
            discriminator_loss = self._entropy(tf.ones_like(real_logits), real_logits) + self._entropy(
                tf.zeros_like(fake_logits), fake_logits
            )
        sides = (
            (generator_tape, generator_loss, self.generator),
            (discriminator_tape, discriminator_loss, self.discriminator),
        )
        gradients = [tape.gradient(loss, network.trainable_variables) for tape, loss, network in sides]
        for optimizer, gradient, (_, _, network) in zip(self._optimizers, gradients, sides, strict=True):
            optimizer.apply_gradients(zip(gradient, network.trainable_variables, strict=True))

    def run(self, steps: int) -> int:
        """Train so many steps; returns the images seen."""
        for _ in range(steps):
            self._step(next(self._batches))
        return steps * self.batch_size

    def train(self, seconds: float) -> None:
        """Train for so long."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.run(1)

    def sample(self, count: int) -> np.ndarray:
        """Draw images: uint8 (count, H, W, C)."""
        latents = tf.random.stateless_normal((count, self.latent_dim), (0, 0))
        drawn = [self.generator(part, training=False).numpy() for part in tf.split(latents, _parts(count))]
        return np.round((np.concatenate(drawn) + 1) * 127.5).astype(np.uint8)

    def facts(self) -> dict:
        """What the comparison stands on."""
        return flops.facts(self.generator, self.discriminator, flops.OUR_PASSES)


def dcgan(image_size: int, channels: int, width: int, latent_dim: int, batch_size: int) -> TwoTapes:
    """The DCGAN networks on made images."""
    pixels = _scaled(images.made(2 * batch_size, image_size, channels))
    return TwoTapes(
        networks.dcgan_generator(image_size, channels, width, latent_dim),
        networks.dcgan_discriminator(image_size, channels, width),
        tf.data.Dataset.from_tensor_slices(pixels).batch(batch_size, drop_remainder=True).repeat().prefetch(2),
        batch_size,
        {"learning_rate": 2e-4, "beta_1": 0.5},
    )


def tutorial(batch_size: int = 256) -> TwoTapes:
    """The tutorial's networks, optimizer and batch size on the embedded digits."""
    keras.utils.set_random_seed(0)
    pixels = _scaled(images.digits())
    batches = tf.data.Dataset.from_tensor_slices(pixels).shuffle(len(pixels)).batch(batch_size, drop_remainder=True)
    return TwoTapes(
        networks.tutorial_generator(),
        networks.tutorial_discriminator(),
        batches.repeat(),
        batch_size,
        {"learning_rate": 1e-4},
    )


def _scaled(pixels: np.ndarray) -> np.ndarray:
    return (pixels.astype(np.float32) - 127.5) / 127.5


def _parts(count: int) -> int:
    """The most equal parts of at least 100 images each."""
    return max(parts for parts in range(1, max(1, count // 100) + 1) if count % parts == 0)
