"""Functions compiled by XLA, and functions with an explicit gradient."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla as tf2xla

Gradient = Callable[..., Any]
"""As for `tf.custom_gradient`: a function from the gradient of the outputs to that of the inputs."""


def xla_compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of tensors by XLA.

    Args:
        function: function of tensors, without Python control flow that depends on their values.

    Returns:
        The compiled function; inside a graph it becomes one fused op.
    """
    return tf.function(function, jit_compile=True, autograph=False)


def materialized(tensor: tf.Tensor) -> tf.Tensor:
    """Have a tensor computed once and stored, where XLA would compute it again for each of its readers.

    On an H200 the patches of a transposed convolution took 43 µs with BatchNorm computed anew for each of a pixel's
    four copies, at a third of the memory's bandwidth.

    Args:
        tensor: computed in a function that XLA compiles.

    Returns:
        The same values.
    """

    @tf.custom_gradient
    def barrier(values: tf.Tensor):
        outputs: Any = tf2xla.optimization_barrier(values)
        return outputs[0], lambda upstream: upstream

    result: Any = barrier(tensor)
    return result


def first_order_gradient(function: Callable[..., tuple[Any, Gradient]]) -> Callable[..., Any]:
    """Give a function an explicit gradient; second derivatives raise an error.

    TensorFlow does not derive the gradients of the function's compiled parts, which would be wasted work.

    Args:
        function: function of tensors that returns its outputs and their gradient.

    Returns:
        A function with the same parameters that returns the outputs alone.
    """

    @tf.custom_gradient
    def differentiable(*inputs: tf.Tensor):
        outputs, gradient = function(*(tf.stop_gradient(tensor) for tensor in inputs))
        return outputs, _refuse_second_derivative(gradient)

    differentiable.__doc__ = function.__doc__
    return differentiable


def static_shape(tensor: tf.Tensor) -> tuple[Any, ...]:
    """Return a tensor's static shape.

    Args:
        tensor: tensor of known rank.

    Returns:
        Its sides as integers; None for an unknown one, such as the batch size.
    """
    return tuple(tensor.shape)


def _refuse_second_derivative(gradient: Gradient) -> Gradient:
    """A gradient function that raises when it is differentiated; TensorFlow would return zeros."""

    @tf.custom_gradient
    def guarded(*upstream: tf.Tensor):
        def refuse(*_):
            raise NotImplementedError("Second derivatives need Keras' layers: build the networks without `layers`.")

        return gradient(*upstream), refuse

    return guarded
