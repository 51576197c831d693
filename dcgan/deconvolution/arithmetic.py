"""Which input positions an output of a convolution reads: TensorFlow's rules, one axis at a time."""

import operator
from collections.abc import Sequence

import numpy as np

from dcgan.errors import UserError

PADDINGS = ("valid", "same")


def pair(value: int | Sequence[int], name: str) -> tuple[int, int]:
    """A number for both axes, or one for each, as (vertical, horizontal).

    Args:
        value: a positive integer, or two.
        name: what it is called in the message.

    Raises:
        UserError: it is neither.
    """
    try:
        values = (value,) * 2 if np.ndim(value) == 0 else tuple(value)
        vertical, horizontal = map(operator.index, values)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name} is {value!r}.", "It is one positive integer, or two.") from error
    if vertical < 1 or horizontal < 1:
        raise UserError(f"{name} is {value!r}.", "It is at least 1 in both directions.")
    return vertical, horizontal


def checked_padding(padding: str) -> str:
    """`padding` in small letters.

    Raises:
        UserError: it is neither "valid" nor "same".
    """
    if str(padding).lower() not in PADDINGS:
        raise UserError(f"Padding is {padding!r}.", "It is 'valid' (none) or 'same' (zeros around the image).")
    return str(padding).lower()


def outputs(length, kernel: int, stride: int, padding: str):
    """How many outputs a convolution has along one axis: ⌈length / stride⌉ with "same" padding, otherwise as many as
    whole kernels fit in.

    Args:
        length: inputs along the axis, an integer or a tensor.
        kernel: side of the kernel.
        stride: inputs from one output's to the next.
        padding: "valid" or "same".
    """
    return -(-length // stride) if padding == "same" else (length - kernel) // stride + 1


def zeros_before(length: int, kernel: int, stride: int, padding: str) -> int:
    """How many zeros TensorFlow puts in front of the inputs; where the number is odd, one more goes behind them."""
    if padding == "valid":
        return 0
    return max((outputs(length, kernel, stride, padding) - 1) * stride + kernel - length, 0) // 2


def positions_read(length: int, kernel: int, stride: int, padding: str) -> np.ndarray:
    """The inputs that every output reads, along one axis.

    Returns:
        int64 (outputs, kernel); a position below 0 or from `length` on lies in the padding.

    Raises:
        UserError: the kernel does not fit in once.
    """
    count = outputs(length, kernel, stride, padding)
    if count < 1:
        raise UserError(
            f"A kernel of {kernel} does not fit into {length} pixels without padding.",
            "Take a larger image, a smaller kernel, or padding='same'.",
        )
    first = np.arange(count) * stride - zeros_before(length, kernel, stride, padding)
    return first[:, None] + np.arange(kernel)
