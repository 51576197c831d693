"""One training step, and everything that has to survive between two of them."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from dcgan.config import TrainConfig
from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float, to_uint8
from dcgan.core.sizes import Size
from dcgan.data.batches import batches
from dcgan.networks import build_discriminator, build_generator
from dcgan.networks.cpu.layers import CPU_LAYERS
from dcgan.networks.cpu.xla import xla_compiled
from dcgan.networks.fused_upsampling import to_inference_kernel
from dcgan.networks.layers import SYNCHRONIZED_LAYERS, TRAINING_LAYERS
from dcgan.training.augmentation import augment_images
from dcgan.training.bn_recalibration import BatchNormRecalibration
from dcgan.training.losses import discriminator_loss, generator_loss
from dcgan.training.noise import Noise, with_class_input
from dcgan.training.precision import mixed_precision, on_device, optimizer_for, resolve_compile_mode

METRICS = ("d_loss", "g_loss", "d_real", "d_fake")
"""What `update` returns."""


class Trainer:
    """Generator, discriminator, their optimizers and the averaged generator.

    Args:
        config: the run's options.
        image_size: (height, width) of the images in pixels.
        channels: of the images.
        strategy: which devices share each batch; by default the one there is.
        shares: for a conditional training, the part of the images, in (0, 1], that each class has.
    """

    def __init__(
        self,
        config: TrainConfig,
        image_size: Size,
        channels: int,
        strategy: tf.distribute.Strategy | None = None,
        shares: Sequence[float] = (),
    ):
        self.config, self.strategy, self.shares = config, strategy or tf.distribute.get_strategy(), tuple(shares)
        self.draws = Noise(config, self.shares)
        self.way = resolve_compile_mode(config, self.strategy)
        sizes = {"image_size": image_size, "channels": channels, "kernel": config.kernel, "seed": config.seed}
        sizes["classes"] = len(self.shares)
        for_generator = {"width": config.generator_width, "latent_dim": config.latent_dim, **sizes}
        for_generator["upsampling"] = config.upsampling
        alone = self.strategy.num_replicas_in_sync == 1
        layers = CPU_LAYERS if self.way == "clusters" else TRAINING_LAYERS if alone else SYNCHRONIZED_LAYERS
        with self.strategy.scope(), mixed_precision(config.precision):
            self.generator = build_generator(**for_generator, layers=layers)
            self.discriminator = self._build_discriminator(layers=layers, **sizes)
            self.generator_optimizer = optimizer_for(self.generator, config.generator_lr, config)
            self.discriminator_optimizer = optimizer_for(self.discriminator, config.discriminator_lr, config)
        # One a process, whatever the replicas: it takes no part in the step, and is what pictures are drawn from.
        self.ema_generator = build_generator(**for_generator)
        self.steps_done = tf.Variable(0, dtype=tf.int64, trainable=False, name="steps_done")
        self._estimate_statistics = BatchNormRecalibration(self.ema_generator, self.draws.any_input)
        self._estimated: int | None = None
        """The step at which that was done last; None when the weights have changed since."""
        in_clusters = xla_compiled if self.way == "clusters" else lambda function: function
        self._descend, self._follow = in_clusters(self._descend), in_clusters(self._follow)
        self._step = xla_compiled(self._step) if self.way == "xla" else self._step

    def _build_discriminator(self, **options) -> keras.Model:
        """The discriminator of the config's width, hidden layer and downsampling."""
        return build_discriminator(**self.config.discriminator_options, **options)

    @property
    def step(self) -> int:
        """How many steps the networks have been trained."""
        return int(self.steps_done.numpy())

    def feed(self, images: np.ndarray, last: int, labels: np.ndarray | None = None):
        """The batches of the steps to come, for `update`: an iterator that reads ahead.

        Args:
            images: uint8 (N, H, W, C).
            last: number of the last step.
            labels: whole numbers (N,), for a conditional training.
        """
        labels = labels if self.shares else None
        steps = range(self.step + 1, last + 1)

        def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
            workers, replicas = context.num_input_pipelines, context.num_replicas_in_sync
            first = context.input_pipeline_id * (replicas // workers)
            own = range(first, first + replicas // workers)
            read = batches(images, self.config.batch_size, self.config.seed, steps, own, replicas, labels)
            return on_device(read) if replicas == 1 else read  # several replicas' are put there by the strategy

        return iter(self.strategy.distribute_datasets_from_function(of_worker))

    @tf.function
    def update(self, feed, count: tf.Tensor) -> dict[str, tf.Tensor]:
        """Do some steps in one call; how they are divided into calls changes nothing.

        Args:
            feed: what `feed` returned; its next `count` batches are taken.
            count: how many steps, at least 1.

        Returns:
            float32 scalars of the last step, over all replicas: `d_loss`, `g_loss`, `d_real` (mean D(x)) and
            `d_fake` (mean D(G(z))).
        """
        metrics = {name: tf.constant(0.0) for name in METRICS}
        for _ in tf.range(count):
            step = self.steps_done.assign_add(1)
            parts = self.strategy.run(self._step, (next(feed), self.draws.of_step(step)))
            self._follow(step)
            metrics = {name: self.strategy.reduce("SUM", parts[name], axis=None) for name in METRICS}
        return metrics

    def _step(self, batch, draws: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Train both networks on a replica's share of one batch, each against the other as it was before the step.

        Args:
            batch: this replica's images, uint8; in a conditional training a pair of them and their labels.
            draws: what `Noise.of_step` gives for the whole batch, of which this replica takes its rows.

        Returns:
            This replica's part of each metric; they add up to the mean over the batch.
        """
        replicas = self.strategy.num_replicas_in_sync
        draws = {name: self._own(draw) for name, draw in draws.items()}
        images, labels = batch if self.shares else (batch, None)
        kinds = tf.one_hot(labels, len(self.shares)) if self.shares else None
        images = _mirrored(images, draws["flip"]) if self.config.flip else images
        with tf.GradientTape(persistent=True) as tape:
            drawn = self.generator(with_class_input(draws["latents"], kinds), training=True)
            real_logits, fake_logits = self._judge(to_float(images), drawn, kinds, draws)
            d_loss, g_loss = (loss / replicas for loss in self._losses(real_logits, fake_logits))
            scaled_d_loss = self.discriminator_optimizer.scale_loss(d_loss)
            scaled_g_loss = self.generator_optimizer.scale_loss(g_loss)
        self._descend(
            tape.gradient(scaled_d_loss, self.discriminator.trainable_variables),
            tape.gradient(scaled_g_loss, self.generator.trainable_variables),
        )
        d_real, d_fake = (tf.reduce_mean(tf.sigmoid(logits)) / replicas for logits in (real_logits, fake_logits))
        return {"d_loss": d_loss, "g_loss": g_loss, "d_real": d_real, "d_fake": d_fake}

    def _judge(self, real: tf.Tensor, drawn: tf.Tensor, kinds: tf.Tensor | None, draws: dict[str, tf.Tensor]):
        """The discriminator's logits for real and for drawn images, of the same classes: two of (N, 1)."""
        changes = self.config.changes
        if changes:
            real, drawn = augment_images(real, draws["real"], changes), augment_images(drawn, draws["drawn"], changes)
        return tuple(self.discriminator(with_class_input(images, kinds), training=True) for images in (real, drawn))

    def _losses(self, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What the discriminator and the generator minimise: two scalars."""
        return discriminator_loss(real_logits, fake_logits), generator_loss(fake_logits)

    def _descend(self, of_discriminator: list[tf.Tensor], of_generator: list[tf.Tensor]) -> None:
        """One step of both optimizers, along gradients that are summed over the replicas."""
        self.discriminator_optimizer.apply(of_discriminator, self.discriminator.trainable_variables)
        self.generator_optimizer.apply(of_generator, self.generator.trainable_variables)

    def _own(self, batch: tf.Tensor) -> tf.Tensor:
        """A replica's rows of something that is drawn for the whole batch."""
        replicas = self.strategy.num_replicas_in_sync
        if replicas == 1:
            return batch
        share = self.config.batch_size // replicas
        first = tf.distribute.get_replica_context().replica_id_in_sync_group * share
        return batch[first : first + share]

    def _follow(self, step: tf.Tensor) -> None:
        """Move the averaged generator towards the trained one.

        The decay grows with the step, from 2/11 to its final value: an average that starts at 0.999 would hold
        the random beginning for thousands of steps.
        """
        done = tf.cast(step, tf.float32)
        decay = tf.minimum(self.config.ema_decay, (1.0 + done) / (10.0 + done))
        for average, weight in zip(
            self.ema_generator.trainable_variables, self.generator.trainable_variables, strict=True
        ):
            weight = to_inference_kernel(weight, average.shape)
            average.assign(weight + decay * (average - weight))

    def snapshot(self) -> keras.Model:
        """The averaged generator, ready to draw: with BatchNorm statistics of its own weights.

        Those the training gathered belong to the weights it went through, so they are estimated anew, once a step.
        """
        if self._estimated != self.step:
            self._estimate_statistics()
            self._estimated = self.step
        return self.ema_generator

    def pictures(self, count: int) -> np.ndarray:
        """What the generator draws in training, as its weights are now, without their average: uint8 (count, H, W, C).

        It is the averaged generator that draws them, with the other's weights, so that nothing of the run changes.
        """
        averages = [average.numpy() for average in self.ema_generator.trainable_variables]
        self._take(self.generator.trainable_variables)
        batches = -(-count // self.config.batch_size)
        drawn = [self._draw(tf.constant(index, tf.int64)).numpy() for index in range(batches)]
        self._take(averages)
        self._estimated = None
        return np.concatenate(drawn)[:count]

    @tf.function
    def _draw(self, index: tf.Tensor) -> tf.Tensor:
        """Batch `index` of pictures, each BatchNorm by its batch."""
        return to_uint8(self.ema_generator(self.draws.any_input(index), training=True))

    def _take(self, weights: Sequence) -> None:
        """Give the averaged generator other weights."""
        for average, weight in zip(self.ema_generator.trainable_variables, weights, strict=True):
            average.assign(to_inference_kernel(weight, average.shape))

    def scale_learning_rates(self, factor: float) -> tuple[float, float]:
        """Set the learning rates to a part of the config's; returns the generator's and the discriminator's."""
        rates = self.config.generator_lr * factor, self.config.discriminator_lr * factor
        self.generator_optimizer.learning_rate, self.discriminator_optimizer.learning_rate = rates
        return rates

    def state(self) -> dict[str, np.ndarray]:
        """Everything the next step depends on, by name; what `restore` takes."""
        return {name: np.asarray(variable) for name, variable in self._variables().items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go back to a state that `state` returned.

        Raises:
            UserError: a variable is missing or of another shape.
        """
        variables = self._variables()
        for name, variable in variables.items():
            if not _fits(state.get(name), variable) or (name == "steps_done" and state[name] < 0):
                raise UserError(
                    f"The saved state does not fit this run's networks ({name}).",
                    "Was it written by another version, or with another config? A new --run-dir starts afresh.",
                )
        for name, variable in variables.items():
            variable.assign(state[name])
        self._estimated = None

    def _variables(self) -> dict[str, tf.Variable]:
        """Every variable of the run by its name, in one order.

        The averaged generator's BatchNorm statistics are left out: `snapshot` computes them.
        """
        owners = {
            "generator": self.generator.variables,
            "discriminator": self.discriminator.variables,
            "ema_generator": self.ema_generator.trainable_variables,
            "generator_optimizer": self.generator_optimizer.variables,
            "discriminator_optimizer": self.discriminator_optimizer.variables,
        }
        named = {f"{owner}/{v.path.removeprefix(f'{owner}/')}": v for owner, vs in owners.items() for v in vs}
        return {"steps_done": self.steps_done, **named}


def _mirrored(images: tf.Tensor, coins: tf.Tensor) -> tf.Tensor:
    """Images (N, H, W, C), turned left to right where `coins` (N,) is true."""
    return tf.where(coins[:, None, None, None], tf.reverse(images, axis=[2]), images)


def _fits(array: np.ndarray | None, variable: tf.Variable) -> bool:
    """Whether a saved array can be a variable's value."""
    value = np.asarray(variable)
    return array is not None and array.dtype == value.dtype and array.shape == value.shape
