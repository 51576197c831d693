"""The forward pass of the generator: latents in, uint8 images out, independent of the batch to the bit."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dcgan.core.image_range import to_uint8

BATCH_SIZE = 64
"""Latents per forward pass. The bits of an image may depend on it, so every command uses this one."""


def generate_batches(
    generator: keras.Model, latents: Iterable[np.ndarray], batch_size: int = BATCH_SIZE
) -> Iterator[np.ndarray]:
    """Generate one image per latent, batch by batch.

    Every forward pass has the same batch size; the last one is padded with zeros. An image is therefore the same to
    the bit whatever its position in the batch and whatever the other latents are. With another batch size it may
    differ by rounding, because matrix products of another size are summed in another order. With oneDNN, which this
    package enables, the number of threads has no influence either. Without oneDNN it has one where a sum is long enough
    to be divided among threads: in convolutions after upsampling, and in the widest transposed convolutions.

    Args:
        generator: model from latents (N, dim), and if conditional, class vectors (N, classes), to images (N, H, W, C)
            in [-1, 1].
        latents: vectors of length dim, or dim + classes with the class vector behind the latent: an array, or an
            iterable of which one batch at a time is taken.
        batch_size: latents per forward pass.

    Yields:
        uint8 array of shape (n, H, W, C), n at most `batch_size`, in the order of the latents.
    """
    forward = _forward(generator, batch_size)
    padded = np.zeros((batch_size, sum(input_widths(generator))), np.float32)
    remaining = iter(latents)
    while batch := list(itertools.islice(remaining, batch_size)):
        padded[: len(batch)] = batch
        padded[len(batch) :] = 0.0
        yield np.asarray(forward(tf.constant(padded)))[: len(batch)]


def generate_images(generator: keras.Model, latents: Iterable[np.ndarray]) -> np.ndarray:
    """Generate one image per latent, all in memory.

    Args:
        generator: as for `generate_batches`.
        latents: as for `generate_batches`, at least one.

    Returns:
        uint8 array of shape (N, H, W, C), in the order of the latents.
    """
    return np.concatenate(list(generate_batches(generator, latents)))


def input_widths(generator: keras.Model) -> list[int]:
    """Return the length of a latent, and for a conditional generator also its number of classes."""
    return [tensor.shape[-1] for tensor in generator.inputs]


def split_inputs(network: keras.Model, rows: tf.Tensor | np.ndarray) -> Any:
    """Split rows into the inputs of a network.

    Args:
        network: a generator or a part of one.
        rows: float32 (N, dim), for a conditional network (N, dim + classes).

    Returns:
        The latents, or a list of latents (N, dim) and class vectors (N, classes).
    """
    widths = input_widths(network)
    return tf.split(rows, widths, axis=1) if len(widths) > 1 else rows


@lru_cache(maxsize=1)  # training generates samples with one generator again and again; tracing is slower than that
def _forward(generator: keras.Model, batch_size: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """The generator in inference mode and the conversion to uint8, as one graph for one batch size."""
    rows = tf.TensorSpec((batch_size, sum(input_widths(generator))), tf.float32)
    return tf.function(
        lambda z: to_uint8(generator(split_inputs(generator, z), training=False)), input_signature=[rows]
    )
