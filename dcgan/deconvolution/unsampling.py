"""A transposed convolution can do the others: unsampling, and unpooling too once its input is sorted.

Nearest-neighbour unsampling, bilinear upsampling, the bed of nails and the sub-pixel layer are each a transposed
convolution with one fixed kernel (`dcgan.deconvolution.kernels`). Unpooling is not: what a kernel lays down is the same
at every pixel, and a switch differs from pixel to pixel, so that one fixed kernel can only put every value at the
*same* place of its block. It becomes one as soon as its input is routed: give each map one channel for every place of a
block, put the value into the channel that its switch names, and 0 into the others; then channel p always lands at place
p, and that is the fixed kernel of the sub-pixel layer.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution.arithmetic import checked_padding, pair
from dcgan.deconvolution.kernels import Factor, subpixel_kernel
from dcgan.deconvolution.unpooling import laid_out, sides_to_fill


def unsample(x: tf.Tensor, factor: Factor) -> tf.Tensor:
    """Nearest-neighbour unsampling: repeat every pixel, `factor` times in both directions.

    Args:
        x: (N, H, W, C).
        factor: one number or (vertical, horizontal).

    Returns:
        (N, factor·H, factor·W, C) of the type of `x`.

    Raises:
        UserError: the factor is not positive.
    """
    vertical, horizontal = pair(factor, "The factor")
    return tf.repeat(tf.repeat(x, vertical, axis=1), horizontal, axis=2)


def upsample(x: tf.Tensor, kernel: np.ndarray | tf.Tensor, factor: Factor) -> tf.Tensor:
    """Make images `factor` times larger by a transposed convolution with a given kernel.

    It computes what `keras.layers.Conv2DTranspose(out, (kh, kw), strides=factor, padding="same", use_bias=False)` does
    with these weights.

    Args:
        x: floats (N, H, W, in).
        kernel: (kh, kw, out, in), one of `dcgan.deconvolution.kernels` for example.
        factor: one number or (vertical, horizontal).

    Returns:
        (N, factor·H, factor·W, out) of the type of `x`.

    Raises:
        UserError: the factor is not positive, or the kernel's last axis is not as long as that of `x`.
    """
    x, factor = tf.convert_to_tensor(x), pair(factor, "The factor")
    sides = [size * times for size, times in zip(tf.unstack(tf.shape(x)[1:3]), factor, strict=True)]
    return _transposed_convolution(x, kernel, sides, factor, "same")


def route_by_switch(
    pooled: tf.Tensor,
    switches: tf.Tensor,
    output_shape: Sequence[int] | tf.Tensor,
    pool_size: int | Sequence[int],
    padding: str = "valid",
) -> tf.Tensor:
    """Sort values into one channel for every place in a window, by their switches.

    Args:
        pooled: (N, h, w, C).
        switches: of `max_pool_with_switches`, of that shape.
        output_shape: of what was pooled: (H, W), (H, W, C) or (N, H, W, C), a sequence or a tensor.
        pool_size: as in that pooling, one number or (height, width).
        padding: as in that pooling.

    Returns:
        (N, h, w, places·C): a value of channel c whose maximum stood at (row, column) of its window is in channel
        `(row · width of the window + column) · C + c`, and all else is 0.

    Raises:
        UserError: the shapes do not go together, the pool size is not positive, or the padding is unknown.
    """
    pooled, switches = tf.convert_to_tensor(pooled), tf.convert_to_tensor(switches)
    window = pair(pool_size, "The pool size")
    sides = sides_to_fill(pooled.shape, switches.shape, output_shape)
    rows, columns = (laid_out(side, w, checked_padding(padding)) for side, w in zip(sides, window, strict=True))
    places, channels = window[0] * window[1], pooled.shape[3]
    pixel = tf.cast(switches, tf.int64) // channels
    width = tf.cast(columns.side, tf.int64)
    row = (pixel // width + tf.cast(rows.before, tf.int64)) % window[0]
    column = (pixel % width + tf.cast(columns.before, tf.int64)) % window[1]
    named = tf.one_hot(row * window[1] + column, places, on_value=True, off_value=False, axis=3)
    routed = tf.where(named, pooled[:, :, :, None], tf.zeros((), pooled.dtype))
    return tf.reshape(routed, (*tf.unstack(tf.shape(pooled)[:3]), places * channels))


def unpool_by_convolution(
    pooled: tf.Tensor,
    switches: tf.Tensor,
    output_shape: Sequence[int] | tf.Tensor,
    pool_size: int | Sequence[int],
    padding: str = "valid",
) -> tf.Tensor:
    """`max_unpool` as a transposed convolution: route by switch, then the fixed kernel of the sub-pixel layer.

    Arguments and errors are those of `route_by_switch`.

    Returns:
        (N, H, W, C), equal to `max_unpool(pooled, switches, output_shape)` bit for bit.
    """
    pooled = tf.convert_to_tensor(pooled)
    routed = route_by_switch(pooled, switches, output_shape, pool_size, padding)
    sides = sides_to_fill(pooled.shape, switches.shape, output_shape)
    kernel = subpixel_kernel(pool_size, pooled.shape[3])
    return _transposed_convolution(routed, kernel, sides, pair(pool_size, "The pool size"), checked_padding(padding))


def _transposed_convolution(x: tf.Tensor, kernel, sides: Sequence, strides: tuple[int, int], padding: str) -> tf.Tensor:
    """The adjoint of the convolution of an image of `sides`."""
    kernel = tf.cast(kernel, x.dtype)
    if x.shape.rank != 4 or kernel.shape.rank != 4 or x.shape[3] != kernel.shape[3]:
        raise UserError(
            f"A kernel {tuple(kernel.shape)} can't go over images {tuple(x.shape)}.",
            "They are (kh, kw, out, in) and (N, H, W, in).",
        )
    shape = tf.stack([tf.shape(x)[0], *sides, kernel.shape[2]])
    return tf.nn.conv2d_transpose(x, kernel, shape, strides, padding.upper())
