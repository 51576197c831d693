"""The order in which training sees the images, as a function of (seed, step)."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from dcgan.core.rng import derived_seed


def batch_indices(step: int, batch_size: int, count: int, seed: int, steps: int = 1) -> np.ndarray:
    """Return the indices of the images in the batch of one step, or in those of several.

    The batches are consecutive parts of one endless sequence: a permutation of all images, then another one, and so on.
    No image is left out at the end of an epoch; a batch may contain the end of one epoch and the beginning of the next.

    Args:
        step: step number; a run's first step is 1.
        batch_size: images per step, over all replicas.
        count: images in the dataset.
        seed: the run's seed.
        steps: number of steps, of which `step` is the first.

    Returns:
        int64 (steps * batch_size,) in [0, count).
    """
    positions = (step - 1) * batch_size + np.arange(steps * batch_size)
    epochs, within = np.divmod(positions, count)
    return np.concatenate([_permutation(epoch, count, seed)[within[epochs == epoch]] for epoch in np.unique(epochs)])


@lru_cache(maxsize=2)
def _permutation(epoch: int, count: int, seed: int) -> np.ndarray:
    """Return the order of the images in one epoch."""
    bits = np.random.Philox(key=[derived_seed(seed, "order"), epoch])
    return np.random.Generator(bits).permutation(count)


class ResidentImages(NamedTuple):
    """A data set in the memory of the device that trains on it.

    Args:
        images: uint8 (N, H, W, C).
        labels: int64 (N,) of a conditional run, otherwise None.
    """

    images: tf.Tensor
    labels: tf.Tensor | None


def batches(
    images: np.ndarray,
    batch_size: int,
    seed: int,
    steps: range,
    replicas: range = range(1),
    num_replicas: int = 1,
    labels: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Return a `tf.data` pipeline of the batches of some steps, with prefetching.

    Args:
        images: uint8 (N, H, W, C), in memory or memory-mapped.
        batch_size: images per step, over all replicas.
        seed: the run's seed.
        steps: step numbers, from 1.
        replicas: indices of the replicas to read for; only their rows of each batch are read.
        num_replicas: number of replicas that share a batch; `batch_size` is a multiple of it.
        labels: integers (N,) to read along with the images.

    Returns:
        A dataset of uint8 (batch_size / num_replicas, H, W, C), or with `labels` of pairs of those and int64
        (batch_size / num_replicas,): one element per step and replica, all replicas of a step before the next step.
    """
    rows = batch_size // num_replicas
    shape = (rows, *images.shape[1:])

    def gather(element: np.ndarray):
        step, replica = divmod(int(element), len(replicas))
        first = replicas[replica] * rows
        chosen = batch_indices(steps[step], batch_size, len(images), seed)[first : first + rows]
        return images[chosen] if labels is None else (images[chosen], labels[chosen])

    def read(element: tf.Tensor):
        if labels is None:
            return tf.ensure_shape(tf.numpy_function(gather, [element], tf.uint8), shape)
        read_images, read_labels = tf.numpy_function(gather, [element], (tf.uint8, tf.int64))
        return tf.ensure_shape(read_images, shape), tf.ensure_shape(read_labels, (rows,))

    return tf.data.Dataset.range(len(steps) * len(replicas)).map(read).prefetch(tf.data.AUTOTUNE)
