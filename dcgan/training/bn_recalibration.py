"""BatchNorm statistics for weights that no training step has used: averages of those that did."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


class BatchNormRecalibration:
    """Sets a network's BatchNorm statistics to those of its own activations.

    Over all batches the mean is the mean of the batches' means, and the variance, by the law of total variance, the
    mean of the batches' variances plus the variance of their means.

    Args:
        network: a functional model; its BatchNorm layers' moving mean and variance are changed in place.
        batch: gives the inputs of batch number i, an int64 scalar tensor.
        count: how many batches to average over.
    """

    def __init__(self, network: keras.Model, batch: Callable[[tf.Tensor], Any], count: int = 16):
        self.norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
        self.before_norms = keras.Model(network.inputs, [layer.input for layer in self.norms])
        self.batch, self.count = batch, count

    def __call__(self) -> None:
        """Estimate anew, from the network's present weights."""
        moments = [self._moments(tf.constant(index, tf.int64)) for index in range(self.count)]
        for layer, of_layer in zip(self.norms, zip(*moments, strict=True), strict=True):
            means, variances = (tf.stack(values) for values in zip(*of_layer, strict=True))
            layer.moving_mean.assign(tf.reduce_mean(means, axis=0))
            layer.moving_variance.assign(tf.reduce_mean(variances, axis=0) + tf.math.reduce_variance(means, axis=0))

    @tf.function
    def _moments(self, index: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Mean and variance, a channel, of what each BatchNorm receives for one batch."""
        activations = self.before_norms(self.batch(index), training=True)
        activations = activations if isinstance(activations, list) else [activations]
        return [tf.nn.moments(tf.cast(x, tf.float32), list(range(len(x.shape) - 1))) for x in activations]
