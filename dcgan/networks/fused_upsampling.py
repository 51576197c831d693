"""Enlarging and convolving as one transposed convolution.

Every pixel becomes a block of four, and a convolution of stride 1 follows: each pixel then lays down the convolution's
kernel four times, one pixel apart. The sum of the four is the kernel of a transposed convolution of stride 2 that gives
the same, with 36 products a pixel and pair of maps where the convolution of the enlarged maps has 100 (5x5 kernels).
Karras et al. 2018 ("Progressive Growing of GANs for Improved Quality, Stability, and Variation") have it in their code.

Training learns the convolution's kernel; a generator that is drawn from, or saved, has the sum as its own.
"""

import keras


class FusedUpsampling2D(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` of stride 2, whose kernel is `fuse_kernel` from the smaller, odd one that it learns.

    Its weight `kernel` is float32 (k, k, filters, C), in the order of a transposed convolution: the enlarged maps are
    convolved with it turned by 180°.
    """

    def call(self, inputs):
        return self.lay_down(inputs, fuse_kernel(self.kernel))

    def lay_down(self, inputs, kernel):
        """The transposed convolution itself, of maps (N, H, W, C) with a kernel (k + 1, k + 1, filters, C)."""
        return keras.ops.conv_transpose(inputs, kernel, strides=2, padding="same")

    def compute_output_spec(self, inputs) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)


def fuse_kernel(kernel):
    """The sum of a kernel's four copies, on the pixels of a block: (k, k, …) to (k + 1, k + 1, …)."""
    kernel = keras.ops.pad(kernel, [(1, 1), (1, 1), *[(0, 0)] * (len(kernel.shape) - 2)])
    rows = kernel[1:] + kernel[:-1]
    return rows[:, 1:] + rows[:, :-1]


def to_inference_kernel(weight, shape: tuple[int, ...]):
    """A weight of a trained network as one that is drawn from takes it, whose variable has this shape: `fuse_kernel` where
    that is a kernel larger by one, otherwise as it is."""
    learnt = len(shape) == 4 and tuple(weight.shape) == (shape[0] - 1, shape[1] - 1, *shape[2:])
    return fuse_kernel(weight) if learnt else weight
