"""Fixed kernels with which a transposed convolution does what the other ways of upsampling do.

Each is float32 (kh, kw, out, in), the order of `tf.nn.conv2d_transpose` and `keras.layers.Conv2DTranspose`, and is
meant for a stride that equals its factor and for "same" padding: `dcgan.deconvolution.upsample` does that, and a layer
can start from it before it is trained (`layer.kernel.assign(bilinear_kernel(2, 64))`). A transposed convolution of
stride s lays a copy of its kernel, weighted by the input pixel, at every s-th output pixel, and sums what overlaps:
read the kernels below that way.
"""

from collections.abc import Sequence

import numpy as np

from dcgan.deconvolution.arithmetic import pair

Factor = int | Sequence[int]
"""Output pixels an input pixel: one number, or (vertical, horizontal)."""


def nearest_kernel(factor: Factor, channels: int) -> np.ndarray:
    """Nearest-neighbour unsampling: each pixel becomes a block of its own value, and no two blocks overlap.

    Args:
        factor: side of the block.
        channels: of the image; each keeps to itself.

    Returns:
        Ones on the diagonal of the channels, (factor, factor, channels, channels).

    Raises:
        UserError: a number is not positive.
    """
    return _each_channel(np.ones(pair(factor, "The factor")), channels)


def zero_insertion_kernel(factor: Factor, channels: int) -> np.ndarray:
    """A bed of nails: each pixel stays at the upper left of a block that is 0 elsewhere.

    A transposed convolution is this one and then an ordinary convolution of stride 1 (Dumoulin and Visin 2016,
    section 4.5).

    Args:
        factor: side of the block.
        channels: of the image; each keeps to itself.

    Returns:
        (factor, factor, channels, channels).

    Raises:
        UserError: a number is not positive.
    """
    block = np.zeros(pair(factor, "The factor"))
    block[0, 0] = 1
    return _each_channel(block, channels)


def bilinear_kernel(factor: Factor, channels: int) -> np.ndarray:
    """Bilinear upsampling: each pixel becomes a tent that falls to 0 at its neighbours, and the tents sum up.

    This is the filter that FCN's upsampling layers start from (Long, Shelhamer and Darrell 2015, section 3.3). The
    result is what `tf.image.resize(…, "bilinear")` gives, but for the outermost ⌊factor / 2⌋ rows and columns: there it
    fades, since nothing lies beyond the border, where resizing repeats the outermost pixel.

    Args:
        factor: how many times larger the image becomes.
        channels: of the image; each keeps to itself.

    Returns:
        (k, k, channels, channels), k = 2·factor for an even factor and 2·factor − 1 for an odd one: a tent has its
        top between two pixels or on one.

    Raises:
        UserError: a number is not positive.
    """
    vertical, horizontal = (_tent(steps) for steps in pair(factor, "The factor"))
    return _each_channel(np.outer(vertical, horizontal), channels)


def subpixel_kernel(factor: Factor, channels: int) -> np.ndarray:
    """The sub-pixel layer's last step: the channels of one pixel become the pixels of a block.

    Channel `(row · factor + column) · channels + c` lands at (row, column) of the block, in channel c, which is
    `tf.nn.depth_to_space` (Shi et al. 2016, equation 4, up to the order of the channels). A learned convolution before
    it makes this a transposed convolution with a learned kernel (Shi et al. 2016, "Is the deconvolution layer the same
    as a convolutional layer?").

    Args:
        factor: side of the block.
        channels: of the result.

    Returns:
        (factor, factor, channels, factor²·channels).

    Raises:
        UserError: a number is not positive.
    """
    rows, columns = pair(factor, "The factor")
    channels, _ = pair(channels, "The number of channels")
    places = rows * columns * channels
    return np.eye(places, dtype=np.float32).reshape(rows, columns, channels, places)


def _tent(factor: int) -> np.ndarray:
    """One axis of the bilinear filter."""
    side = 2 * factor - factor % 2
    return 1 - np.abs(np.arange(side) - (side - 1) / 2) / factor


def _each_channel(block: np.ndarray, channels: int) -> np.ndarray:
    """`block` from every channel to itself, and nothing between two."""
    channels, _ = pair(channels, "The number of channels")
    return (block[:, :, None, None] * np.eye(channels)).astype(np.float32)
