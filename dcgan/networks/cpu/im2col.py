"""Stride-2 convolutions as one matrix product over all patches (im2col), for images with few channels.

With 1 or 3 channels a patch of 4×4 pixels is so short that writing out all patches costs little, and one matrix product
with the kernel is faster than a convolution's loops. The transposed convolution is the adjoint: a matrix product gives
one patch per input pixel, and overlapping patches are summed.
"""

import tensorflow as tf

from dcgan.core.sizes import Size
from dcgan.networks.cpu.xla import Gradient, first_order_gradient, static_shape, xla_compiled


@first_order_gradient
def convolution(images: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """Compute `tf.nn.conv2d(images, kernel, 2, "SAME")`, up to rounding.

    Args:
        images: float32 (N, H, W, C), H and W even, all sizes but N known.
        kernel: float32 (4, 4, C, O).

    Returns:
        float32 (N, H/2, W/2, O).
    """
    _, height, width, _ = static_shape(images)
    outputs = static_shape(kernel)[-1]
    patches, matrix = extract_patches(images), _kernel_to_matrix(kernel)

    def gradient(upstream: tf.Tensor):
        rows = tf.reshape(upstream, (-1, outputs))
        images_gradient = sum_patches(tf.matmul(rows, matrix, transpose_b=True), (height, width))
        return images_gradient, _matrix_to_kernel(tf.matmul(patches, rows, transpose_a=True))

    return tf.reshape(tf.matmul(patches, matrix), (-1, height // 2, width // 2, outputs)), gradient


@first_order_gradient
def convolution_transpose(images: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """Compute `tf.nn.conv2d_transpose(images, kernel, …, 2, "SAME")` to twice the size, up to rounding.

    Args:
        images: float32 (N, H, W, C), all sizes but N known.
        kernel: float32 (4, 4, O, C).

    Returns:
        float32 (N, 2H, 2W, O).
    """
    _, height, width, channels = static_shape(images)
    rows, matrix = tf.reshape(images, (-1, channels)), _kernel_to_matrix(kernel)

    def gradient(upstream: tf.Tensor):
        patches = extract_patches(upstream)
        images_gradient = tf.reshape(tf.matmul(patches, matrix), (-1, height, width, channels))
        return images_gradient, _matrix_to_kernel(tf.matmul(patches, rows, transpose_a=True))

    return sum_patches(tf.matmul(rows, matrix, transpose_b=True), (2 * height, 2 * width)), gradient


@xla_compiled
def extract_patches(images: tf.Tensor) -> tf.Tensor:
    """Return the 4×4 patch that each output reads.

    Args:
        images: (N, H, W, C), H and W even.

    Returns:
        (N·H/2·W/2, 16·C), each row in cells of 2×2 pixels.
    """
    _, height, width, channels = static_shape(images)
    cells = tf.nn.space_to_depth(tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]]), 2)
    corners = [cells[:, i : i + height // 2, j : j + width // 2] for i in range(2) for j in range(2)]
    return tf.reshape(tf.concat(corners, axis=-1), (-1, 16 * channels))


@xla_compiled
def sum_patches(patches: tf.Tensor, size: Size) -> tf.Tensor:
    """Sum patches where they overlap, the adjoint of `extract_patches`.

    Args:
        patches: (N·H/2·W/2, 16·C).
        size: (H, W).

    Returns:
        (N, H, W, C).
    """
    height, width = size
    corners = tf.split(tf.reshape(patches, (-1, height // 2, width // 2, patches.shape[-1])), 4, axis=-1)
    padded = [
        tf.pad(corner, [[0, 0], [i, 1 - i], [j, 1 - j], [0, 0]])
        for corner, (i, j) in zip(corners, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True)
    ]
    return tf.nn.depth_to_space(tf.add_n(padded), 2)[:, 1:-1, 1:-1]


def _kernel_to_matrix(kernel: tf.Tensor) -> tf.Tensor:
    """(4, 4, C, O) → (16·C, O), rows ordered as in `extract_patches`: cell row, cell column, pixel row, pixel column,
    C."""
    _, _, inputs, outputs = static_shape(kernel)
    taps = tf.reshape(kernel, (2, 2, 2, 2, inputs, outputs))
    return tf.reshape(tf.transpose(taps, (0, 2, 1, 3, 4, 5)), (16 * inputs, outputs))


def _matrix_to_kernel(matrix: tf.Tensor) -> tf.Tensor:
    """The inverse of `_kernel_to_matrix`."""
    rows, outputs = static_shape(matrix)
    taps = tf.reshape(matrix, (2, 2, 2, 2, rows // 16, outputs))
    return tf.reshape(tf.transpose(taps, (0, 2, 1, 3, 4, 5)), (4, 4, rows // 16, outputs))
