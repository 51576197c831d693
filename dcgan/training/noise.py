"""The random numbers of training: each a function of the run's seed, the step and a purpose."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from dcgan.config import ResolvedTrainConfig
from dcgan.core import philox
from dcgan.core.rng import derived_seed
from dcgan.training.augmentation import AUGMENTATION_FUNCTIONS, NUM_RANDOM

AUGMENTATION_STREAMS = {"real": "real", "fake": "drawn"}
"""Random stream of each side's augmentation; a stream's name decides its numbers, so it never changes."""

CHANCE_STREAMS = {"real": "chance of real", "fake": "chance of fake"}
"""Random stream that decides which augmentations are applied, where a probability does."""


class Noise:
    """The random numbers of a run; every method may be called inside a graph.

    Args:
        config: options of the run.
        class_probabilities: for a conditional run, the fraction of training images in each class, in (0, 1].
        in_xla: whether `for_step` is called in a function that XLA compiles; its numbers are the same.
    """

    def __init__(self, config: ResolvedTrainConfig, class_probabilities: Sequence[float] = (), *, in_xla: bool = False):
        self.config, self.class_probabilities, self.in_xla = config, tuple(class_probabilities), in_xla

    def for_step(self, step: tf.Tensor, probability: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Return the random numbers of one step for the whole batch, by purpose.

        Args:
            step: int64 scalar, from 1.
            probability: of applying an augmentation to an image, a float32 scalar; None to apply all to each.

        Returns:
            `latents`, float32 (batch_size, latent_dim); with `--flip`, `flip`, bool (batch_size,); with `--augment`,
            `augment_real` and `augment_fake`, float32 (batch_size, NUM_RANDOM); with a probability, `applied_real` and
            `applied_fake`, bool (batch_size, number of augmentations).
        """
        draw_uniform = philox.uniform if self.in_xla else _uniform
        batch_size = self.config.batch_size
        noise = {"latents": self._normal((batch_size, self.config.latent_dim), self._seed(step, "latents"))}
        if self.config.flip:
            noise["flip"] = draw_uniform((batch_size, 1), self._seed(step, "flip"))[:, 0] < 0.5
        if self.config.augmentations:
            for side, stream in AUGMENTATION_STREAMS.items():
                noise[f"augment_{side}"] = draw_uniform((batch_size, NUM_RANDOM), self._seed(step, stream))
        if probability is not None:
            for side, stream in CHANCE_STREAMS.items():
                chance = draw_uniform((batch_size, len(AUGMENTATION_FUNCTIONS)), self._seed(step, stream))
                noise[f"applied_{side}"] = chance < probability
        return noise

    def images(self, step: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
        """Return images of noise for a regularizer, float32, standard normal.

        Args:
            step: number of the step, an int64 scalar.
            shape: (N, H, W, C).
        """
        return self._normal(shape, self._seed(step, "regularizer"))

    def latents(self, step: tf.Tensor, purpose: str) -> tf.Tensor:
        """Return the latent vectors of one step: float32 (batch_size, latent_dim), standard normal.

        Args:
            step: number of the step, an int64 scalar.
            purpose: name of the random stream.
        """
        return _normal((self.config.batch_size, self.config.latent_dim), self._seed(step, purpose))

    def generator_inputs(self, index: tf.Tensor) -> tf.Tensor | list[tf.Tensor]:
        """Return batch `index` of generator inputs, with classes as frequent as in the data.

        They are used to recalibrate BatchNorm and to check diversity, not to train.
        """
        class_one_hot = None
        if self.class_probabilities:
            edges = tf.constant(np.cumsum(self.class_probabilities)[:-1], tf.float32)
            uniform = _uniform((self.config.batch_size, 1), self._seed(index, "statistics of classes"))[:, 0]
            class_one_hot = tf.one_hot(tf.searchsorted(edges, uniform, side="right"), len(self.class_probabilities))
        return with_class_input(self.latents(index, "statistics"), class_one_hot)

    def _normal(self, shape: tuple[int, ...], seed: tf.Tensor) -> tf.Tensor:
        """Return float32 numbers, standard normal, within a step."""
        return (philox.normal if self.in_xla else _normal)(shape, seed)

    def _seed(self, step: tf.Tensor, purpose: str) -> tf.Tensor:
        """Return the seed of one purpose at one step."""
        return tf.stack([tf.constant(derived_seed(self.config.seed, purpose), tf.int64), tf.cast(step, tf.int64)])


def with_class_input(inputs: tf.Tensor, class_one_hot: tf.Tensor | None) -> tf.Tensor | list[tf.Tensor]:
    """Return what a network is called with: its inputs, and for a conditional one the classes (N, classes) as well.

    Args:
        inputs: latents (N, latent_dim) or images (N, H, W, C).
        class_one_hot: classes (N, classes); None for an unconditional network.
    """
    return inputs if class_one_hot is None else [inputs, class_one_hot]


def _normal(shape: tuple[int, ...], seed: tf.Tensor) -> tf.Tensor:
    """Return float32 numbers, standard normal."""
    return tf.random.stateless_normal(shape, seed, alg="philox")


def _uniform(shape: tuple[int, ...], seed: tf.Tensor) -> tf.Tensor:
    """Return float32 numbers, uniform in [0, 1)."""
    return tf.random.stateless_uniform(shape, seed, alg="philox")
