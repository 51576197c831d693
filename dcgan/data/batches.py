"""The order in which a run sees its images, as a function of (seed, step)."""

from functools import lru_cache

import numpy as np
import tensorflow as tf

from dcgan.core.rng import derived_seed


def batch_indices(step: int, batch_size: int, count: int, seed: int) -> np.ndarray:
    """Say which images step `step` sees.

    The steps read one endless sequence: a permutation of all images, then another, and so on. No image is left
    out at the end of an epoch, and a batch may hold the end of one and the beginning of the next.

    Args:
        step: 1 for a run's first step.
        batch_size: images a step, over all replicas.
        count: images in the data set.
        seed: the run's seed.

    Returns:
        int64 of shape (batch_size,) with values in [0, count).
    """
    positions = (step - 1) * batch_size + np.arange(batch_size)
    epochs, within = np.divmod(positions, count)
    return np.concatenate([_permutation(epoch, count, seed)[within[epochs == epoch]] for epoch in np.unique(epochs)])


@lru_cache(maxsize=2)
def _permutation(epoch: int, count: int, seed: int) -> np.ndarray:
    """The order of one epoch, a function of its arguments alone."""
    bits = np.random.Philox(key=[derived_seed(seed, "order"), epoch])
    return np.random.Generator(bits).permutation(count)


def batches(
    images: np.ndarray,
    batch_size: int,
    seed: int,
    steps: range,
    replicas: range = range(1),
    of: int = 1,
    labels: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Read the batches of some steps, ahead of their use.

    Args:
        images: uint8 (N, H, W, C), in memory or memory-mapped.
        batch_size: images a step, over all replicas.
        seed: the run's seed.
        steps: step numbers, from 1 on.
        replicas: for which replicas to read; only their rows of each batch are.
        of: how many replicas share a batch; `batch_size` is a multiple of it.
        labels: whole numbers (N,), to be read beside the images.

    Returns:
        A data set of uint8 (batch_size / of, H, W, C), one element a step and replica, replica by replica; with
        `labels`, of pairs of those and int64 (batch_size / of,).
    """
    rows = batch_size // of
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
