"""The forward pass: latents in, stored images out, each the same to the bit wherever it is drawn."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import keras
import numpy as np
import tensorflow as tf

from dcgan.core.image_range import to_uint8

BATCH_SIZE = 64
"""Latents a forward pass. A picture's bits may depend on it, so that every command draws with this one."""


def generate_batches(
    generator: keras.Model, latents: Iterable[np.ndarray], batch_size: int = BATCH_SIZE
) -> Iterator[np.ndarray]:
    """Draw one image a latent.

    Every forward pass has the same batch size, the last one padded with zeros. An image is then the same to the bit
    whatever its place in the batch, its neighbours and their number; with another batch size it may differ by
    rounding, because matrix products of another size are summed in another order. With oneDNN, which this package
    turns on, the number of threads doesn't matter either. Without it, it does where a sum is long enough to be
    divided among threads: convolutions after upsampling, and the widest transposed ones.

    Args:
        generator: latents (None, dim) in, and in a conditional one classes (None, K); images (None, H, W, C) in
            [-1, 1] out.
        latents: vectors of length dim, or dim + K with the class behind the latent: an array (N, dim), or an
            iterable, of which one batch at a time is taken.
        batch_size: latents a forward pass.

    Returns:
        An iterator of uint8 (n, H, W, C) with n at most `batch_size`, in the order of the latents.
    """
    forward = _forward(generator, batch_size)
    padded = np.zeros((batch_size, sum(input_widths(generator))), np.float32)
    rows = iter(latents)
    while chunk := list(itertools.islice(rows, batch_size)):
        padded[: len(chunk)] = chunk
        padded[len(chunk) :] = 0.0
        yield forward(tf.constant(padded)).numpy()[: len(chunk)]


def generate_images(generator: keras.Model, latents: Iterable[np.ndarray]) -> np.ndarray:
    """The same as one array, uint8 (N, H, W, C), for as many as fit into memory; at least one."""
    return np.concatenate(list(generate_batches(generator, latents)))


def input_widths(generator: keras.Model) -> list[int]:
    """The length of a latent, and in a conditional generator the number of its classes."""
    return [tensor.shape[-1] for tensor in generator.inputs]


def split_inputs(network: keras.Model, rows: tf.Tensor):
    """What a network is called with: rows (N, dim), or of rows (N, dim + K) the latents and the classes."""
    widths = input_widths(network)
    return tf.split(rows, widths, axis=1) if len(widths) > 1 else rows


@lru_cache(maxsize=1)  # training draws with one generator again and again; tracing it takes longer than drawing
def _forward(generator: keras.Model, batch_size: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """The generator in inference mode and the way back to bytes, as one graph for one batch size."""
    rows = tf.TensorSpec((batch_size, sum(input_widths(generator))), tf.float32)
    return tf.function(
        lambda z: to_uint8(generator(split_inputs(generator, z), training=False)), input_signature=[rows]
    )
