"""Dynamic loss scaling on several replicas."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


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
