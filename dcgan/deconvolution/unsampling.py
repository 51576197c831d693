"""Upsampling by a transposed convolution with a fixed kernel, and unpooling as such an upsampling of routed values.

Nearest and bilinear upsampling, zero insertion and the sub-pixel layer are each a transposed convolution with one fixed
kernel (`dcgan.deconvolution.kernels`). Unpooling is not: the kernel is the same at every pixel while switches differ,
so that one fixed kernel can only write every value to the *same* position of its block. It becomes one after routing:
give each map one channel for every position of a block, move the value to the channel that its switch selects, and set
the others to 0. Channel p is then always written to position p, which is the fixed kernel of the sub-pixel layer.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution.arithmetic import check_padding, pair
from dcgan.deconvolution.kernels import Factor, subpixel_kernel
from dcgan.deconvolution.unpooling import pooling_axis, unpooled_size


def unsample(x: Any, factor: Factor) -> tf.Tensor:
    """Upsample by repeating every pixel (nearest neighbor).

    Args:
        x: array or tensor (N, H, W, C).
        factor: repetitions, one number or (vertical, horizontal).

    Returns:
        (N, factor·H, factor·W, C) of the type of `x`.

    Raises:
        UserError: the factor is not positive.
    """
    vertical, horizontal = pair(factor, "The factor")
    return tf.repeat(tf.repeat(x, vertical, axis=1), horizontal, axis=2)


def upsample(x: Any, kernel: Any, factor: Factor) -> tf.Tensor:
    """Upsample by a transposed convolution with a given kernel.

    The result is that of `keras.layers.Conv2DTranspose(out, (kh, kw), strides=factor, padding="same", use_bias=False)`
    with these weights.

    Args:
        x: array or tensor of floats (N, H, W, in).
        kernel: array or tensor (kh, kw, out, in), for example one of `dcgan.deconvolution.kernels`.
        factor: stride, one number or (vertical, horizontal).

    Returns:
        (N, factor·H, factor·W, out) of the type of `x`.

    Raises:
        UserError: the factor is not positive, or the kernel's last axis differs from that of `x`.
    """
    x, factor = tf.convert_to_tensor(x), pair(factor, "The factor")
    size = [length * times for length, times in zip(tf.unstack(tf.shape(x)[1:3]), factor, strict=True)]
    return _transposed_convolution(x, kernel, size, factor, "same")


def route_by_switch(
    pooled: Any, switches: Any, output_shape: Any, pool_size: int | Sequence[int], padding: str = "valid"
) -> tf.Tensor:
    """Move each value to the channel of its switch, with one channel for every position in a window.

    Args:
        pooled: values (N, h, w, C).
        switches: switches of `max_pool_with_switches`, of the same shape.
        output_shape: shape of what was pooled: (H, W), (H, W, C) or (N, H, W, C), a sequence or a tensor.
        pool_size: size of the pooling windows, one number or (height, width).
        padding: padding of the pooling, "valid" or "same".

    Returns:
        (N, h, w, positions·C): a value of channel c whose maximum was at (row, column) of its window is in channel
        `(row · width of the window + column) · C + c`; the others are 0.

    Raises:
        UserError: the shapes do not match, the pool size is not positive, or the padding is unknown.
    """
    pooled, switches = tf.convert_to_tensor(pooled), tf.convert_to_tensor(switches)
    window = pair(pool_size, "The pool size")
    size: Any = unpooled_size(pooled.shape, switches.shape, output_shape)
    rows, columns = (pooling_axis(side, w, check_padding(padding)) for side, w in zip(size, window, strict=True))
    positions, channels = window[0] * window[1], pooled.shape[3]
    pixel: Any = tf.cast(switches, tf.int64) // channels
    width = tf.cast(columns.side, tf.int64)
    row = (pixel // width + tf.cast(rows.before, tf.int64)) % window[0]
    column = (pixel % width + tf.cast(columns.before, tf.int64)) % window[1]
    selected = tf.one_hot(row * window[1] + column, positions, on_value=True, off_value=False, axis=3)
    routed = tf.where(selected, pooled[:, :, :, None], tf.zeros((), pooled.dtype))
    return tf.reshape(routed, (*tf.unstack(tf.shape(pooled)[:3]), positions * channels))


def unpool_by_convolution(
    pooled: Any, switches: Any, output_shape: Any, pool_size: int | Sequence[int], padding: str = "valid"
) -> tf.Tensor:
    """Compute `max_unpool` by a transposed convolution: route by switch, then apply the sub-pixel layer's fixed kernel.

    Args:
        pooled: values (N, h, w, C).
        switches: switches of `max_pool_with_switches`, of the same shape.
        output_shape: shape of what was pooled: (H, W), (H, W, C) or (N, H, W, C), a sequence or a tensor.
        pool_size: size of the pooling windows, one number or (height, width).
        padding: padding of the pooling, "valid" or "same".

    Returns:
        (N, H, W, C), equal to `max_unpool(pooled, switches, output_shape)` bit for bit.

    Raises:
        UserError: the shapes do not match, the pool size is not positive, or the padding is unknown.
    """
    pooled = tf.convert_to_tensor(pooled)
    routed = route_by_switch(pooled, switches, output_shape, pool_size, padding)
    size = unpooled_size(pooled.shape, switches.shape, output_shape)
    kernel = subpixel_kernel(pool_size, pooled.shape[3])
    return _transposed_convolution(routed, kernel, size, pair(pool_size, "The pool size"), check_padding(padding))


def _transposed_convolution(
    x: Any, kernel: Any, size: Sequence[Any], strides: tuple[int, int], padding: str
) -> tf.Tensor:
    """The adjoint of the convolution of an image (height, width)."""
    kernel = tf.cast(kernel, x.dtype)
    if x.shape.rank != 4 or kernel.shape.rank != 4 or x.shape[3] != kernel.shape[3]:
        raise UserError(
            f"A kernel {tuple(kernel.shape)} does not match images {tuple(x.shape)}.",
            "Use (kh, kw, out, in) and (N, H, W, in).",
        )
    shape = tf.stack([tf.shape(x)[0], *size, kernel.shape[2]])
    return tf.nn.conv2d_transpose(x, kernel, shape, strides, "SAME" if padding == "same" else "VALID")
