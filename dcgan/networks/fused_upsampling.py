"""Nearest-neighbor upsampling and a convolution, fused into one transposed convolution.

Nearest upsampling by 2 repeats every pixel in a block of 2×2; a convolution of stride 1 follows. The output is then a
sum of copies of the convolution's kernel, weighted by the input pixels, with four copies per pixel, shifted by one
pixel against each other. The sum of these four is the kernel of a transposed convolution of stride 2 that computes the
same function, for a 5×5 kernel with 36 multiplications per pixel and pair of channels in place of 100. The code of
Karras et al. 2018 ("Progressive Growing of GANs for Improved Quality, Stability, and Variation") fuses them, too.

Training learns the convolution's kernel. A generator for inference, which is also what is saved, has the fused kernel
as its weight.
"""

from typing import Any

import keras


class FusedUpsampling2D(keras.layers.Conv2DTranspose):
    """Nearest upsampling by 2 and a convolution, as a transposed convolution of stride 2 with a fused kernel.

    The weight `kernel`, float32 (k, k, filters, C) with k odd, has the axes of a transposed convolution's kernel: the
    convolution of the upsampled maps has this kernel rotated by 180°. `fuse_kernel` maps it to the (k + 1, k + 1,
    filters, C) kernel that is applied.
    """

    def call(self, inputs: Any) -> Any:
        return self.convolve_transposed(inputs, fuse_kernel(self.kernel))

    def convolve_transposed(self, inputs: Any, kernel: Any) -> Any:
        """Apply the transposed convolution of stride 2.

        Args:
            inputs: maps (N, H, W, C).
            kernel: fused kernel (k + 1, k + 1, filters, C).

        Returns:
            Maps (N, 2H, 2W, filters).
        """
        return keras.ops.conv_transpose(inputs, kernel, strides=2, padding="same")

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)


def fuse_kernel(kernel: Any) -> Any:
    """Sum four copies of a kernel, shifted to the pixels of a 2×2 block.

    Args:
        kernel: array or tensor (k, k, …).

    Returns:
        A tensor (k + 1, k + 1, …).
    """
    padded: Any = keras.ops.pad(kernel, [(1, 1), (1, 1), *[(0, 0)] * (len(kernel.shape) - 2)])
    rows = padded[1:] + padded[:-1]
    return rows[:, 1:] + rows[:, :-1]


def to_inference_kernel(weight: Any, shape: tuple[int, ...]) -> Any:
    """Convert a weight of a trained network to the corresponding weight of the network for inference.

    Args:
        weight: array or tensor of the trained network.
        shape: shape of the variable in the network for inference.

    Returns:
        `fuse_kernel(weight)` if the variable is a kernel that is larger by one in height and width; otherwise `weight`.
    """
    is_fused = len(shape) == 4 and tuple(weight.shape) == (shape[0] - 1, shape[1] - 1, *shape[2:])
    return fuse_kernel(weight) if is_fused else weight
