"""A generator in NumPy alone: this file and an exported `.npz` file are all it takes to generate images."""

import numpy as np


def load(path):
    """Read an exported generator: a dictionary of its weights and sizes, as arrays by name."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def generate(generator, latent, class_one_hot=None):
    """Generate images.

    Args:
        generator: arrays by name, from `load`.
        latent: float32 (N, latent_dim), standard normal.
        class_one_hot: float32 (N, classes), one-hot rows; required if the generator is conditional.

    Returns:
        float32 (N, height, width, channels) in [-1, 1].
    """
    stages = sum(name.endswith("/gamma") for name in generator)
    x = latent @ generator["project/kernel"]
    if generator["classes"]:
        x = x + class_one_hot @ generator["project_class/kernel"]
    x = x.reshape(len(x), *(generator["image_size"] >> stages), -1)
    upsample = UPSAMPLERS[str(generator["upsampling"])]
    for stage in range(stages):
        x = np.maximum(batch_norm(x, generator, f"norm_{stage}"), 0)
        x = upsample(x, generator[f"up_{stage}/kernel"])
    return np.tanh(x)


def batch_norm(x, generator, name):
    """Batch normalization with the moving statistics."""
    gamma, beta, mean, variance = (
        generator[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance + generator["epsilon"])
    return x * scale + (beta - mean * scale)


def convolve(x, kernel):
    """Convolution with stride 1 and zero padding; an even kernel has one more zero after x than before it."""
    count, height, width, size = *x.shape[:3], len(kernel)
    before, after = (size - 1) // 2, size // 2
    padded = np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))
    result = np.zeros((count, height, width, kernel.shape[3]), x.dtype)
    for row in range(size):
        for column in range(size):
            result += padded[:, row : row + height, column : column + width] @ kernel[row, column]
    return result


def transposed(x, kernel):
    """Transposed convolution with stride 2: the sum of copies of the kernel, weighted by the pixels, 2 pixels apart."""
    count, height, width, size = *x.shape[:3], len(kernel)
    padded = np.zeros((count, 2 * height + size - 2, 2 * width + size - 2, kernel.shape[2]), x.dtype)
    for row in range(size):
        for column in range(size):
            padded[:, row : row + 2 * height : 2, column : column + 2 * width : 2] += x @ kernel[row, column].T
    first = (size - 2) // 2
    return padded[:, first : first + 2 * height, first : first + 2 * width]


def bilinear(x, kernel):
    """Bilinear upsampling by 2, with edge pixels repeated at the border, and a convolution."""
    for axis in (1, 2):
        size = x.shape[axis]
        neighbors = (x.take(np.clip(np.arange(size) + step, 0, size - 1), axis) for step in (-1, 1))
        pairs = np.stack([x * np.float32(0.75) + other * np.float32(0.25) for other in neighbors], axis + 1)
        x = pairs.reshape(*x.shape[:axis], 2 * size, *x.shape[axis + 1 :])
    return convolve(x, kernel)


def subpixel(x, kernel):
    """Convolution to four times the feature maps, of which every four become the pixels of a 2x2 block."""
    x = convolve(x, kernel)
    count, height, width, maps = x.shape
    blocks = x.reshape(count, height, width, 2, 2, maps // 4).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(count, 2 * height, 2 * width, maps // 4)


def unpool(x, kernel):
    """Unpooling, which puts every pixel at the lower right of a 2x2 block of zeros, and a convolution."""
    count, height, width, maps = x.shape
    blocks = np.zeros((count, 2 * height, 2 * width, maps), x.dtype)
    blocks[:, 1::2, 1::2] = x
    return convolve(blocks, kernel)


UPSAMPLERS = {
    "transposed": transposed,
    "bilinear": bilinear,
    "subpixel": subpixel,
    "unpool": unpool,
}
"""The functions that double height and width, by the value of `upsampling` in the file."""
