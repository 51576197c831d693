"""A plain TensorFlow loop: one `tf.function` with two gradient tapes, in the default environment."""

import gzip
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks import flops
from benchmarks.baselines import DCGANSize, networks
from benchmarks.synthetic_images import random_images

DIGITS = Path(__file__).parents[2] / "dcgan" / "data" / "mnist10k" / "train-images-idx3-ubyte.gz"


class TensorFlowLoop:
    """Train two networks as most TensorFlow code does.

    Args:
        generator: latents (N, dim) to images in [-1, 1].
        discriminator: images to logits.
        batches: endless float32 batches in [-1, 1].
        batch_size: images per batch.
        adam: keyword arguments of `keras.optimizers.Adam`.
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
        """Update both networks on one batch."""
        latents = tf.random.normal((self.batch_size, self.latent_dim))
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            fake = self.generator(latents, training=True)
            real_logits = self.discriminator(real, training=True)
            fake_logits = self.discriminator(fake, training=True)
            generator_loss = self._entropy(tf.ones_like(fake_logits), fake_logits)
            discriminator_loss = self._entropy(tf.ones_like(real_logits), real_logits) + self._entropy(
                tf.zeros_like(fake_logits), fake_logits
            )
        updates = (
            (self._optimizers[0], generator_tape, generator_loss, self.generator),
            (self._optimizers[1], discriminator_tape, discriminator_loss, self.discriminator),
        )
        gradients = [tape.gradient(loss, network.trainable_variables) for _, tape, loss, network in updates]
        for gradient, (optimizer, _, _, network) in zip(gradients, updates, strict=True):
            optimizer.apply_gradients(zip(gradient, network.trainable_variables, strict=True))

    def run(self, steps: int) -> int:
        """Train for `steps` steps; return the number of images."""
        for _ in range(steps):
            self._step(next(self._batches))
        return steps * self.batch_size

    def train(self, seconds: float) -> None:
        """Train for a number of seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.run(1)

    def sample(self, count: int) -> np.ndarray:
        """Generate images: uint8 (count, H, W, C)."""
        latents = tf.random.stateless_normal((count, self.latent_dim), (0, 0))
        parts = tf.split(latents, _num_parts(count))
        images = np.concatenate([self.generator(part, training=False).numpy() for part in parts])
        return np.round((images + 1) * 127.5).astype(np.uint8)

    def cost(self) -> dict[str, tuple]:
        """Return the `training_cost` of both networks."""
        return flops.training_cost(self.generator, self.discriminator, flops.OUR_PASSES)


def dcgan_loop(size: DCGANSize) -> TensorFlowLoop:
    """Train the DCGAN networks on random images."""
    pixels = _to_float(random_images(2 * size.batch_size, size.image_size, size.channels))
    return TensorFlowLoop(
        networks.dcgan_generator(size),
        networks.dcgan_discriminator(size),
        tf.data.Dataset.from_tensor_slices(pixels).batch(size.batch_size, drop_remainder=True).repeat().prefetch(2),
        size.batch_size,
        {"learning_rate": 2e-4, "beta_1": 0.5},
    )


def tutorial_loop(batch_size: int = 256) -> TensorFlowLoop:
    """Train the tutorial's networks on the embedded digits, with its optimizer and batch size."""
    keras.utils.set_random_seed(0)
    pixels = _to_float(embedded_digits())
    batches = tf.data.Dataset.from_tensor_slices(pixels).shuffle(len(pixels)).batch(batch_size, drop_remainder=True)
    return TensorFlowLoop(
        networks.tutorial_generator(),
        networks.tutorial_discriminator(),
        batches.repeat(),
        batch_size,
        {"learning_rate": 1e-4},
    )


def embedded_digits() -> np.ndarray:
    """Read the embedded MNIST digits without `dcgan`, which would change the environment: uint8 (10000, 28, 28, 1)."""
    pixels = gzip.decompress(DIGITS.read_bytes())[16:]
    return np.frombuffer(pixels, np.uint8).reshape(-1, 28, 28, 1)


def _to_float(pixels: np.ndarray) -> np.ndarray:
    """Return uint8 images as float32 in [-1, 1]."""
    return (pixels.astype(np.float32) - 127.5) / 127.5


def _num_parts(count: int) -> int:
    """Return the largest number of equal parts with at least 100 images each."""
    return max(parts for parts in range(1, max(1, count // 100) + 1) if count % parts == 0)
