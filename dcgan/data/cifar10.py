"""CIFAR-10 in its binary version (https://www.cs.toronto.edu/~kriz/cifar.html), from a folder or its archive.

The Python version is pickled, and a pickle runs whatever its author wished: it is never read.
"""

from pathlib import Path

import numpy as np

from dcgan.data.cifar10_files import read_files
from dcgan.data.downloads import download
from dcgan.errors import UserError

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_SIDE, _COLOURS = 32, 3
_RECORD = 1 + _COLOURS * _SIDE * _SIDE  # a label, then the red, green and blue planes
_FILES = {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)}


def read_cifar10(data_dir: Path | None, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read one split of CIFAR-10.

    Args:
        data_dir: the archive, or the folder of it or of its files; None for a download by Keras.
        split: `train` or `test`.

    Returns:
        images, uint8 (N, 32, 32, 3), and labels, uint8 (N,) below 10.

    Raises:
        UserError: a file is missing, damaged or foreign, or the download failed.
    """
    if data_dir is None:
        return download("cifar10", split)
    records = [_records(name, data) for name, data in read_files(data_dir, _FILES[split]).items()]
    planes = np.concatenate([pixels for _, pixels in records])
    images = np.ascontiguousarray(planes.reshape(-1, _COLOURS, _SIDE, _SIDE).transpose(0, 2, 3, 1))
    return images, np.concatenate([labels for labels, _ in records])


def _records(name: str, data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Labels (N,) and pixels (N, 3072) of one file."""
    if not data or len(data) % _RECORD:
        raise UserError(
            f"{name} is damaged: {len(data)} bytes are no whole number of pictures of {_RECORD} bytes.",
            "Get the binary version (cifar-10-binary.tar.gz) again.",
        )
    table = np.frombuffer(data, np.uint8).reshape(-1, _RECORD)
    if table[:, 0].max() >= len(CLASS_NAMES):
        raise UserError(f"{name} has the label {table[:, 0].max()}; CIFAR-10 has ten classes, 0 to 9.")
    return table[:, 0], table[:, 1:]
