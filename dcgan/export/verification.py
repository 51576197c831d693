"""Compare an export, loaded in its own runtime, with the Keras generator."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.export.format import INPUTS, Format, Inputs, call_generator
from dcgan.sampling.latents import latents

TOLERANCE = 1e-4
"""Largest accepted difference of pixels in [-1, 1]: 1/78 of a gray level."""

BATCH_SIZES = (1, 7, 56)
"""Sizes of the batches of the seeds 0 to 63, because an export has to accept every batch size."""


def max_difference(target: Format, path: Path, generator: keras.Model) -> float:
    """Return the largest difference between the images of an export and those of the Keras generator.

    Args:
        target: the format of the export.
        path: the export.
        generator: the Keras generator, in float32; its images are in [-1, 1].

    Returns:
        Largest absolute difference over all pixels of the images of seeds 0 to 63.

    Raises:
        UserError: the difference is above `TOLERANCE` or NaN, or the shapes differ.
    """
    batches = list(_input_batches(generator))
    with _full_float32():
        forward = target.load(path)
        pairs = [(forward(batch), call_generator(generator, batch)) for batch in batches]
    same_shapes = all(exported.shape == expected.shape for exported, expected in pairs)
    differences = [np.abs(exported - expected).max() for exported, expected in pairs] if same_shapes else [np.nan]
    difference = float(np.max(differences))
    if not difference <= TOLERANCE:  # also true for NaN
        raise UserError(
            f"The {target.name} export generates other images than the Keras generator: they differ by up to "
            f"{difference:.2g}, for pixels in [-1, 1].",
            "Nothing was written. Choose another --format or --weights.",
        )
    return difference


def _input_batches(generator: keras.Model) -> Iterator[Inputs]:
    """The latents of the seeds 0 to 63 and, for a conditional generator, all classes in turn."""
    widths, first = [tensor.shape[1] for tensor in generator.inputs], 0
    for size in BATCH_SIZES:
        seeds = range(first, first + size)
        arrays = [latents(seeds, widths[0])]
        arrays += [np.eye(classes, dtype=np.float32)[[seed % classes for seed in seeds]] for classes in widths[1:]]
        yield dict(zip(INPUTS, arrays, strict=False))
        first += size


@contextlib.contextmanager
def _full_float32() -> Iterator[None]:
    """Turn off TensorFloat-32, with which GPUs round the factors of products to 10 bits."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
