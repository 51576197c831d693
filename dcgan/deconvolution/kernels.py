"""Fixed kernels with which a transposed convolution computes other methods of upsampling.

Each is float32 (kh, kw, out, in), the axes of `tf.nn.conv2d_transpose` and `keras.layers.Conv2DTranspose`, for a stride
equal to its factor and "same" padding. `dcgan.deconvolution.upsample` applies them, and a layer can be initialized with
them (`layer.kernel.assign(bilinear_kernel(2, 64))`). In a transposed convolution of stride s each input pixel adds a
weighted copy of the kernel to the output, s output pixels apart; the kernels below are meant to be read that way.
"""

from collections.abc import Sequence

import numpy as np

from dcgan.deconvolution.arithmetic import pair

Factor = int | Sequence[int]
"""Output pixels per input pixel: one number, or (vertical, horizontal)."""


def nearest_kernel(factor: Factor, channels: int) -> np.ndarray:
    """Return the kernel of nearest-neighbor upsampling: each pixel fills a block of its own, and blocks don't overlap.

    Args:
        factor: size of the block.
        channels: channels of the image; they do not mix.

    Returns:
        Ones on the diagonal of the channels, (factor, factor, channels, channels).

    Raises:
        UserError: a number is not positive.
    """
    return _per_channel(np.ones(pair(factor, "The factor")), channels)


def zero_insertion_kernel(factor: Factor, channels: int) -> np.ndarray:
    """Return the kernel of zero insertion ("bed of nails"): each pixel moves to the upper left of a block of zeros.

    A transposed convolution is zero insertion followed by an ordinary convolution of stride 1 (Dumoulin and Visin 2016,
    section 4.5).

    Args:
        factor: size of the block.
        channels: channels of the image; they do not mix.

    Returns:
        (factor, factor, channels, channels).

    Raises:
        UserError: a number is not positive.
    """
    block = np.zeros(pair(factor, "The factor"))
    block[0, 0] = 1
    return _per_channel(block, channels)


def bilinear_kernel(factor: Factor, channels: int) -> np.ndarray:
    """Return the kernel of bilinear upsampling: each pixel becomes a tent that falls to 0 at its neighbors.

    FCN's upsampling layers are initialized with this filter (Long, Shelhamer and Darrell 2015, section 3.3). The result
    equals `tf.image.resize(…, "bilinear")` except in the outermost ⌊factor / 2⌋ rows and columns: there it fades to 0,
    since there is no input beyond the border, where resizing repeats the outermost pixel.

    Args:
        factor: size of the output divided by that of the input.
        channels: channels of the image; they do not mix.

    Returns:
        (k, k, channels, channels), k = 2·factor for an even factor, whose tent has its peak between two pixels, and
        2·factor − 1 for an odd one.

    Raises:
        UserError: a number is not positive.
    """
    vertical, horizontal = (_tent(steps) for steps in pair(factor, "The factor"))
    return _per_channel(np.outer(vertical, horizontal), channels)


def subpixel_kernel(factor: Factor, channels: int) -> np.ndarray:
    """Return the kernel of the sub-pixel layer's rearrangement: the channels of a pixel become the pixels of a block.

    Channel `(row · factor + column) · channels + c` becomes channel c at (row, column) of the block, as in
    `tf.nn.depth_to_space` (Shi et al. 2016, equation 4, up to the order of the channels). With a learned convolution
    before it, this is a transposed convolution with a learned kernel (Shi et al. 2016, "Is the deconvolution layer the
    same as a convolutional layer?").

    Args:
        factor: size of the block.
        channels: channels of the result.

    Returns:
        (factor, factor, channels, factor²·channels).

    Raises:
        UserError: a number is not positive.
    """
    rows, columns = pair(factor, "The factor")
    channels, _ = pair(channels, "The number of channels")
    inputs = rows * columns * channels
    return np.eye(inputs, dtype=np.float32).reshape(rows, columns, channels, inputs)


def _tent(factor: int) -> np.ndarray:
    """One axis of the bilinear filter."""
    size = 2 * factor - factor % 2
    return 1 - np.abs(np.arange(size) - (size - 1) / 2) / factor


def _per_channel(block: np.ndarray, channels: int) -> np.ndarray:
    """A kernel that applies `block` to each channel and does not mix them."""
    channels, _ = pair(channels, "The number of channels")
    return (block[:, :, None, None] * np.eye(channels)).astype(np.float32)
