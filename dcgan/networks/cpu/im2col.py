"""Stride-2 convolutions as one product with all patches: for images of few channels.

Where an image has 1 or 3 channels a patch of 4×4 pixels is so short that writing all of them out costs little, and one
matrix product with the kernel is faster than a convolution's loops. The transposed convolution is the adjoint: a
product that draws a patch for every input, and a sum where patches overlap.
"""

import tensorflow as tf

from dcgan.core.sizes import Size
from dcgan.networks.cpu.xla import first_order_only, stop_gradients, xla_compiled


@tf.custom_gradient
def convolution(images: tf.Tensor, kernel: tf.Tensor):
    """`tf.nn.conv2d(images, kernel, 2, "SAME")`, to rounding.

    Args:
        images: float32 (N, H, W, C), H and W even, all sizes known.
        kernel: float32 (4, 4, C, O).

    Returns:
        float32 (N, H/2, W/2, O).
    """
    images, kernel = stop_gradients(images, kernel)
    _, height, width, _ = images.shape
    patches, taps = extract_patches(images), _as_matrix(kernel)

    def gradient(upstream: tf.Tensor):
        flat = tf.reshape(upstream, (-1, upstream.shape[-1]))
        towards_images = sum_patches(tf.matmul(flat, taps, transpose_b=True), (height, width))
        return towards_images, _as_kernel(tf.matmul(patches, flat, transpose_a=True))

    return tf.reshape(tf.matmul(patches, taps), (-1, height // 2, width // 2, kernel.shape[-1])), first_order_only(
        gradient
    )


@tf.custom_gradient
def convolution_transpose(images: tf.Tensor, kernel: tf.Tensor):
    """`tf.nn.conv2d_transpose(images, kernel, …, 2, "SAME")` to twice the size, to rounding.

    Args:
        images: float32 (N, H, W, C), all sizes known.
        kernel: float32 (4, 4, O, C).

    Returns:
        float32 (N, 2H, 2W, O).
    """
    images, kernel = stop_gradients(images, kernel)
    _, height, width, channels = images.shape
    flat, taps = tf.reshape(images, (-1, channels)), _as_matrix(kernel)

    def gradient(upstream: tf.Tensor):
        patches = extract_patches(upstream)
        towards_images = tf.reshape(tf.matmul(patches, taps), (-1, height, width, channels))
        return towards_images, _as_kernel(tf.matmul(patches, flat, transpose_a=True))

    return sum_patches(tf.matmul(flat, taps, transpose_b=True), (2 * height, 2 * width)), first_order_only(gradient)


@xla_compiled
def extract_patches(images: tf.Tensor) -> tf.Tensor:
    """Cut out the 4×4 patch under every output: (N, H, W, C) → (N·H/2·W/2, 16·C), in cells of 2×2 pixels."""
    _, height, width, channels = images.shape
    cells = tf.nn.space_to_depth(tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]]), 2)
    corners = [cells[:, i : i + height // 2, j : j + width // 2] for i in range(2) for j in range(2)]
    return tf.reshape(tf.concat(corners, axis=-1), (-1, 16 * channels))


@xla_compiled
def sum_patches(patches: tf.Tensor, size: Size) -> tf.Tensor:
    """The adjoint of `extract_patches`: (N·H/2·W/2, 16·C) → (N, *size, C), summed where patches overlap."""
    height, width = size
    corners = tf.split(tf.reshape(patches, (-1, height // 2, width // 2, patches.shape[-1])), 4, axis=-1)
    padded = [
        tf.pad(corner, [[0, 0], [i, 1 - i], [j, 1 - j], [0, 0]])
        for corner, (i, j) in zip(corners, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True)
    ]
    return tf.nn.depth_to_space(tf.add_n(padded), 2)[:, 1:-1, 1:-1]


def _as_matrix(kernel: tf.Tensor) -> tf.Tensor:
    """(4, 4, C, O) → (16·C, O), in the order of `extract_patches`: cell row and column, pixel row and column, channel."""
    _, _, inputs, outputs = kernel.shape
    taps = tf.reshape(kernel, (2, 2, 2, 2, inputs, outputs))
    return tf.reshape(tf.transpose(taps, (0, 2, 1, 3, 4, 5)), (16 * inputs, outputs))


def _as_kernel(matrix: tf.Tensor) -> tf.Tensor:
    """The way back from `_as_matrix`."""
    rows, outputs = matrix.shape
    taps = tf.reshape(matrix, (2, 2, 2, 2, rows // 16, outputs))
    return tf.reshape(tf.transpose(taps, (0, 2, 1, 3, 4, 5)), (4, 4, rows // 16, outputs))
