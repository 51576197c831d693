"""Images that the baselines share, without importing `dcgan`, which would set the environment."""

import gzip
from pathlib import Path

import numpy as np

DIGITS = Path(__file__).parents[2] / "dcgan" / "data" / "mnist10k" / "train-images-idx3-ubyte.gz"


def made(count: int, image_size: int, channels: int) -> np.ndarray:
    """Random images, always the same: uint8 (count, image_size, image_size, channels)."""
    return np.random.default_rng(0).integers(0, 256, (count, image_size, image_size, channels), np.uint8)


def digits() -> np.ndarray:
    """The embedded MNIST digits: uint8 (10000, 28, 28, 1)."""
    pixels = gzip.decompress(DIGITS.read_bytes())[16:]
    return np.frombuffer(pixels, np.uint8).reshape(-1, 28, 28, 1)
