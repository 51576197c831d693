"""Arrays written to disk chunk by chunk, so that memory doesn't grow with their length.

Written in order rather than through a memory map: a disk that fills up then raises an error, and not a signal that
ends the process.
"""

import itertools
import math
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dcgan.errors import UserError
from dcgan.files import whole_file
from dcgan.sampling.asked import Asked

Shape = tuple[int, ...]


def save_array(path: Path, shape: Shape, chunks: Iterable[np.ndarray]) -> None:
    """Write an `.npy` file of uint8, whole or not at all.

    Args:
        path: the file.
        shape: of the whole array.
        chunks: uint8 parts of it along the first axis, one behind the other.

    Raises:
        UserError: the disk has no room for it, or the file can't be written.
    """
    check_room(path, math.prod(shape))
    with whole_file(path) as temporary, temporary.open("wb") as file:
        _write(file, shape, np.uint8, chunks)


def save_archive(path: Path, shape: Shape, chunks: Iterable[np.ndarray], asked: Asked) -> None:
    """Write an uncompressed `.npz` file: `images` (uint8), `seeds` and, with classes, `labels` (int64, one an image).

    Arguments and errors as for `save_array`.
    """
    numbers = ("seeds", "labels") if asked.classes else ("seeds",)
    check_room(path, math.prod(shape) + 8 * len(numbers) * len(asked))
    with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            _write(file, shape, np.uint8, chunks)
        for column, name in enumerate(numbers):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                _write(file, (len(asked),), np.int64, _numbers(pair[column] for pair in asked.pairs()))


def _write(file: BinaryIO, shape: Shape, kind: type, chunks: Iterable[np.ndarray]) -> None:
    """The header of NumPy's format, then the chunks as they come."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(kind)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for chunk in chunks:
        file.write(np.ascontiguousarray(chunk, kind))


def _numbers(numbers: Iterable[int], at_once: int = 65536) -> Iterator[np.ndarray]:
    """Whole numbers as arrays."""
    left = iter(numbers)
    while some := list(itertools.islice(left, at_once)):
        yield np.array(some, np.int64)


def check_room(path: Path, size: int) -> None:
    """Refuse at once what would fill the disk after hours of drawing.

    Args:
        path: what is to be written.
        size: its bytes.

    Raises:
        UserError: fewer are free.
    """
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f"{path} needs {size / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free.",
            "Ask for fewer, or free some space.",
        )
