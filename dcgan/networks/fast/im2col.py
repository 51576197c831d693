"""Stride-2 convolutions as matrix products over all patches (im2col).

Cut into cells of 2×2 pixels, an image makes a convolution of stride 2 one of stride 1 over cells, so a patch is a few
whole cells side by side. One matrix product of all patches with the kernel is the convolution. The transposed
convolution is the adjoint, in either of two ways: a matrix product gives one patch per input pixel and overlapping
patches are summed, or the input's patches are multiplied and each product is a cell of the output. The first writes
kernel² · (channels of the image) numbers per input pixel, the second (kernel / 2)² · (channels of the input); the one
with fewer is taken.

On a GPU, matrix products are what runs fastest and they have no order of summation that changes from run to run. On a
CPU, they beat a convolution's loops where an image has few channels.
"""

import tensorflow as tf

from dcgan.core.devices import visible_gpus
from dcgan.core.sizes import Size
from dcgan.networks.fast.xla import Gradient, first_order_gradient, materialized, static_shape, xla_compiled


@first_order_gradient
def convolution(images: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """Compute `tf.nn.conv2d(images, kernel, 2, "SAME")`, up to rounding.

    Args:
        images: (N, H, W, C), H and W even, all sizes but N known; any floating-point type.
        kernel: (k, k, C, O) with k at least 2, of the same type.

    Returns:
        (N, H/2, W/2, O), of the same type.
    """
    _, height, width, _ = static_shape(images)
    size, _, _, outputs = static_shape(kernel)
    patches, matrix = extract_patches(images, size), _kernel_to_matrix(kernel)

    def gradient(upstream: tf.Tensor):
        return _adjoint(upstream, matrix, size), _kernel_gradient(patches, upstream, size)

    return tf.reshape(tf.matmul(patches, matrix), (-1, height // 2, width // 2, outputs)), gradient


@first_order_gradient
def convolution_transpose(images: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """Compute `tf.nn.conv2d_transpose(images, kernel, …, 2, "SAME")` to twice the size, up to rounding.

    Args:
        images: (N, H, W, C), all sizes but N known; any floating-point type.
        kernel: (k, k, O, C) with k at least 2, of the same type.

    Returns:
        (N, 2H, 2W, O), of the same type.
    """
    _, height, width, channels = static_shape(images)
    size, matrix = static_shape(kernel)[0], _kernel_to_matrix(kernel)

    def gradient(upstream: tf.Tensor):
        patches = extract_patches(upstream, size)
        images_gradient = tf.reshape(tf.matmul(patches, matrix), (-1, height, width, channels))
        return images_gradient, _kernel_gradient(patches, images, size)

    return _adjoint(images, matrix, size), gradient


@xla_compiled
def extract_patches(images: tf.Tensor, size: int) -> tf.Tensor:
    """Return the patch that each output reads.

    Args:
        images: (N, H, W, C), H and W even.
        size: height and width of the kernel in pixels, k; a patch has that of `_cells(k)` cells.

    Returns:
        (N·H/2·W/2, (2·cells)²·C), each row in cells of 2×2 pixels.
    """
    cells, border = _cells(size), _cells(size) - 1
    padded = tf.pad(materialized(images), [[0, 0], [border, border], [border, border], [0, 0]])
    return _windows(tf.nn.space_to_depth(padded, 2), cells)


def _kernel_gradient(patches: tf.Tensor, maps: tf.Tensor, size: int) -> tf.Tensor:
    """Return the gradient of a kernel (k, k, ·, C): a sum over all pixels of all images.

    On a GPU, XLA may divide this sum into 2, 4, … 512 parts and find the pixels of a part from (N, H, W) within the
    same kernel. TensorFlow 2.21 stops with an `InternalError` ("Failed to compute symbolic tile") where a part is not a
    whole number of rows, as for 64 images of 14x14 pixels in 256 parts (openxla/xla#36792). So, where there is a GPU,
    the pixels are stored as rows of a matrix first, unless all sides are powers of two.

    Args:
        patches: (N·H·W, (2·cells)²·…), as `extract_patches` returns them.
        maps: (N, H, W, C).
        size: height and width of the kernel in pixels, k.
    """
    *pixels, channels = static_shape(maps)
    rows = tf.reshape(maps, (-1, channels))
    if visible_gpus() and not all(side is not None and _is_power_of_two(side) for side in pixels):
        patches, rows = materialized(patches), materialized(rows)
    return _matrix_to_kernel(tf.matmul(patches, rows, transpose_a=True), size)


def _is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0


def _adjoint(images: tf.Tensor, matrix: tf.Tensor, size: int) -> tf.Tensor:
    """Return the transposed convolution of stride 2, (N, 2H, 2W, O).

    Args:
        images: (N, H, W, C).
        matrix: the kernel as `_kernel_to_matrix` returns it, ((2·cells)²·O, C).
        size: height and width of the kernel in pixels.
    """
    _, height, width, channels = static_shape(images)
    outputs = static_shape(matrix)[0] // (2 * _cells(size)) ** 2
    if 4 * outputs < channels:
        rows = tf.reshape(images, (-1, channels))
        return sum_patches(tf.matmul(rows, matrix, transpose_b=True), (2 * height, 2 * width), size)
    patches, weights = _surrounding_patches(images, size), _adjoint_matrix(matrix, size)
    return _join_cells(tf.matmul(patches, weights), (2 * height, 2 * width), size)


@xla_compiled
def sum_patches(patches: tf.Tensor, output_size: Size, size: int) -> tf.Tensor:
    """Sum patches where they overlap, the adjoint of `extract_patches`.

    Args:
        patches: (N·H/2·W/2, (2·cells)²·C).
        output_size: (H, W).
        size: height and width of the kernel in pixels.

    Returns:
        (N, H, W, C).
    """
    (height, width), cells = output_size, _cells(size)
    parts = tf.split(tf.reshape(patches, (-1, height // 2, width // 2, patches.shape[-1])), cells * cells, axis=-1)
    shifts = ((i, j) for i in range(cells) for j in range(cells))
    padded = [
        tf.pad(part, [[0, 0], [i, cells - 1 - i], [j, cells - 1 - j], [0, 0]])
        for part, (i, j) in zip(parts, shifts, strict=True)
    ]
    return _crop(tf.nn.depth_to_space(tf.add_n(padded), 2), size)


@xla_compiled
def _surrounding_patches(images: tf.Tensor, size: int) -> tf.Tensor:
    """Return the pixels that contribute to each cell of the transposed convolution's output.

    (N, H, W, C) to (N·(H + cells - 1)·(W + cells - 1), cells²·C).
    """
    cells, border = _cells(size), _cells(size) - 1
    return _windows(tf.pad(materialized(images), [[0, 0], [border, border], [border, border], [0, 0]]), cells)


@xla_compiled
def _adjoint_matrix(matrix: tf.Tensor, size: int) -> tf.Tensor:
    """Reorder a kernel's matrix ((2·cells)²·O, C) for `_surrounding_patches`: (cells²·C, 4·O)."""
    cells, channels = _cells(size), static_shape(matrix)[-1]
    by_cell = tf.reverse(tf.reshape(matrix, (cells * cells, -1, channels)), axis=[0])
    return tf.reshape(tf.transpose(by_cell, (0, 2, 1)), (cells * cells * channels, -1))


@xla_compiled
def _join_cells(rows: tf.Tensor, output_size: Size, size: int) -> tf.Tensor:
    """Put cells (N·(H/2 + cells - 1)·(W/2 + cells - 1), 4·C) together as an image, cropped to (N, H, W, C)."""
    border = _cells(size) - 1
    height, width = (side // 2 + border for side in output_size)
    return _crop(tf.nn.depth_to_space(tf.reshape(rows, (-1, height, width, rows.shape[-1])), 2), size)


def _windows(grid: tf.Tensor, side: int) -> tf.Tensor:
    """Return every window of side × side entries of a grid (N, H, W, C), as the rows of a matrix."""
    _, *size, channels = static_shape(grid)
    height, width = (pixels - side + 1 for pixels in size)
    parts = [grid[:, i : i + height, j : j + width] for i in range(side) for j in range(side)]
    return tf.reshape(tf.concat(parts, axis=-1), (-1, side * side * channels))


def _crop(images: tf.Tensor, size: int) -> tf.Tensor:
    """Remove the border that the kernel reaches beyond an image."""
    border, (_, height, width, _) = _cells(size) - 1, static_shape(images)
    return images[:, border : height - border, border : width - border]


def _cells(size: int) -> int:
    """Height and width of a patch in cells. A kernel of odd size has a row and a column of zeros before it."""
    return (size + 1) // 2


def _kernel_to_matrix(kernel: tf.Tensor) -> tf.Tensor:
    """(k, k, C, O) → ((2·cells)²·C, O), rows ordered as in `extract_patches`: cell row, cell column, pixel row, pixel
    column, C."""
    size, _, inputs, outputs = static_shape(kernel)
    cells = _cells(size)
    if size % 2:
        kernel = tf.pad(kernel, [[1, 0], [1, 0], [0, 0], [0, 0]])
    taps = tf.reshape(kernel, (cells, 2, cells, 2, inputs, outputs))
    return tf.reshape(tf.transpose(taps, (0, 2, 1, 3, 4, 5)), (4 * cells * cells * inputs, outputs))


def _matrix_to_kernel(matrix: tf.Tensor, size: int) -> tf.Tensor:
    """The inverse of `_kernel_to_matrix`, for a kernel of size k."""
    rows, outputs = static_shape(matrix)
    cells = _cells(size)
    taps = tf.reshape(matrix, (cells, cells, 2, 2, rows // (4 * cells * cells), outputs))
    kernel = tf.reshape(tf.transpose(taps, (0, 2, 1, 3, 4, 5)), (2 * cells, 2 * cells, -1, outputs))
    return kernel[1:, 1:] if size % 2 else kernel
