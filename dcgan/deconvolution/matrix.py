"""A convolution as what it is, a matrix; and with it the transposed convolution, whose matrix is the transposed one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from dcgan.core.errors import UserError
from dcgan.deconvolution.arithmetic import paddings, pair, positions_read


def convolution_matrix(
    size: Sequence[int],
    kernel: ArrayLike,
    strides: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = "valid",
) -> sparse.csr_array:
    """The sparse matrix C with y = C x, x an image and y its convolution, both as vectors.

    An image (H, W, channels) becomes a vector in row-major order: pixel (row, column, channel) is its entry
    `(row · W + column) · channels + channel`, what `x.ravel()` gives. C does what `tf.nn.conv2d` and
    `keras.layers.Conv2D` do (they slide the kernel without turning it). The other members of the family follow from
    it, with no further matrix (Dumoulin and Visin 2016, sections 4.1 and 4.2):

    - `C.T @ y` is the transposed convolution: `tf.nn.conv2d_transpose` with the same kernel, strides and padding, or
      `keras.layers.Conv2DTranspose`, whose kernel (kh, kw, out, in) is the convolution's (kh, kw, in, out) unchanged:
      what one calls in, the other calls out.
    - Going backward through the convolution multiplies a gradient by `C.T`; going backward through the transposed
      convolution, by `C`.

    A 3×3 kernel over a 4×4 image, for example, gives a C of 4×16 with 9 entries a row.

    Args:
        size: (H, W) of the convolution's input, in pixels.
        kernel: real numbers, (kh, kw) for one channel, or (kh, kw, in, out).
        strides: pixels from one output to the next, one number or (vertical, horizontal).
        padding: "valid"; "same" by TensorFlow's rule: ⌈side / stride⌉ outputs, and an odd zero goes behind; or how many
            zeros stand on every side, as PyTorch counts them, one number or (vertical, horizontal).

    Returns:
        A matrix (H'·W'·out, H·W·in) in CSR form with sorted columns; float32 for a float32 kernel, otherwise float64.
        Its pattern is the arithmetic's alone: a weight that is 0 has its entries like any other.

    Raises:
        UserError: the kernel is no such array, a number is not positive, the padding is unknown or as large as
            the kernel, or the kernel does not fit into the image.
    """
    kernel, size, strides = _checked(kernel), pair(size, "The image size"), pair(strides, "The stride")
    axes = zip(size, kernel.shape[:2], strides, paddings(padding, kernel.shape[:2]), strict=True)
    reads = [positions_read(*axis) for axis in axes]
    columns, inside = _columns(reads, size, kernel.shape[2])
    # Axes from here on: output row, output column, output channel, kernel row, kernel column, input channel.
    shape = (len(reads[0]), len(reads[1]), kernel.shape[3], *kernel.shape[:3])
    columns, inside, weights = (np.broadcast_to(a, shape) for a in (columns, inside, kernel.transpose(3, 0, 1, 2)))
    starts = np.concatenate([[0], np.cumsum(inside.sum(axis=(3, 4, 5)))])
    whole = (len(starts) - 1, size[0] * size[1] * kernel.shape[2])
    index = sparse.get_index_dtype(maxval=max(starts[-1], *whole))
    columns, starts = columns[inside].astype(index, copy=False), starts.astype(index, copy=False)
    return sparse.csr_array((weights[inside], columns, starts), shape=whole)


def _columns(reads: list[np.ndarray], size: tuple[int, int], channels: int) -> tuple[np.ndarray, np.ndarray]:
    """The column of C each product stands in, and whether there is one: no column stands for padding."""
    rows, columns = reads[0][:, None, None, :, None, None], reads[1][None, :, None, None, :, None]
    inside = (rows >= 0) & (rows < size[0]) & (columns >= 0) & (columns < size[1])
    return (rows * size[1] + columns) * channels + np.arange(channels), inside


def _checked(kernel: ArrayLike) -> np.ndarray:
    """The kernel as (kh, kw, in, out)."""
    try:
        kernel = np.asarray(kernel)
        kernel = kernel if kernel.dtype == np.float32 else kernel.astype(np.float64, casting="same_kind")
    except (TypeError, ValueError) as error:
        raise UserError("The kernel is not an array of real numbers.") from error
    if kernel.ndim not in (2, 4) or not kernel.size:
        raise UserError(
            f"The kernel has the shape {kernel.shape}.", "It is (kh, kw) or (kh, kw, in, out), none of them 0."
        )
    return kernel if kernel.ndim == 4 else kernel[:, :, None, None]
