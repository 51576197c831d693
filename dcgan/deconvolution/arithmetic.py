"""Which input positions an output of a convolution reads: TensorFlow's rules, one axis at a time."""

import operator
from collections.abc import Sequence

import numpy as np

from dcgan.core.errors import UserError

PADDINGS = ("valid", "same")

Padding = str | int
"""Along one axis: one of `PADDINGS`, or how many zeros stand before the inputs and as many behind them."""


def pair(value: int | Sequence[int], name: str, least: int = 1) -> tuple[int, int]:
    """A number for both axes, or one for each, as (vertical, horizontal).

    Args:
        value: an integer, or two.
        name: what it is called in the message.
        least: that it has to be.

    Raises:
        UserError: it is neither.
    """
    try:
        values = (value,) * 2 if np.ndim(value) == 0 else tuple(value)
        vertical, horizontal = map(operator.index, values)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name} is {value!r}.", f"It is one integer, or two, of at least {least}.") from error
    if min(vertical, horizontal) < least:
        raise UserError(f"{name} is {value!r}.", f"It is at least {least} in both directions.")
    return vertical, horizontal


def checked_padding(padding: str) -> str:
    """`padding` in small letters.

    Raises:
        UserError: it is neither "valid" nor "same".
    """
    if str(padding).lower() not in PADDINGS:
        raise UserError(f"Padding is {padding!r}.", "It is 'valid' (none) or 'same' (zeros around the image).")
    return str(padding).lower()


def paddings(padding: str | int | Sequence[int], kernel: tuple[int, int]) -> tuple[Padding, Padding]:
    """A convolution's padding along both axes, (vertical, horizontal).

    Args:
        padding: "valid", "same", or how many zeros stand on every side of the image, one number or (vertical,
            horizontal).
        kernel: its sides.

    Raises:
        UserError: it is none of these, or so many zeros that an output would see nothing else.
    """
    if isinstance(padding, str) or padding is None:
        return (checked_padding(padding),) * 2
    vertical, horizontal = pair(padding, "Padding", least=0)
    if vertical >= kernel[0] or horizontal >= kernel[1]:
        raise UserError(
            f"Padding is {padding!r}, and the kernel has {kernel[0]}x{kernel[1]} weights.",
            "Less than the kernel's side leaves an input for every output.",
        )
    return vertical, horizontal


def outputs(length, kernel: int, stride: int, padding: Padding):
    """How many outputs a convolution has along one axis: ⌈length / stride⌉ with "same" padding, otherwise as many as
    whole kernels fit in.

    Args:
        length: inputs along the axis, an integer or a tensor.
        kernel: side of the kernel.
        stride: inputs from one output's to the next.
        padding: "valid", "same", or the number of zeros on either side.
    """
    if padding == "same":
        return -(-length // stride)
    zeros = 0 if padding == "valid" else 2 * padding
    return (length + zeros - kernel) // stride + 1


def zeros_before(length: int, kernel: int, stride: int, padding: Padding) -> int:
    """How many zeros stand in front of the inputs. With "same" padding, where the number of all is odd, TensorFlow puts
    one more behind them."""
    if padding != "same":
        return 0 if padding == "valid" else padding
    return max((outputs(length, kernel, stride, padding) - 1) * stride + kernel - length, 0) // 2


def positions_read(length: int, kernel: int, stride: int, padding: Padding) -> np.ndarray:
    """The inputs that every output reads, along one axis.

    Returns:
        int64 (outputs, kernel); a position below 0 or from `length` on lies in the padding.

    Raises:
        UserError: the kernel does not fit in once.
    """
    count = outputs(length, kernel, stride, padding)
    if count < 1:
        raise UserError(
            f"A kernel of {kernel} does not fit into {length} pixels with padding {padding!r}.",
            "Take a larger image, a smaller kernel, or padding='same'.",
        )
    first = np.arange(count) * stride - zeros_before(length, kernel, stride, padding)
    return first[:, None] + np.arange(kernel)
