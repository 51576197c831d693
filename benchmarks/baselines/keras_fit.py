"""A Keras model whose `train_step` is overridden, under `fit`, as Keras' own examples do it."""

import threading

import keras
import tensorflow as tf
from keras import ops

from benchmarks import flops
from benchmarks.baselines import images, networks


class Adversary(keras.Model):
    """Both networks in one model; first the discriminator learns, then, from latents of its own, the generator."""

    def __init__(self, generator: keras.Model, discriminator: keras.Model):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.latent_dim = generator.input_shape[-1]
        self.seeds = keras.random.SeedGenerator(0)
        self.entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        self.losses_seen = [keras.metrics.Mean(name=name) for name in ("d_loss", "g_loss")]
        self.adams = [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2)]

    @property
    def metrics(self) -> list:
        """Reset at the start of each epoch."""
        return self.losses_seen

    def train_step(self, real: tf.Tensor) -> dict:
        """One step of each."""
        self._learn(self.discriminator, lambda: self._discriminator_loss(real), 0)
        self._learn(self.generator, lambda: self._generator_loss(ops.shape(real)[0]), 1)
        return {metric.name: metric.result() for metric in self.losses_seen}

    def _learn(self, network: keras.Model, loss_of, index: int) -> None:
        with tf.GradientTape() as tape:
            loss = loss_of()
        gradients = tape.gradient(loss, network.trainable_weights)
        self.adams[index].apply(gradients, network.trainable_weights)
        self.losses_seen[index].update_state(loss)

    def _discriminator_loss(self, real: tf.Tensor) -> tf.Tensor:
        fake = ops.stop_gradient(self._draw(ops.shape(real)[0]))
        real_logits, fake_logits = self.discriminator(real, training=True), self.discriminator(fake, training=True)
        true, false = ops.ones_like(real_logits), ops.zeros_like(fake_logits)
        return self.entropy(true, real_logits) + self.entropy(false, fake_logits)

    def _generator_loss(self, count) -> tf.Tensor:
        logits = self.discriminator(self._draw(count), training=True)
        return self.entropy(ops.ones_like(logits), logits)

    def _draw(self, count) -> tf.Tensor:
        latents = keras.random.normal((count, self.latent_dim), seed=self.seeds)
        return self.generator(latents, training=True)


class Turns(keras.callbacks.Callback):
    """Holds a `fit` before each step until it may do one."""

    def __init__(self):
        super().__init__()
        self.may_begin, self.has_ended = threading.Semaphore(0), threading.Semaphore(0)
        self.error: Exception | None = None

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Wait for permission."""
        self.may_begin.acquire()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Tell that a step is done."""
        self.has_ended.release()


class Fit:
    """Runs one long `fit`, a few steps at a time: calling it costs seconds that are no training.

    Drawing twice a step makes it G: forward 2, backward 2; D: forward 3, backward 4, and 1 through D for G.

    Args:
        image_size, channels, width, latent_dim, batch_size: of the networks and the step.
        jit_compile: as for `keras.Model.compile`; by default Keras chooses.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int,
        latent_dim: int,
        batch_size: int,
        jit_compile: bool | str = "auto",
    ):
        generator = networks.dcgan_generator(image_size, channels, width, latent_dim)
        self._model = Adversary(generator, networks.dcgan_discriminator(image_size, channels, width))
        self._model.compile(jit_compile=jit_compile)
        self._batch_size = batch_size
        pixels = images.made(2 * batch_size, image_size, channels).astype("float32") / 127.5 - 1
        data = tf.data.Dataset.from_tensor_slices(pixels).batch(batch_size, drop_remainder=True)
        self._batches = data.repeat().prefetch(2)
        self._turns = Turns()
        threading.Thread(target=self._fit, daemon=True).start()

    def run(self, steps: int) -> int:
        """Let the one long `fit` train so many steps."""
        for _ in range(steps):
            self._turns.may_begin.release()
        for _ in range(steps):
            self._turns.has_ended.acquire()
        if self._turns.error:
            raise self._turns.error
        return steps * self._batch_size

    def _fit(self) -> None:
        try:
            self._model.fit(self._batches, steps_per_epoch=2**31, shuffle=False, verbose=0, callbacks=[self._turns])
        except Exception as error:
            self._turns.error = error
            self._turns.has_ended.release(2**20)

    def facts(self) -> dict:
        """What the comparison stands on."""
        return flops.facts(self._model.generator, self._model.discriminator, (4, 8))
