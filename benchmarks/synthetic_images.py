"""Synthetic images to measure on: arrays, `.npy` caches, and JPEGs of a photograph's size."""

import io
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

CELEBA_SIZE = (218, 178)
"""Height and width of a JPEG."""

DISTINCT_JPEGS = 64
"""Different images in a folder of JPEGs; decoding a repeated one takes as long."""


def random_images(count: int, image_size: int, channels: int) -> np.ndarray:
    """Return uniform noise from a fixed seed: uint8 (count, image_size, image_size, channels)."""
    return np.random.default_rng(0).integers(0, 256, (count, image_size, image_size, channels), np.uint8)


def write_cache(path: Path, count: int, image_size: int = 64) -> Path:
    """Write random images to an `.npy` file in parts of 1,000: uint8 (count, image_size, image_size, 3).

    Args:
        path: file to write.
        count: number of images.
        image_size: height and width in pixels.

    Returns:
        The path.
    """
    shape = (count, image_size, image_size, 3)
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for begin in range(0, count, 1000):
            file.write(random.bytes(min(1000, count - begin) * image_size**2 * 3))
    return path


def write_jpegs(folder: Path, count: int) -> float:
    """Write JPEGs of 178x218 pixels, smooth colors under noise.

    Args:
        folder: directory to create.
        count: number of files.

    Returns:
        The mean size of a file in bytes.
    """
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    encoded = [_jpeg(random) for _ in range(min(DISTINCT_JPEGS, count))]
    for index in range(count):
        (folder / f"{index:06d}.jpg").write_bytes(encoded[index % len(encoded)])
    return sum(map(len, encoded)) / len(encoded)


def _jpeg(random: np.random.Generator) -> bytes:
    """Return one encoded image."""
    from PIL import Image

    height, width = CELEBA_SIZE
    coarse = Image.fromarray(random.integers(0, 256, (9, 7, 3), np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    noisy = smooth + random.normal(0, 6, (*smooth.shape[:2], 1))
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()
