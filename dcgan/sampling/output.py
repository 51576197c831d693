"""Arrays written to disk chunk by chunk, so that memory doesn't grow with their length.

Written in order rather than through a memory map: a disk that fills up then raises an error, and not a signal that
ends the process.
"""

import itertools
import math
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dcgan.core.atomic_io import atomic_write, temporary_folder
from dcgan.core.errors import UserError
from dcgan.core.npy import npy_header
from dcgan.sampling.selection import Selection
from dcgan.visualization import encode_png

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
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        _write(file, shape, np.uint8, chunks)


def save_archive(path: Path, shape: Shape, chunks: Iterable[np.ndarray], asked: Selection) -> None:
    """Write an uncompressed `.npz` file: `images` (uint8), `seeds` and, with classes, `labels` (int64, one an image).

    Arguments and errors as for `save_array`.
    """
    numbers = ("seeds", "labels") if asked.classes else ("seeds",)
    check_room(path, math.prod(shape) + 8 * len(numbers) * len(asked))
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            _write(file, shape, np.uint8, chunks)
        for column, name in enumerate(numbers):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                _write(file, (len(asked),), np.int64, _numbers(pair[column] for pair in asked.pairs()))


def _write(file: BinaryIO, shape: Shape, kind: type, chunks: Iterable[np.ndarray]) -> None:
    """The header of NumPy's format, then the chunks as they come."""
    file.write(npy_header(shape, kind))
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


_BLOCK = 4096  # bytes that even the smallest file takes on most disks


def file_name(seed: int) -> str:
    """The name of a seed's picture; it depends on nothing else."""
    return f"seed-{seed:06d}.png"


def places(asked: Selection) -> Iterator[Path]:
    """Where each picture goes in the folder: with classes, into the folder of its class."""
    for seed, label in asked.pairs():
        yield Path(file_name(seed)) if label is None else Path(asked.classes.names[label], file_name(seed))


def save_folder(folder: Path, asked: Selection, images: Iterable[np.ndarray], text: Mapping[str, str]) -> None:
    """Write each image to `folder`, all of them or none.

    They are written beside it first, and moved when the last one is there. Other files in `folder` stay, so that a
    set can be drawn in parts; those of the same names are replaced (see `refuse_existing`).

    Args:
        folder: made if need be.
        asked: which pictures they are; a seed that comes twice in a class has one file.
        images: uint8 (H, W, C) each.
        text: notes for every file; its own seed is added.

    Raises:
        UserError: the folder can't be written to, or the disk is full.
    """
    check_room(folder, _BLOCK * len(asked))
    with temporary_folder(folder) as temporary:
        for place, (seed, _), image in zip(places(asked), asked.pairs(), images, strict=True):
            (temporary / place).parent.mkdir(exist_ok=True)
            (temporary / place).write_bytes(encode_png(image, {**text, "Seed": seed}))
        for place in dict.fromkeys(places(asked)):
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(temporary / place, folder / place)


def refuse_existing(folder: Path, asked: Selection) -> None:
    """Stop, before anything is drawn, if one of the pictures is there.

    Raises:
        UserError: naming the first one.
    """
    if not folder.is_dir():
        return
    present = {entry.relative_to(folder) for entry in itertools.chain(folder.glob("*.png"), folder.glob("*/*.png"))}
    taken = next((place for place in places(asked) if place in present), None) if present else None
    if taken:
        raise UserError(f"{folder / taken} exists already.", "Choose another --out or other seeds, or add --overwrite.")
