"""Functions that XLA compiles, and gradients that are given instead of derived."""

import tensorflow as tf


def xla_compiled(function):
    """Compile a function of tensors by XLA, as a cluster inside whatever graph calls it."""
    return tf.function(function, jit_compile=True, autograph=False)


def stop_gradients(*tensors: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """The same tensors, unseen by gradient tapes: a function whose gradient is given needs none of its parts'.

    Without this, TensorFlow would derive the gradient of every compiled part, for nothing.
    """
    return tuple(tf.stop_gradient(tensor) for tensor in tensors)


def first_order_only(gradient):
    """A gradient that can't be differentiated again, and says so instead of giving zeros."""

    @tf.custom_gradient
    def guarded(*upstream: tf.Tensor):
        def refuse(*_):
            raise NotImplementedError("Second derivatives need plain layers: build the networks without `layers`.")

        return gradient(*upstream), refuse

    return guarded
