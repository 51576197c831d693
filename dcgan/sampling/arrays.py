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
from dcgan.sampling.seeds import Seeds

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


def save_archive(path: Path, shape: Shape, chunks: Iterable[np.ndarray], seeds: Seeds) -> None:
    """Write an uncompressed `.npz` file with `images` (uint8) and `seeds` (int64, one an image).

    Arguments and errors as for `save_array`.
    """
    check_room(path, math.prod(shape) + 8 * len(seeds))
    with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            _write(file, shape, np.uint8, chunks)
        with archive.open("seeds.npy", "w", force_zip64=True) as file:
            _write(file, (len(seeds),), np.int64, _numbers(seeds))


def _write(file: BinaryIO, shape: Shape, kind: type, chunks: Iterable[np.ndarray]) -> None:
    """The header of NumPy's format, then the chunks as they come."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(kind)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for chunk in chunks:
        file.write(np.ascontiguousarray(chunk, kind))


def _numbers(seeds: Seeds, at_once: int = 65536) -> Iterator[np.ndarray]:
    """The seeds as arrays."""
    left = iter(seeds)
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
