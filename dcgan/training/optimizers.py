"""Adam as both networks use it: with a learning rate that can fall, and with a scaled loss in float16."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from dcgan.config import ResolvedTrainConfig

LOWEST_RATE = 0.2
"""The learning rate falls down to so much of its initial value."""


def build_optimizers(
    generator: keras.Model, discriminator: keras.Model, config: ResolvedTrainConfig
) -> tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer]:
    """Return the optimizers with their variables built, so that a checkpoint can be restored before the first step.

    Under `mixed_float16` the losses are scaled so that small gradients don't vanish; a step whose gradients overflow is
    skipped and the scale halved (Micikevicius et al. 2018, section 3.2).

    Args:
        generator: whose learning rate falls from step `config.generator_lr_decay_start` on.
        discriminator: whose learning rate is constant.
        config: options of the run, of which the learning rates, `beta_1` and `precision` are used.

    Returns:
        The generator's and the discriminator's.
    """

    def build(network: keras.Model, learning_rate: float, decay_start: int) -> keras.optimizers.Optimizer:
        name = f"{network.name}_optimizer"
        optimizer = DecayingAdam(learning_rate, decay_start=decay_start, beta_1=config.beta_1, name=name)
        if config.precision == "mixed_float16":
            optimizer = SynchronizedLossScaleOptimizer(optimizer, name=name)
        optimizer.build(network.trainable_variables)
        return optimizer

    generator_optimizer = build(generator, config.generator_lr, config.generator_lr_decay_start)
    return generator_optimizer, build(discriminator, config.discriminator_lr, 0)


def current_learning_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """Return the learning rate of the next step of an optimizer that `build_optimizers` returned."""
    adam: Any = getattr(optimizer, "inner_optimizer", optimizer)
    return float(adam.learning_rate * adam.decay())


class DecayingAdam(keras.optimizers.Adam):
    """Adam with a learning rate that is constant at first, and then falls in inverse proportion to the step.

    The rate depends on the number of steps done and on nothing else, so that a run that ends earlier is the beginning
    of a longer one. `learning_rate` is the initial rate: a rollback that halves it halves the later ones.

    Args:
        learning_rate: initial rate, above 0.
        decay_start: last step at that rate; step t after it has decay_start / t of it, and at least `LOWEST_RATE`; 0
            for a constant rate.
        **options: of `keras.optimizers.Adam`.
    """

    def __init__(self, learning_rate: float, *, decay_start: int = 0, **options: Any):
        super().__init__(learning_rate, **options)
        self.decay_start = decay_start

    def decay(self) -> Any:
        """Return what the next step's learning rate is multiplied by, in [LOWEST_RATE, 1]: a float32 scalar."""
        if not self.decay_start:
            return 1.0
        iterations: Any = self.iterations
        return tf.clip_by_value(self.decay_start / tf.cast(iterations + 1, tf.float32), LOWEST_RATE, 1.0)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable.

        Args:
            gradient: of the loss with respect to it.
            variable: one that the optimizer was built with.
            learning_rate: initial rate.
        """
        super().update_step(gradient, variable, learning_rate * self.decay())


class SynchronizedLossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """A `LossScaleOptimizer` whose replicas skip a step together.

    Keras decides by the gradients of the first replica on each machine, before gradients are summed over the replicas:
    an overflow in another replica reaches the weights of all, and machines that decide differently wait for each other
    for ever. Here all replicas decide by the gradients of all.
    """

    def check_finite(self, grads: Sequence[Any]) -> Any:
        """Return whether the gradients of every replica are finite; call it in a replica context.

        Args:
            grads: this replica's gradients; None where there is no gradient.

        Returns:
            bool scalar, the same in every replica.
        """
        finite: Any = super().check_finite(grads)
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return finite
        overflows = context.all_reduce(tf.distribute.ReduceOp.SUM, 1.0 - tf.cast(finite, tf.float32))
        return tf.equal(overflows, 0.0)
