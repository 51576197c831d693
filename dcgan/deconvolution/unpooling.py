"""Max-pooling that remembers where each maximum stood, and unpooling that puts it back there.

The two are adjoint: with the switches held fixed, pooling reads the switched pixels and unpooling writes them, so each
is the other's gradient (Zeiler, Taylor and Fergus 2011, section 2; Zeiler and Fergus 2014, section 2.1). Both are made
of operations that XLA compiles too, which `tf.nn.max_pool_with_argmax` is not.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution.arithmetic import checked_padding, outputs, pair


def max_pool_with_switches(
    x: tf.Tensor, pool_size: int | Sequence[int], padding: str = "valid"
) -> tuple[tf.Tensor, tf.Tensor]:
    """Keep the maximum of every window, and where it stood.

    The windows lie side by side: the stride is the window's size. Where that does not divide the image, "valid" leaves
    the last rows and columns out, as Keras does by default, and "same" pads by TensorFlow's rule, so that the outermost
    windows see less. Of equal maxima, the first in row-major order counts.

    Args:
        x: real numbers (N, H, W, C).
        pool_size: of a window, one number or (height, width).
        padding: "valid" or "same".

    Returns:
        The maxima, (N, h, w, C), of the type of `x`; and the switches, int64 (N, h, w, C): a maximum's place in its
        own image, `(row · W + column) · C + channel`, as `tf.nn.max_pool_with_argmax` counts by default.

    Raises:
        UserError: `x` has not four axes, the pool size is not positive, the padding is unknown, or no window fits in.
    """
    x, window, padding = tf.convert_to_tensor(x), pair(pool_size, "The pool size"), checked_padding(padding)
    check_image(x.shape, window, padding)
    axes = [laid_out(*axis, padding) for axis in zip(sides_of(x), window, strict=True)]
    pooled, choice = _first_maximum(_windows(x, axes, padding))
    return pooled, _switches(choice, axes, x.shape[3])


def max_unpool(pooled: tf.Tensor, switches: tf.Tensor, output_shape: Sequence[int] | tf.Tensor) -> tf.Tensor:
    """Put every value where its switch points, and 0 everywhere else.

    With the switches of `max_pool_with_switches(x, …)` and the shape of `x`, this is the gradient of the pooling,
    applied to `pooled`; values that point to one place add up there. Pooling the result gives `pooled` again where it
    is not negative.

    Args:
        pooled: numbers (N, h, w, C).
        switches: integers of that shape, each `(row · W + column) · C + channel` within its image.
        output_shape: of the image that was pooled, as a sequence or a tensor: (H, W), (H, W, C) or (N, H, W, C).

    Returns:
        (N, H, W, C) of the type of `pooled`.

    Raises:
        UserError: the shapes do not go together.
        tf.errors.InvalidArgumentError: a switch points outside its image (on a CPU; a GPU drops the value).
    """
    pooled, switches = tf.convert_to_tensor(pooled), tf.convert_to_tensor(switches)
    height, width = sides_to_fill(pooled.shape, switches.shape, output_shape)
    count, channels = tf.shape(pooled)[0], pooled.shape[3]
    images = tf.broadcast_to(tf.range(count, dtype=tf.int64)[:, None, None, None], tf.shape(pooled))
    places = tf.stack([images, tf.cast(switches, tf.int64)], axis=-1)
    flat = tf.scatter_nd(places, pooled, tf.cast((count, height * width * channels), tf.int64))
    return tf.reshape(flat, (count, height, width, channels))


def check_image(shape: Sequence[int | None], window: tuple[int, int], padding: str) -> None:
    """Refuse an image that has no windows, as far as its shape is known.

    Raises:
        UserError: as `max_pool_with_switches` does.
    """
    if len(shape) != 4:
        raise UserError(f"What is pooled has the shape {tuple(shape)}.", "It is (N, H, W, C).")
    height, width = (length if side is None else side for side, length in zip(shape[1:3], window, strict=True))
    if padding == "valid" and (height < window[0] or width < window[1]):
        raise UserError(f"A window of {window[0]}x{window[1]} does not fit into an image of {height}x{width}.")


def sides_to_fill(pooled: Sequence, switches: Sequence, output_shape: Sequence[int] | tf.Tensor) -> list:
    """Height and width of what is unpooled, from the shapes that belong to it.

    Raises:
        UserError: as `max_unpool` does.
    """
    sizes = tf.unstack(output_shape) if tf.is_tensor(output_shape) else list(output_shape)
    if len(pooled) != 4 or len(sizes) not in (2, 3, 4):
        raise UserError(f"Values of the shape {tuple(pooled)} can't be unpooled into {tuple(sizes)}.")
    if not tf.TensorShape(pooled).is_compatible_with(switches):
        raise UserError(
            f"Values and switches have the shapes {tuple(pooled)} and {tuple(switches)}.", "They are equal."
        )
    if len(sizes) > 2 and isinstance(sizes[-1], int) and sizes[-1] != pooled[3]:
        raise UserError(f"{pooled[3]} channels can't be unpooled into {sizes[-1]}.")
    return sizes[-3:-1] if len(sizes) > 2 else sizes


def sides_of(x: tf.Tensor) -> list:
    """Height and width of images, as numbers where they are known."""
    return [tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis] for axis in (1, 2)]


class Axis(NamedTuple):
    """How windows lie along one axis."""

    side: int | tf.Tensor
    window: int
    count: int | tf.Tensor
    before: int | tf.Tensor
    """Padding in front of the image."""


def laid_out(side: int | tf.Tensor, window: int, padding: str) -> Axis:
    """Lay windows side by side along an axis of `side` pixels."""
    count = outputs(side, window, window, padding)
    return Axis(side, window, count, (count * window - side) // 2 if padding == "same" else 0)


def _windows(x: tf.Tensor, axes: list[Axis], padding: str) -> tf.Tensor:
    """Every window's pixels in row-major order: (N, h, w, pixels, C)."""
    (_, tall, rows, _), (_, wide, columns, _) = axes
    if padding == "same":
        around = [(axis.before, axis.count * axis.window - axis.side - axis.before) for axis in axes]
        x = tf.pad(x, [(0, 0), *around, (0, 0)], constant_values=-np.inf if x.dtype.is_floating else x.dtype.min)
    count, channels = tf.shape(x)[0], x.shape[3]
    x = tf.reshape(x[:, : rows * tall, : columns * wide], (count, rows, tall, columns, wide, channels))
    return tf.reshape(tf.transpose(x, (0, 1, 3, 2, 4, 5)), (count, rows, columns, tall * wide, channels))


def _first_maximum(windows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Every window's maximum and its place in the window."""
    choice = tf.argmax(windows, axis=3)
    chosen = tf.one_hot(choice, windows.shape[3], on_value=True, off_value=False, axis=3)
    # Not reduce_max, which would share the gradient out among equal maxima.
    return tf.reduce_sum(tf.where(chosen, windows, tf.zeros((), windows.dtype)), axis=3), choice


def _switches(choice: tf.Tensor, axes: list[Axis], channels: int) -> tf.Tensor:
    """From each maximum's place in its window to its place in the image; `choice` is (N, h, w, C)."""
    tops, lefts = (tf.range(axis.count) * axis.window - axis.before for axis in axes)
    row = tf.cast(tops, tf.int64)[:, None, None] + choice // axes[1].window
    column = tf.cast(lefts, tf.int64)[:, None] + choice % axes[1].window
    return (row * tf.cast(axes[1].side, tf.int64) + column) * channels + tf.range(channels, dtype=tf.int64)
