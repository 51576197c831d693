"""A kernel that slides over an image: window positions, weights and matrix of a convolution or transposed convolution.

A transposed convolution is described as an equal convolution, of stride 1 over its input with zeros inserted between
the pixels (Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning", section 4.5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from dcgan.deconvolution.arithmetic import (
    Padding,
    input_positions,
    output_length,
    padding_before,
    padding_per_axis,
    pair,
)
from dcgan.deconvolution.matrix import convolution_matrix


@dataclass(frozen=True, init=False)
class Sliding:
    """The geometry of a convolution or transposed convolution over an image of one channel.

    Args:
        size: (H, W) of the input, one number or two.
        kernel: size of the kernel, one number or (height, width).
        strides: strides of the convolution, one number or (vertical, horizontal).
        padding: "valid", "same", or the number of zeros on every side of the convolution's input, one number or
            (vertical, horizontal).
        transposed: whether it is the transposed convolution; its output then has the size that Keras gives it, or
            PyTorch for a padding in numbers.

    Raises:
        UserError: a number is not positive, the padding is unknown or as large as the kernel, or the kernel does not
            fit into the input.
    """

    size: tuple[int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int]
    padding: str | tuple[int, int]
    transposed: bool

    def __init__(
        self,
        size: int | Sequence[int],
        kernel: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str | int | Sequence[int] = "valid",
        transposed: bool = False,
    ):
        values = {"size": pair(size, "The input's size"), "kernel": pair(kernel, "The kernel")}
        values["strides"] = pair(strides, "The stride")
        vertical, horizontal = padding_per_axis(padding, values["kernel"])
        normalized = vertical if isinstance(vertical, str) else (vertical, horizontal)
        for name, value in {**values, "padding": normalized, "transposed": transposed}.items():
            object.__setattr__(self, name, value)
        if transposed:
            pair([_transposed_length(*axis) for axis in self._arithmetic], "The output's size")
        else:
            for axis in self._arithmetic:
                input_positions(*axis)

    @property
    def _arithmetic(self) -> Iterator[tuple[int, int, int, Padding]]:
        """Length, kernel size, stride and padding of the vertical and of the horizontal axis."""
        return zip(self.size, self.kernel, self.strides, padding_per_axis(self.padding, self.kernel), strict=True)

    @cached_property
    def axes(self) -> tuple["Axis", "Axis"]:
        """The vertical and the horizontal axis."""
        build_axis = _transposed_axis if self.transposed else _convolution_axis
        vertical, horizontal = (build_axis(*axis) for axis in self._arithmetic)
        return vertical, horizontal

    @property
    def output_size(self) -> tuple[int, int]:
        """(H', W') of the output."""
        return len(self.axes[0].starts), len(self.axes[1].starts)

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """C, or Cᵀ if transposed, with outputs as rows and inputs as columns.

        Its entries are the numbers of the kernel's weights, row by row, 1 for the upper left.
        """
        numbers = np.arange(1.0, self.kernel[0] * self.kernel[1] + 1).reshape(self.kernel)
        size = self.output_size if self.transposed else self.size
        matrix = convolution_matrix(size, numbers, self.strides, self.padding)
        return matrix.T.tocsr() if self.transposed else matrix


@dataclass(frozen=True)
class Axis:
    """One axis of the cells that a kernel slides over."""

    length: int
    """Number of cells: inputs, padding and inserted zeros."""
    inputs: np.ndarray
    """The cells that hold an input."""
    starts: np.ndarray
    """The first cell that each output reads."""
    weights: np.ndarray
    """The row, or column, of the kernel that multiplies each cell of the window."""


def _convolution_axis(length: int, kernel: int, stride: int, padding: Padding) -> Axis:
    """One axis of a convolution."""
    count, before = output_length(length, kernel, stride, padding), padding_before(length, kernel, stride, padding)
    after = 0 if isinstance(padding, str) else padding
    cells = max(before + length + after, (count - 1) * stride + kernel)
    return Axis(cells, before + np.arange(length), np.arange(count) * stride, np.arange(kernel))


def _transposed_length(length: int, kernel: int, stride: int, padding: Padding) -> int:
    """The number of outputs of a transposed convolution along one axis."""
    if isinstance(padding, str):
        return length * stride + (max(kernel - stride, 0) if padding == "valid" else 0)
    return (length - 1) * stride + kernel - 2 * padding


def _transposed_axis(length: int, kernel: int, stride: int, padding: Padding) -> Axis:
    """One axis of a transposed convolution.

    Output m is Σ_a u[m + p − a] w[a], where p is the convolution's padding and u the input with stride − 1 zeros
    between its elements. Its window therefore starts at m + p − (kernel − 1) and meets the weights in reverse order.
    """
    count = _transposed_length(length, kernel, stride, padding)
    before = kernel - 1 - padding_before(count, kernel, stride, padding)
    inputs = before + np.arange(length) * stride
    return Axis(count + kernel - 1, inputs, np.arange(count), np.arange(kernel)[::-1])
