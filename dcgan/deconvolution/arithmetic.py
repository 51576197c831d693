"""Convolution arithmetic along one axis: output lengths, padding, and the input positions that each output reads.

All rules are TensorFlow's.
"""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from dcgan.core.errors import UserError

PADDINGS = ("valid", "same")

Padding = str | int
"""Padding along one axis: one of `PADDINGS`, or the number of zeros on either side."""


def pair(value: int | Sequence[int], name: str, minimum: int = 1) -> tuple[int, int]:
    """Convert one number for both axes, or one for each, to (vertical, horizontal).

    Args:
        value: one integer, or a sequence of two.
        name: what the number is, for the error message.
        minimum: smallest valid number.

    Returns:
        Two integers of at least `minimum`.

    Raises:
        UserError: the value is neither one nor two integers, or smaller than `minimum`.
    """
    try:
        values: Any = (value,) * 2 if np.ndim(value) == 0 else tuple(value)  # pyright: ignore[reportArgumentType]
        vertical, horizontal = map(operator.index, values)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name} is {value!r}.", f"Use one integer, or two, of at least {minimum}.") from error
    if min(vertical, horizontal) < minimum:
        raise UserError(f"{name} is {value!r}.", f"Use at least {minimum} in both directions.")
    return vertical, horizontal


def check_padding(padding: Any) -> str:
    """Return the lower-case name of a padding.

    Args:
        padding: "valid" or "same", in any case.

    Returns:
        "valid" or "same".

    Raises:
        UserError: the padding is neither.
    """
    if str(padding).lower() not in PADDINGS:
        raise UserError(f"Padding is {padding!r}.", "Use 'valid' (none) or 'same' (zeros around the image).")
    return str(padding).lower()


def padding_per_axis(padding: str | int | Sequence[int], kernel: tuple[int, int]) -> tuple[Padding, Padding]:
    """Return a convolution's padding along both axes.

    Args:
        padding: "valid", "same", or the number of zeros on every side of the image, one number or (vertical,
            horizontal).
        kernel: (height, width) of the kernel.

    Returns:
        The padding as (vertical, horizontal).

    Raises:
        UserError: the padding is none of these, or at least as large as the kernel, so that outputs would read padding
            alone.
    """
    if isinstance(padding, str) or padding is None:
        name = check_padding(padding)
        return name, name
    vertical, horizontal = pair(padding, "Padding", minimum=0)
    if vertical >= kernel[0] or horizontal >= kernel[1]:
        raise UserError(
            f"Padding is {padding!r}, and the kernel is {kernel[0]}x{kernel[1]}.",
            "Use less padding than the kernel's size, so that every output reads an input.",
        )
    return vertical, horizontal


def output_length(length: Any, kernel: int, stride: int, padding: Padding) -> Any:
    """Return the number of outputs of a convolution along one axis.

    Args:
        length: number of inputs, an integer or an integer tensor.
        kernel: size of the kernel.
        stride: inputs between one output's window and the next.
        padding: "valid", "same", or the number of zeros on either side.

    Returns:
        ⌈length / stride⌉ with "same" padding; otherwise the number of windows that fit, below 1 if there is none.
    """
    if padding == "same":
        return -(-length // stride)
    zeros = 2 * padding if isinstance(padding, int) else 0
    return (length + zeros - kernel) // stride + 1


def padding_before(length: int, kernel: int, stride: int, padding: Padding) -> int:
    """Return the number of zeros before the first input.

    With "same" padding, an odd number of zeros puts the extra one after the last input, as TensorFlow does.

    Args:
        length: number of inputs along the axis.
        kernel: size of the kernel.
        stride: inputs between one output's window and the next.
        padding: "valid", "same", or the number of zeros on either side.

    Returns:
        A number of zeros, at least 0.
    """
    if padding != "same":
        return padding if isinstance(padding, int) else 0
    return max((output_length(length, kernel, stride, padding) - 1) * stride + kernel - length, 0) // 2


def input_positions(length: int, kernel: int, stride: int, padding: Padding) -> np.ndarray:
    """Return the positions of the inputs that each output reads along one axis.

    Args:
        length: number of inputs along the axis.
        kernel: size of the kernel.
        stride: inputs between one output's window and the next.
        padding: "valid", "same", or the number of zeros on either side.

    Returns:
        int64 (outputs, kernel); positions below 0 or of at least `length` are padding.

    Raises:
        UserError: the kernel does not fit into the inputs.
    """
    count = output_length(length, kernel, stride, padding)
    if count < 1:
        raise UserError(
            f"A kernel of {kernel} does not fit into {length} pixels with padding {padding!r}.",
            "Use a larger image, a smaller kernel, or padding='same'.",
        )
    first = np.arange(count) * stride - padding_before(length, kernel, stride, padding)
    return first[:, None] + np.arange(kernel)
