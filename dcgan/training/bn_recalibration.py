"""Recalibrate BatchNorm statistics for weights that no training step has used: the EMA weights."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


class BatchNormRecalibration:
    """Sets a network's BatchNorm statistics to those of its own activations.

    Over all batches the mean is the mean of the batch means, and the variance, by the law of total variance, the mean
    of the batch variances plus the variance of the batch means.

    Args:
        network: a functional model; the moving mean and variance of its BatchNorm layers are changed in place.
        batch: returns the inputs of batch number i, an int64 scalar tensor.
        count: number of batches to average over.
    """

    def __init__(self, network: keras.Model, batch: Callable[[tf.Tensor], Any], count: int = 16):
        self.norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
        self.before_norms = keras.Model(network.inputs, [layer.input for layer in self.norms])
        self.batch, self.count = batch, count

    def __call__(self) -> None:
        """Recompute the statistics from the network's current weights."""
        moments = [self._moments(tf.constant(index, tf.int64)) for index in range(self.count)]
        for layer, of_layer in zip(self.norms, zip(*moments, strict=True), strict=True):
            means, variances = (tf.stack(values) for values in zip(*of_layer, strict=True))
            moving_mean, moving_variance = layer.non_trainable_variables
            moving_mean.assign(tf.reduce_mean(means, axis=0))
            moving_variance.assign(tf.reduce_mean(variances, axis=0) + tf.math.reduce_variance(means, axis=0))

    @tf.function
    def _moments(self, index: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Return per-channel mean and variance of each BatchNorm layer's input for one batch."""
        activations = self.before_norms(self.batch(index), training=True)
        activations = activations if isinstance(activations, list) else [activations]
        return [tf.nn.moments(tf.cast(x, tf.float32), list(range(len(x.shape) - 1))) for x in activations]
