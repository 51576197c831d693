"""Pooling that hands over its switches, and the unpooling that takes them, as layers of a network."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution.arithmetic import checked_padding, outputs, pair
from dcgan.deconvolution.unpooling import check_image, max_pool_with_switches, max_unpool, sides_to_fill


@keras.saving.register_keras_serializable("dcgan")
class MaxPooling2DWithSwitches(keras.layers.Layer):
    """Max-pooling that also hands over its switches, for `MaxUnpooling2D` further on.

    Input: (N, H, W, C). Outputs: the maxima (N, h, w, C) and their int64 switches of the same shape, see
    `max_pool_with_switches`. Any of N, H and W may be unknown when the model is built.

        pooled, switches = MaxPooling2DWithSwitches(2)(x)
        restored = MaxUnpooling2D()(pooled, switches, like=x)

    Args:
        pool_size: of a window, one number or (height, width).
        padding: "valid" or "same".

    Raises:
        UserError: the pool size is not positive, or the padding is unknown.
    """

    def __init__(self, pool_size: int | Sequence[int] = 2, padding: str = "valid", **kwargs):
        super().__init__(**kwargs)
        self.pool_size, self.padding = pair(pool_size, "The pool size"), checked_padding(padding)

    def call(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return max_pool_with_switches(inputs, self.pool_size, self.padding)

    def compute_output_spec(self, inputs) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        check_image(inputs.shape, self.pool_size, self.padding)
        counts = [
            None if side is None else outputs(side, length, length, self.padding)
            for side, length in zip(inputs.shape[1:3], self.pool_size, strict=True)
        ]
        shape = (inputs.shape[0], *counts, inputs.shape[3])
        return keras.KerasTensor(shape, self.compute_dtype), keras.KerasTensor(shape, "int64")

    def get_config(self) -> dict:
        return {**super().get_config(), "pool_size": self.pool_size, "padding": self.padding}


@keras.saving.register_keras_serializable("dcgan")
class MaxUnpooling2D(keras.layers.Layer):
    """Puts values back where the switches of a `MaxPooling2DWithSwitches` point, and 0 everywhere else.

    Inputs: values (N, h, w, C), their switches, and, where no `output_size` is given, `like`: what was pooled, or
    anything (N, H, W, …) of its height and width. Output: (N, H, W, C), see `max_unpool`. The size is asked for since
    pooling loses it: pools of 2 make 3 rows of 6 and of 7, and switches count by the width.

    Args:
        output_size: (H, W) of what was pooled, or None to take it from `like`.

    Raises:
        UserError: the size is not positive; in the call, there is neither or both of size and `like`, or the shapes do
            not go together.
    """

    def __init__(self, output_size: Sequence[int] | None = None, **kwargs):
        super().__init__(**kwargs)
        self.output_size = None if output_size is None else pair(output_size, "The output size")

    def call(self, pooled: tf.Tensor, switches: tf.Tensor, like: tf.Tensor | None = None) -> tf.Tensor:
        self._check_size_is_known_once(like)
        return max_unpool(pooled, switches, self.output_size or tf.shape(like)[1:3])

    def compute_output_spec(self, pooled, switches, like=None) -> keras.KerasTensor:
        self._check_size_is_known_once(like)
        height, width = self.output_size or like.shape[1:3]
        sides_to_fill(pooled.shape, switches.shape, (height, width))
        return keras.KerasTensor((pooled.shape[0], height, width, pooled.shape[3]), self.compute_dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "output_size": self.output_size}

    def _check_size_is_known_once(self, like) -> None:
        if (self.output_size is None) == (like is None):
            raise UserError(
                "Unpooling takes its size either from `output_size` or from `like`.",
                "MaxUnpooling2D()(pooled, switches, like=x), x being what was pooled.",
            )
