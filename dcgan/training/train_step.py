"""One training step: losses, gradients, both optimizers, EMA weights.

The loss, the regularizer and the networks are parameters. The step is written once for any number of replicas.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from dcgan.config import ResolvedTrainConfig
from dcgan.core.image_range import to_float
from dcgan.networks.fast.xla import xla_compiled
from dcgan.networks.fused_upsampling import to_inference_kernel
from dcgan.training.augmentation import augment_images
from dcgan.training.losses import Loss
from dcgan.training.noise import Noise, with_class_input
from dcgan.training.precision import CompileMode
from dcgan.training.regularizers import DiscriminatorPass, Regularizer

STEP_METRICS = ("d_loss", "g_loss", "d_real", "d_fake")
"""What a step returns: both losses, mean D(x) and mean D(G(z))."""

SIGN = "d_sign"
"""With `--adaptive-augment` it returns the mean sign of the logits of real images as well; with the relativistic loss,
which leaves the logits' zero open, that of their differences from the logits of generated images."""


class TrainStep:
    """Trains both networks on one batch, each against the other as it was before the step.

    Args:
        config: options of the run.
        noise: the random numbers of the run.
        generator: as `dcgan.networks.build_generator` returns it.
        discriminator: as `dcgan.networks.build_discriminator` returns it.
        generator_optimizer: with its variables built.
        discriminator_optimizer: with its variables built.
        loss: maps real and fake logits to both losses.
        regularizer: adds a term to the discriminator's loss; None for no term.
        num_classes: number of classes of a conditional run, otherwise 0.
        replicas: number of replicas that share each batch.
        compile_mode: which parts XLA compiles.
    """

    def __init__(
        self,
        config: ResolvedTrainConfig,
        noise: Noise,
        generator: keras.Model,
        discriminator: keras.Model,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer,
        *,
        loss: Loss,
        regularizer: Regularizer | None,
        num_classes: int,
        replicas: int,
        compile_mode: CompileMode,
    ):
        self.config, self.noise, self.num_classes, self.replicas = config, noise, num_classes, replicas
        self.generator, self.discriminator = generator, discriminator
        self.generator_optimizer, self.discriminator_optimizer = generator_optimizer, discriminator_optimizer
        self.loss, self.regularizer = loss, regularizer
        self._optimize = xla_compiled(self._apply_gradients) if compile_mode == "fused_ops" else self._apply_gradients

    def train_on_batch(self, batch: Any, step: tf.Tensor, noise: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Train on one replica's part of a batch.

        Args:
            batch: uint8 images (n, H, W, C); in a conditional run a pair of them and their labels, int64 (n,).
            step: number of the step, an int64 scalar.
            noise: what `Noise.for_step` returns for the whole batch; this replica takes its rows.

        Returns:
            This replica's part of each of `STEP_METRICS`, and of `SIGN` where it is used; the parts of all replicas add
            up to the mean over the batch.
        """
        noise = {name: self._replica_slice(values) for name, values in noise.items()}
        images, labels = batch if self.num_classes else (batch, None)
        class_one_hot = tf.one_hot(labels, self.num_classes) if self.num_classes else None
        real = to_float(_flip(images, noise["flip"]) if self.config.flip else images)
        with tf.GradientTape(persistent=True) as tape:
            fake = self.generator(with_class_input(noise["latents"], class_one_hot), training=True)
            d_loss, g_loss, real_logits, fake_logits = self._losses(real, fake, class_one_hot, step, noise)
            d_loss, g_loss = d_loss / self.replicas, g_loss / self.replicas
            scaled_d_loss = self.discriminator_optimizer.scale_loss(d_loss)
            scaled_g_loss = self.generator_optimizer.scale_loss(g_loss)
        self._optimize(
            tape.gradient(scaled_d_loss, self.discriminator.trainable_variables),
            tape.gradient(scaled_g_loss, self.generator.trainable_variables),
        )
        d_real, d_fake = (tf.reduce_mean(tf.sigmoid(logits)) / self.replicas for logits in (real_logits, fake_logits))
        metrics = {"d_loss": d_loss, "g_loss": g_loss, "d_real": d_real, "d_fake": d_fake}
        if self.config.adaptive_augment:
            zero = fake_logits if self.config.loss == "relativistic" else 0.0
            metrics[SIGN] = tf.reduce_mean(tf.sign(real_logits - zero)) / self.replicas
        return metrics

    def _losses(
        self, real: Any, fake: Any, class_one_hot: Any, step: tf.Tensor, noise: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return discriminator loss, generator loss, real logits and fake logits."""

        def augmented(images: tf.Tensor, side: str, every: int) -> tf.Tensor:
            applied = noise[f"applied_{side}"][::every] if self.config.adaptive_augment else None
            return augment_images(images, noise[f"augment_{side}"][::every], self.config.augmentations, applied)

        def discriminate(real: tf.Tensor, fake: tf.Tensor, every: int = 1) -> tuple[tf.Tensor, tf.Tensor]:
            if self.config.augmentations:
                real, fake = augmented(real, "real", every), augmented(fake, "fake", every)
            classes = None if class_one_hot is None else class_one_hot[::every]
            real_logits, fake_logits = (
                self.discriminator(with_class_input(images, classes), training=True) for images in (real, fake)
            )
            return real_logits, fake_logits

        def normal(count: int) -> tf.Tensor:
            return self._replica_slice(self.noise.images(step, (count * self.replicas, *real.shape[1:])))

        if self.regularizer is None:
            real_logits, fake_logits = discriminate(real, fake)
            return *self.loss(real_logits, fake_logits), real_logits, fake_logits
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([real, fake])
            real_logits, fake_logits = discriminate(real, fake)
        d_loss, g_loss = self.loss(real_logits, fake_logits)
        penalty = self.regularizer(DiscriminatorPass(real, fake, real_logits, fake_logits, discriminate, tape, normal))
        return d_loss + penalty, g_loss, real_logits, fake_logits

    def _apply_gradients(self, d_gradients: Sequence[Any], g_gradients: Sequence[Any]) -> None:
        """Apply one step of both optimizers; gradients are summed over the replicas."""
        self.discriminator_optimizer.apply(d_gradients, self.discriminator.trainable_variables)
        self.generator_optimizer.apply(g_gradients, self.generator.trainable_variables)

    def _replica_slice(self, batch: tf.Tensor) -> tf.Tensor:
        """Return this replica's rows of a tensor for the whole batch."""
        if self.replicas == 1:
            return batch
        rows = len(batch) // self.replicas
        first = tf.distribute.get_replica_context().replica_id_in_sync_group * rows
        return batch[first : first + rows]


def update_ema(ema_generator: keras.Model, generator: keras.Model, step: tf.Tensor, ema_decay: float) -> None:
    """Move the EMA weights towards the generator's weights.

    The decay grows with the step, min(ema_decay, (1 + step) / (10 + step)): with its final value from the beginning,
    the random initial weights would dominate for thousands of steps.

    Args:
        ema_generator: the inference network; its trainable variables are changed.
        generator: the network that is trained.
        step: int64 scalar, the step just done.
        ema_decay: in [0, 1].
    """
    done = tf.cast(step, tf.float32)
    decay = tf.minimum(ema_decay, (1.0 + done) / (10.0 + done))
    for average, weight in zip(ema_generator.trainable_variables, generator.trainable_variables, strict=True):
        weight = to_inference_kernel(weight, average.shape)
        average.assign(weight + decay * (average - weight))


def _flip(images: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mirror images (N, H, W, C) left to right where `mask` (N,) is true."""
    return tf.where(mask[:, None, None, None], tf.reverse(images, axis=[2]), images)
