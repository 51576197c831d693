"""A generator in NumPy alone: this file and an exported `.npz` are all that drawing needs."""

import numpy as np


def load(path):
    """Read an exported generator: its weights and sizes, arrays by name."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def draw(generator, latent, kind=None):
    """Draw pictures.

    Args:
        generator: what `load` gave.
        latent: float32 (N, latent_dim), standard normal.
        kind: with `classes`, float32 (N, classes): a one-hot row each.

    Returns:
        float32 (N, height, width, channels) in [-1, 1].
    """
    stages = sum(name.endswith("/gamma") for name in generator)
    x = latent @ generator["project/kernel"]
    if generator["classes"]:
        x = x + kind @ generator["project_class/kernel"]
    x = x.reshape(len(x), *(generator["image_size"] >> stages), -1)
    for stage in range(stages):
        x = np.maximum(normalise(x, generator, f"norm_{stage}"), 0)
        x = DOUBLE[str(generator["upsampling"])](x, generator[f"up_{stage}/kernel"])
    return np.tanh(x)


def normalise(x, generator, name):
    """BatchNorm with the statistics that were gathered: every map by its own numbers."""
    gamma, beta, mean, variance = (
        generator[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance + generator["epsilon"])
    return x * scale + (beta - mean * scale)


def convolve(x, kernel):
    """Stride 1; zeros around x, one more behind than before it where the kernel's side is even."""
    height, width, side = *x.shape[1:3], len(kernel)
    before, after = (side - 1) // 2, side // 2
    padded = np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))
    shifts = [(row, column) for row in range(side) for column in range(side)]
    return sum(padded[:, row : row + height, column : column + width] @ kernel[row, column] for row, column in shifts)


def transposed(x, kernel):
    """Every pixel lays down a weighted copy of the kernel, two pixels from its neighbour's; copies add up."""
    count, height, width, side = *x.shape[:3], len(kernel)
    whole = np.zeros((count, 2 * height + side - 2, 2 * width + side - 2, kernel.shape[2]), x.dtype)
    for row in range(side):
        for column in range(side):
            place = whole[:, row : row + 2 * height : 2, column : column + 2 * width : 2]
            place += x @ kernel[row, column].T
    first = (side - 2) // 2
    return whole[:, first : first + 2 * height, first : first + 2 * width]


def bilinear(x, kernel):
    """A quarter of the way from every pixel to each of its neighbours; at the border, the pixel itself."""
    for axis in (1, 2):
        size = x.shape[axis]
        around = (x.take(np.clip(np.arange(size) + step, 0, size - 1), axis) for step in (-1, 1))
        pairs = np.stack([x * np.float32(0.75) + other * np.float32(0.25) for other in around], axis + 1)
        x = pairs.reshape(*x.shape[:axis], 2 * size, *x.shape[axis + 1 :])
    return convolve(x, kernel)


def subpixel(x, kernel):
    """Four times the maps, of which every four become the pixels of a block."""
    x = convolve(x, kernel)
    count, height, width, maps = x.shape
    blocks = x.reshape(count, height, width, 2, 2, maps // 4).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(count, 2 * height, 2 * width, maps // 4)


def unpool(x, kernel):
    """Every pixel goes to the lower right of a block of four; the other three are 0."""
    count, height, width, maps = x.shape
    blocks = np.zeros((count, 2 * height, 2 * width, maps), x.dtype)
    blocks[:, 1::2, 1::2] = x
    return convolve(blocks, kernel)


DOUBLE = {
    "transposed": transposed,
    "bilinear": bilinear,
    "subpixel": subpixel,
    "unpool": unpool,
}
"""How a stage doubles height and width, by the name that `upsampling` has in the file."""
