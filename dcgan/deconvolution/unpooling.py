"""Max-pooling that also returns switches, the positions of the maxima, and unpooling to these positions.

With the switches held fixed, pooling reads the pixels at the switches and unpooling writes them, so that each is the
adjoint and the gradient of the other (Zeiler, Taylor and Fergus 2011, section 2; Zeiler and Fergus 2014, section 2.1).
Both consist of ops that XLA compiles, unlike `tf.nn.max_pool_with_argmax`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution.arithmetic import check_padding, output_length, pair


def max_pool_with_switches(
    x: Any, pool_size: int | Sequence[int], padding: str = "valid"
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the maximum of every window, and its position.

    Windows do not overlap: the stride is the window's size. Where that does not divide the image, "valid" drops the
        last rows and columns, as Keras does by default, and "same" pads by TensorFlow's rule, so that the outermost
        windows are smaller. Among equal maxima, the first in row-major order counts.

    Args:
        x: array or tensor of real numbers (N, H, W, C).
        pool_size: size of a window, one number or (height, width).
        padding: "valid" or "same".

    Returns:
        The maxima, (N, h, w, C), of the type of `x`; and the switches, int64 (N, h, w, C): the position of each maximum
        within its own image, `(row · W + column) · C + channel`, as in `tf.nn.max_pool_with_argmax` by default.

    Raises:
        UserError: `x` does not have four axes, the pool size is not positive, the padding is unknown, or no window
            fits.
    """
    x, window, padding = tf.convert_to_tensor(x), pair(pool_size, "The pool size"), check_padding(padding)
    _check_image(x.shape, window, padding)
    axes = [pooling_axis(*axis, padding) for axis in zip(_image_size(x), window, strict=True)]
    pooled, choice = _first_maximum(_windows(x, axes, padding))
    return pooled, _to_switches(choice, axes, x.shape[3])


def max_unpool(pooled: Any, switches: Any, output_shape: Any) -> tf.Tensor:
    """Write every value to the position of its switch; all other pixels are 0.

    With the switches of `max_pool_with_switches(x, …)` and the shape of `x`, this is the gradient of the pooling,
    applied to `pooled`; values with the same switch are added. Pooling the result returns `pooled` again if it is not
    negative.

    Args:
        pooled: numbers (N, h, w, C).
        switches: integers of the same shape, each `(row · W + column) · C + channel` within its image.
        output_shape: shape of the image that was pooled, a sequence or a tensor: (H, W), (H, W, C) or (N, H, W, C).

    Returns:
        (N, H, W, C) of the type of `pooled`.

    Raises:
        UserError: the shapes do not match.
        tf.errors.InvalidArgumentError: a switch is outside its image (on a CPU; a GPU drops the value).
    """
    pooled, switches = tf.convert_to_tensor(pooled), tf.convert_to_tensor(switches)
    height, width = unpooled_size(pooled.shape, switches.shape, output_shape)
    count, channels = tf.shape(pooled)[0], pooled.shape[3]
    images = tf.broadcast_to(tf.range(count, dtype=tf.int64)[:, None, None, None], tf.shape(pooled))
    indices = tf.stack([images, tf.cast(switches, tf.int64)], axis=-1)
    flat = tf.scatter_nd(indices, pooled, tf.cast((count, height * width * channels), tf.int64))
    return tf.reshape(flat, (count, height, width, channels))


@keras.saving.register_keras_serializable("dcgan")
class MaxPooling2DWithSwitches(keras.layers.Layer):
    """Max-pooling layer that also returns its switches, for a later `MaxUnpooling2D`.

    Input: (N, H, W, C). Outputs: the maxima (N, h, w, C) and their int64 switches of the same shape, see
    `max_pool_with_switches`. Any of N, H and W may be unknown when the model is built.

        pooled, switches = MaxPooling2DWithSwitches(2)(x)
        restored = MaxUnpooling2D()(pooled, switches, like=x)

    Args:
        pool_size: size of a window, one number or (height, width).
        padding: "valid" or "same".
        **kwargs: arguments of `keras.layers.Layer`.

    Raises:
        UserError: the pool size is not positive, or the padding is unknown.
    """

    def __init__(self, pool_size: int | Sequence[int] = 2, padding: str = "valid", **kwargs):
        super().__init__(**kwargs)
        self.pool_size, self.padding = pair(pool_size, "The pool size"), check_padding(padding)

    def call(self, inputs: Any) -> tuple[tf.Tensor, tf.Tensor]:
        return max_pool_with_switches(inputs, self.pool_size, self.padding)

    def compute_output_spec(self, inputs: Any) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        _check_image(inputs.shape, self.pool_size, self.padding)
        counts = [
            None if side is None else output_length(side, window, window, self.padding)
            for side, window in zip(inputs.shape[1:3], self.pool_size, strict=True)
        ]
        shape = (inputs.shape[0], *counts, inputs.shape[3])
        return keras.KerasTensor(shape, self.compute_dtype), keras.KerasTensor(shape, "int64")

    def get_config(self) -> dict:
        return {**super().get_config(), "pool_size": self.pool_size, "padding": self.padding}


@keras.saving.register_keras_serializable("dcgan")
class MaxUnpooling2D(keras.layers.Layer):
    """Unpooling layer that writes values to the switches of a `MaxPooling2DWithSwitches`; all other pixels are 0.

    Inputs: values (N, h, w, C), their switches, and, unless `output_size` is given, `like`: the tensor that was pooled,
        or any (N, H, W, …) of its height and width. Output: (N, H, W, C), see `max_unpool`. The size is needed since
        pooling
    loses it: windows of 2 make 3 rows of 6 and of 7, and switches count by the width.

    Args:
        output_size: (H, W) of what was pooled, or None to take it from `like`.
        **kwargs: arguments of `keras.layers.Layer`.

    Raises:
        UserError: the size is not positive; in the call, neither or both of size and `like` are given, or the shapes do
            not match.
    """

    def __init__(self, output_size: Sequence[int] | None = None, **kwargs):
        super().__init__(**kwargs)
        self.output_size = None if output_size is None else pair(output_size, "The output size")

    def call(self, pooled: Any, switches: Any, like: Any = None) -> tf.Tensor:
        self._check_one_size(like)
        return max_unpool(pooled, switches, self.output_size or tf.shape(like)[1:3])

    def compute_output_spec(self, pooled: Any, switches: Any, like: Any = None) -> keras.KerasTensor:
        self._check_one_size(like)
        height, width = self.output_size or like.shape[1:3]
        unpooled_size(pooled.shape, switches.shape, (height, width))
        return keras.KerasTensor((pooled.shape[0], height, width, pooled.shape[3]), self.compute_dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "output_size": self.output_size}

    def _check_one_size(self, like: Any) -> None:
        if (self.output_size is None) == (like is None):
            raise UserError(
                "Unpooling takes its size either from `output_size` or from `like`.",
                "Use MaxUnpooling2D()(pooled, switches, like=x), where x is the tensor that was pooled.",
            )


class PoolingAxis(NamedTuple):
    """The pooling windows along one axis."""

    side: Any
    """Number of pixels, an integer or a tensor."""
    window: int
    """Pixels per window."""
    count: Any
    """Number of windows, an integer or a tensor."""
    before: Any
    """Padding before the first pixel, an integer or a tensor."""


def pooling_axis(side: Any, window: int, padding: str) -> PoolingAxis:
    """Divide an axis into pooling windows.

    Args:
        side: number of pixels along the axis, an integer or a tensor.
        window: pixels per window.
        padding: "valid" or "same".

    Returns:
        The windows.
    """
    count = output_length(side, window, window, padding)
    return PoolingAxis(side, window, count, (count * window - side) // 2 if padding == "same" else 0)


def unpooled_size(pooled: Any, switches: Any, output_shape: Any) -> Sequence[Any]:
    """Return the height and width of the result of unpooling.

    Args:
        pooled: shape of the values, (N, h, w, C).
        switches: shape of the switches.
        output_shape: (H, W), (H, W, C) or (N, H, W, C), a sequence or a tensor.

    Returns:
        Two integers or scalar tensors.

    Raises:
        UserError: the shapes do not match.
    """
    sizes: Any = tf.unstack(output_shape) if tf.is_tensor(output_shape) else list(output_shape)
    if len(pooled) != 4 or len(sizes) not in (2, 3, 4):
        raise UserError(f"Values of the shape {tuple(pooled)} can't be unpooled into {tuple(sizes)}.")
    if not tf.TensorShape(pooled).is_compatible_with(switches):
        raise UserError(
            f"Values and switches have the shapes {tuple(pooled)} and {tuple(switches)}.", "Use equal shapes."
        )
    if len(sizes) > 2 and isinstance(sizes[-1], int) and sizes[-1] != pooled[3]:
        raise UserError(f"{pooled[3]} channels can't be unpooled into {sizes[-1]}.")
    return sizes[-3:-1] if len(sizes) > 2 else sizes


def _check_image(shape: Any, window: tuple[int, int], padding: str) -> None:
    """Refuse an image into which no window fits, as far as its shape is known."""
    if len(shape) != 4:
        raise UserError(f"The input of pooling has the shape {tuple(shape)}.", "Use (N, H, W, C).")
    height, width = (length if side is None else side for side, length in zip(shape[1:3], window, strict=True))
    if padding == "valid" and (height < window[0] or width < window[1]):
        raise UserError(f"A window of {window[0]}x{window[1]} does not fit into an image of {height}x{width}.")


def _image_size(x: Any) -> list[Any]:
    """Height and width of images, as integers where they are known."""
    return [tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis] for axis in (1, 2)]


def _windows(x: Any, axes: list[PoolingAxis], padding: str) -> tf.Tensor:
    """The pixels of every window in row-major order: (N, h, w, pixels, C)."""
    (_, window_height, rows, _), (_, window_width, columns, _) = axes
    if padding == "same":
        zeros = [(axis.before, axis.count * axis.window - axis.side - axis.before) for axis in axes]
        lowest = -np.inf if x.dtype.is_floating else x.dtype.min
        x = tf.pad(x, [(0, 0), *zeros, (0, 0)], constant_values=lowest)
    count, channels = tf.shape(x)[0], x.shape[3]
    x = x[:, : rows * window_height, : columns * window_width]
    x = tf.reshape(x, (count, rows, window_height, columns, window_width, channels))
    return tf.reshape(
        tf.transpose(x, (0, 1, 3, 2, 4, 5)), (count, rows, columns, window_height * window_width, channels)
    )


def _first_maximum(windows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The maximum of every window and its position in the window."""
    choice = tf.argmax(windows, axis=3)
    chosen = tf.one_hot(choice, windows.shape[3], on_value=True, off_value=False, axis=3)
    # Not reduce_max, which would divide the gradient among equal maxima.
    return tf.reduce_sum(tf.where(chosen, windows, tf.zeros((), windows.dtype)), axis=3), choice


def _to_switches(choice: Any, axes: list[PoolingAxis], channels: Any) -> tf.Tensor:
    """Convert positions in the windows, (N, h, w, C), to positions in the images."""
    tops, lefts = (tf.range(axis.count) * axis.window - axis.before for axis in axes)
    row = tf.cast(tops, tf.int64)[:, None, None] + choice // axes[1].window
    column = tf.cast(lefts, tf.int64)[:, None] + choice % axes[1].window
    return (row * tf.cast(axes[1].side, tf.int64) + column) * channels + tf.range(channels, dtype=tf.int64)
