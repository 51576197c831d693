"""One training step, and everything that has to survive between two of them."""

import keras
import numpy as np
import tensorflow as tf

from dcgan.config import TrainConfig
from dcgan.errors import UserError
from dcgan.networks import build_discriminator, build_generator
from dcgan.randomness import derived_seed
from dcgan.scaling import to_float
from dcgan.sizes import Size
from dcgan.training.losses import discriminator_loss, generator_loss
from dcgan.training.statistics import StatisticsEstimator


class Trainer:
    """Generator, discriminator, their optimizers and the averaged generator.

    Args:
        config: the run's options.
        image_size: (height, width) of the images in pixels.
        channels: of the images.
    """

    def __init__(self, config: TrainConfig, image_size: Size, channels: int):
        self.config = config
        sizes = {"image_size": image_size, "channels": channels, "kernel": config.kernel, "seed": config.seed}
        for_generator = {"width": config.generator_width, "latent_dim": config.latent_dim, **sizes}
        self.generator = build_generator(**for_generator)
        self.ema_generator = build_generator(**for_generator)
        self.discriminator = build_discriminator(width=config.discriminator_width, **sizes)
        self.generator_optimizer = _adam(config.generator_lr, config.beta_1, self.generator)
        self.discriminator_optimizer = _adam(config.discriminator_lr, config.beta_1, self.discriminator)
        self._estimate_statistics = StatisticsEstimator(
            self.ema_generator, lambda index: self.latents(index, "statistics")
        )
        self.steps_done = tf.Variable(0, dtype=tf.int64, trainable=False, name="steps_done")

    @property
    def step(self) -> int:
        """How many steps the networks have been trained."""
        return int(self.steps_done.numpy())

    @tf.function
    def update(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Train both networks on one batch, each against the other as it was before the step.

        Args:
            images: uint8 (batch_size, H, W, C).

        Returns:
            float32 scalars: `d_loss`, `g_loss`, `d_real` (mean D(x)) and `d_fake` (mean D(G(z))).
        """
        step = self.steps_done.assign_add(1)
        with tf.GradientTape(persistent=True) as tape:
            drawn = self.generator(self.latents(step, "latents"), training=True)
            real_logits = self.discriminator(to_float(images), training=True)
            fake_logits = self.discriminator(drawn, training=True)
            d_loss = discriminator_loss(real_logits, fake_logits)
            g_loss = generator_loss(fake_logits)
        _descend(tape, d_loss, self.discriminator, self.discriminator_optimizer)
        _descend(tape, g_loss, self.generator, self.generator_optimizer)
        self._follow(step)
        d_real, d_fake = (tf.reduce_mean(tf.sigmoid(logits)) for logits in (real_logits, fake_logits))
        return {"d_loss": d_loss, "g_loss": g_loss, "d_real": d_real, "d_fake": d_fake}

    def latents(self, step: tf.Tensor, purpose: str) -> tf.Tensor:
        """The latent vectors of one step: float32 (batch_size, latent_dim), standard normal."""
        seed = tf.stack([tf.constant(derived_seed(self.config.seed, purpose), tf.int64), tf.cast(step, tf.int64)])
        return tf.random.stateless_normal((self.config.batch_size, self.config.latent_dim), seed)

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
            average.assign(weight + decay * (average - weight))

    def snapshot(self) -> keras.Model:
        """The averaged generator, ready to draw: with BatchNorm statistics of its own weights.

        Those the training gathered belong to the weights it went through, so they are estimated anew.
        """
        self._estimate_statistics()
        return self.ema_generator

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


def _fits(array: np.ndarray | None, variable: tf.Variable) -> bool:
    """Whether a saved array can be a variable's value."""
    value = np.asarray(variable)
    return array is not None and array.dtype == value.dtype and array.shape == value.shape


def _adam(learning_rate: float, beta_1: float, network: keras.Model) -> keras.optimizers.Optimizer:
    """Adam with its variables made, so that a state can be restored before the first step."""
    optimizer = keras.optimizers.Adam(learning_rate, beta_1=beta_1, name=f"{network.name}_optimizer")
    optimizer.build(network.trainable_variables)
    return optimizer


def _descend(tape: tf.GradientTape, loss: tf.Tensor, network: keras.Model, optimizer) -> None:
    """One optimizer step of `network` on `loss`."""
    weights = network.trainable_variables
    optimizer.apply(tape.gradient(loss, weights), weights)
