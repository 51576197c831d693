"""Files to measure on: stores of made images, and JPEGs that weigh what photographs do."""

import io
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

CELEBA_SIZE = (218, 178)
DISTINCT = 64
"""Different pictures a folder of JPEGs has; the time to decode one does not depend on having seen it before."""


def make_store(path: Path, count: int, image_size: int = 64) -> Path:
    """Write random images to an `.npy` file, a part at a time: uint8 (count, image_size, image_size, 3)."""
    shape = (count, image_size, image_size, 3)
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for begin in range(0, count, 1000):
            file.write(random.bytes(min(1000, count - begin) * image_size**2 * 3))
    return path


def make_pictures(folder: Path, count: int) -> tuple[Path, float]:
    """Write JPEGs of 178x218 pixels: smooth colours under noise.

    Returns:
        The folder, and the mean size of a file in bytes.
    """
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    encoded = [_jpeg(random) for _ in range(min(DISTINCT, count))]
    for index in range(count):
        (folder / f"{index:06d}.jpg").write_bytes(encoded[index % len(encoded)])
    return folder, sum(map(len, encoded)) / len(encoded)


def _jpeg(random: np.random.Generator) -> bytes:
    """One picture."""
    from PIL import Image

    height, width = CELEBA_SIZE
    coarse = Image.fromarray(random.integers(0, 256, (9, 7, 3), np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    noisy = smooth + random.normal(0, 6, (*smooth.shape[:2], 1))
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()
