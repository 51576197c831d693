"""Backpropagation by itself: a signal at the outputs of a function, carried back to its inputs."""

from collections.abc import Callable

import tensorflow as tf


def backpropagate(function: Callable[[tf.Tensor], tf.Tensor], inputs: tf.Tensor, signal: tf.Tensor) -> tf.Tensor:
    """The vector–Jacobian product: by how much Σ signal · function(inputs) changes with every input.

    Args:
        function: of one tensor, made of TensorFlow's operations.
        inputs: floats, where it is taken.
        signal: as the function's outputs; it is held fixed.

    Returns:
        As `inputs`. For a linear function it is the same for all inputs: the adjoint, applied to the signal.
    """
    with tf.GradientTape() as tape:
        inputs = tf.convert_to_tensor(inputs)
        tape.watch(inputs)
        outputs = function(inputs)
    return tape.gradient(outputs, inputs, signal)
