"""The sparse matrix of a convolution, whose transpose is the matrix of the transposed convolution."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from dcgan.core.errors import UserError
from dcgan.deconvolution.arithmetic import input_positions, padding_per_axis, pair


def convolution_matrix(
    size: Sequence[int],
    kernel: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = "valid",
) -> sparse.csr_array:
    """Return the sparse matrix C of a convolution: y = C x for an image x and its convolution y, both as vectors.

    An image (H, W, channels) becomes a vector in row-major order: pixel (row, column, channel) is entry
    `(row · W + column) · channels + channel`, as in `x.ravel()`. C computes what `tf.nn.conv2d` and
    `keras.layers.Conv2D` compute (cross-correlation: the kernel is not flipped). The same matrix describes three more
    operations (Dumoulin and Visin 2016, sections 4.1 and 4.2):

    - `C.T @ y` is the transposed convolution: `tf.nn.conv2d_transpose` with the same kernel, strides and padding, or
      `keras.layers.Conv2DTranspose`, whose kernel (kh, kw, out, in) is the convolution's (kh, kw, in, out) unchanged:
      the convolution's input channels are the transposed convolution's output channels.
    - Backpropagation through the convolution multiplies a gradient by `C.T`; backpropagation through the transposed
      convolution, by `C`.

    For example, C of a 3×3 kernel and a 4×4 image is 4×16 with 9 entries per row.

    Args:
        size: (H, W) of the convolution's input, in pixels.
        kernel: real numbers, (kh, kw) for one channel, or (kh, kw, in, out).
        strides: pixels between outputs, one number or (vertical, horizontal).
        padding: "valid"; "same" by TensorFlow's rule: ⌈side / stride⌉ outputs, and an odd zero goes at the end; or the
            number of zeros on every side, as in PyTorch, one number or (vertical, horizontal).

    Returns:
        A matrix (H'·W'·out, H·W·in) in CSR format with sorted columns; float32 for a float32 kernel, otherwise float64.
        Its sparsity pattern depends on sizes, strides and padding alone: weights that are 0 are stored, too.

    Raises:
        UserError: the kernel has another shape or type, a number is not positive, the padding is unknown or as large
            as the kernel, or the kernel does not fit into the image.
    """
    kernel, size, strides = _checked_kernel(kernel), pair(size, "The image size"), pair(strides, "The stride")
    kernel_size = kernel.shape[0], kernel.shape[1]
    axes = zip(size, kernel_size, strides, padding_per_axis(padding, kernel_size), strict=True)
    positions = [input_positions(*axis) for axis in axes]
    columns, inside = _columns(positions, size, kernel.shape[2])
    # Axes from here on: output row, output column, output channel, kernel row, kernel column, input channel.
    axes_lengths = (len(positions[0]), len(positions[1]), kernel.shape[3], *kernel.shape[:3])
    columns, inside, weights = (
        np.broadcast_to(array, axes_lengths) for array in (columns, inside, kernel.transpose(3, 0, 1, 2))
    )
    starts = np.concatenate([[0], np.cumsum(inside.sum(axis=(3, 4, 5)))])
    shape = (len(starts) - 1, size[0] * size[1] * kernel.shape[2])
    index = sparse.get_index_dtype(maxval=max(starts[-1], *shape))
    columns, starts = columns[inside].astype(index, copy=False), starts.astype(index, copy=False)
    return sparse.csr_array((weights[inside], columns, starts), shape=shape)


def _columns(positions: list[np.ndarray], size: tuple[int, int], channels: int) -> tuple[np.ndarray, np.ndarray]:
    """The column of C of every product, and whether it has one: padding has no column."""
    rows, columns = positions[0][:, None, None, :, None, None], positions[1][None, :, None, None, :, None]
    inside = (rows >= 0) & (rows < size[0]) & (columns >= 0) & (columns < size[1])
    return (rows * size[1] + columns) * channels + np.arange(channels), inside


def _checked_kernel(kernel: ArrayLike) -> np.ndarray:
    """The kernel as (kh, kw, in, out)."""
    try:
        kernel = np.asarray(kernel)
        kernel = kernel if kernel.dtype == np.float32 else kernel.astype(np.float64, casting="same_kind")
    except (TypeError, ValueError) as error:
        raise UserError("The kernel is not an array of real numbers.") from error
    if kernel.ndim not in (2, 4) or not kernel.size:
        raise UserError(
            f"The kernel has the shape {kernel.shape}.", "Use (kh, kw) or (kh, kw, in, out) with positive numbers."
        )
    return kernel if kernel.ndim == 4 else kernel[:, :, None, None]
