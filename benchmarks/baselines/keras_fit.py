"""A Keras model that overrides `train_step` and trains with `fit`, as in Keras' own examples."""

import threading
from collections.abc import Callable

import keras
import tensorflow as tf
from keras import ops

from benchmarks import flops
from benchmarks.baselines import DCGANSize, networks
from benchmarks.synthetic_images import random_images


class GAN(keras.Model):
    """Both networks in one model; a step updates the discriminator, then the generator on new latents.

    Args:
        generator: latents (N, dim) to images in [-1, 1].
        discriminator: images to logits.
    """

    def __init__(self, generator: keras.Model, discriminator: keras.Model):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.latent_dim = generator.input_shape[-1]
        self.seeds = keras.random.SeedGenerator(0)
        self.entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        self.loss_means = [keras.metrics.Mean(name=name) for name in ("d_loss", "g_loss")]
        self.optimizers = [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2)]

    @property
    def metrics(self) -> list:
        """Metrics that Keras resets at the start of each epoch."""
        return self.loss_means

    def train_step(self, real: tf.Tensor) -> dict:
        """Update both networks on a batch of images in [-1, 1]; return the mean losses."""
        self._update(self.discriminator, lambda: self._discriminator_loss(real), 0)
        self._update(self.generator, lambda: self._generator_loss(ops.shape(real)[0]), 1)
        return {metric.name: metric.result() for metric in self.loss_means}

    def _update(self, network: keras.Model, compute_loss: Callable[[], tf.Tensor], index: int) -> None:
        """Apply the gradients of a loss to one network."""
        with tf.GradientTape() as tape:
            loss = compute_loss()
        gradients = tape.gradient(loss, network.trainable_weights)
        self.optimizers[index].apply(gradients, network.trainable_weights)
        self.loss_means[index].update_state(loss)

    def _discriminator_loss(self, real: tf.Tensor) -> tf.Tensor:
        fake = ops.stop_gradient(self._generate(ops.shape(real)[0]))
        real_logits, fake_logits = self.discriminator(real, training=True), self.discriminator(fake, training=True)
        ones, zeros = ops.ones_like(real_logits), ops.zeros_like(fake_logits)
        return self.entropy(ones, real_logits) + self.entropy(zeros, fake_logits)

    def _generator_loss(self, count) -> tf.Tensor:
        logits = self.discriminator(self._generate(count), training=True)
        return self.entropy(ops.ones_like(logits), logits)

    def _generate(self, count) -> tf.Tensor:
        latents = keras.random.normal((count, self.latent_dim), seed=self.seeds)
        return self.generator(latents, training=True)


class StepGate(keras.callbacks.Callback):
    """Block `fit` before each step until the step is allowed."""

    def __init__(self):
        super().__init__()
        self.allowed, self.completed = threading.Semaphore(0), threading.Semaphore(0)
        self.error: Exception | None = None

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Wait until the step is allowed."""
        self.allowed.acquire()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Report that a step is complete."""
        self.completed.release()


class KerasFit:
    """Run a few steps at a time of one long `fit`, since calling `fit` costs seconds that are not training.

    A step generates two batches. It is worth 2 forward and 2 backward passes of G, and 3 forward and 4 backward passes
    of D, plus 1 backward pass through D for G.

    Args:
        size: sizes of the networks and the step.
        jit_compile: as for `keras.Model.compile`; by default Keras chooses.
    """

    def __init__(self, size: DCGANSize, jit_compile: bool | str = "auto"):
        self._model = GAN(networks.dcgan_generator(size), networks.dcgan_discriminator(size))
        self._model.compile(jit_compile=jit_compile)
        self._batch_size = size.batch_size
        pixels = random_images(2 * size.batch_size, size.image_size, size.channels).astype("float32") / 127.5 - 1
        dataset = tf.data.Dataset.from_tensor_slices(pixels).batch(size.batch_size, drop_remainder=True)
        self._batches = dataset.repeat().prefetch(2)
        self._gate = StepGate()
        threading.Thread(target=self._fit, daemon=True).start()

    def run(self, steps: int) -> int:
        """Let `fit` train for `steps` steps; return the number of images."""
        for _ in range(steps):
            self._gate.allowed.release()
        for _ in range(steps):
            self._gate.completed.acquire()
        if self._gate.error:
            raise self._gate.error
        return steps * self._batch_size

    def _fit(self) -> None:
        """Train without end; keep an exception for `run`."""
        try:
            self._model.fit(self._batches, steps_per_epoch=2**31, shuffle=False, verbose=0, callbacks=[self._gate])
        except Exception as error:
            self._gate.error = error
            self._gate.completed.release(2**20)

    def cost(self) -> dict[str, tuple]:
        """Return the `training_cost` of both networks."""
        return flops.training_cost(self._model.generator, self._model.discriminator, (4, 8))
