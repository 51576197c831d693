"""What a training draws at random: every number a function of the run's seed, the step and its purpose."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from dcgan.config import TrainConfig
from dcgan.core.rng import derived_seed
from dcgan.training.augmentation import NUMBERS


class Noise:
    """The random numbers of a run; calls may stand in a graph.

    Args:
        config: the run's options.
        shares: of a conditional training, the part of the images, in (0, 1], that each class has.
    """

    def __init__(self, config: TrainConfig, shares: Sequence[float] = ()):
        self.config, self.shares = config, tuple(shares)

    def of_step(self, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """Everything that is drawn for the whole batch of one step, by its purpose."""
        draws = {"latents": self.latents(step, "latents")}
        if self.config.flip:
            draws["flip"] = self._uniform(step, "flip")[:, 0] < 0.5
        if self.config.changes:
            draws |= {purpose: self._uniform(step, purpose, NUMBERS) for purpose in ("real", "drawn")}
        return draws

    def latents(self, step: tf.Tensor, purpose: str) -> tf.Tensor:
        """The latent vectors of one step: float32 (batch_size, latent_dim), standard normal."""
        shape = (self.config.batch_size, self.config.latent_dim)
        return tf.random.stateless_normal(shape, self._seed(step, purpose), alg="philox")

    def any_input(self, index: tf.Tensor):
        """Batch `index` of what the generator takes, with classes as frequent as the data's."""
        kinds = None
        if self.shares:
            ends = tf.constant(np.cumsum(self.shares)[:-1], tf.float32)
            labels = tf.searchsorted(ends, self._uniform(index, "statistics of classes")[:, 0], side="right")
            kinds = tf.one_hot(labels, len(self.shares))
        return with_class_input(self.latents(index, "statistics"), kinds)

    def _uniform(self, step: tf.Tensor, purpose: str, count: int = 1) -> tf.Tensor:
        """Random numbers for each image of one step: float32 (batch_size, count) in [0, 1)."""
        return tf.random.stateless_uniform((self.config.batch_size, count), self._seed(step, purpose), alg="philox")

    def _seed(self, step: tf.Tensor, purpose: str) -> tf.Tensor:
        """The seed of what is drawn at one step for one purpose."""
        return tf.stack([tf.constant(derived_seed(self.config.seed, purpose), tf.int64), tf.cast(step, tf.int64)])


def with_class_input(inputs: tf.Tensor, kinds: tf.Tensor | None):
    """What a network takes: its inputs, and in a conditional training their classes, one-hot (N, classes)."""
    return inputs if kinds is None else [inputs, kinds]
