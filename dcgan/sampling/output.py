"""The output of `generate` and other commands: its path, and arrays, archives and folders of images.

Images are written chunk by chunk, in memory that does not grow with their number. Files are written in order rather
than through a memory map: a full disk then raises an error instead of a signal that ends the process.
"""

import contextlib
import itertools
import math
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from dcgan.core.atomic_io import atomic_write, check_overwrite, first_free_path, move_to_new, temporary_folder
from dcgan.core.errors import UserError
from dcgan.core.npy import npy_header
from dcgan.core.transparency import to_straight
from dcgan.sampling.sample_spec import SampleSpec
from dcgan.sampling.selection import Selection
from dcgan.visualization import encode_png

Shape = tuple[int, ...]
Result = TypeVar("Result")

_BLOCK = 4096  # bytes that even the smallest file occupies on most disks


def write_output(spec: SampleSpec, write: Callable[[Path], str]) -> tuple[Path, str]:
    """Write the output of a spec. A numbered name is chosen when the file is complete, so that none stays empty.

    Args:
        spec: what to generate.
        write: writes the file or folder at a path, and returns a description of it.

    Returns:
        The file or folder that was written, and its description.

    Raises:
        UserError: the path is taken or cannot be written to.
    """
    if not spec.numbered:
        _check_free(spec)
        return spec.out, write(spec.out)
    is_new = not spec.out.parent.exists()
    try:
        return write_new(spec.out, write)
    except BaseException:
        if is_new:
            with contextlib.suppress(OSError):
                spec.out.parent.rmdir()  # fails if it is not empty
        raise


def write_new(path: Path, write: Callable[[Path], Result], suffix: str | None = None) -> tuple[Path, Result]:
    """Write a file or folder under a name that no other has, all of it or nothing.

    Args:
        path: its name; if that is taken, the first free one of those with -2, -3, … before the suffix is used.
        write: writes the file or folder at the path that it gets.
        suffix: end of the name that the number precedes; by default that of `path`, empty for folders.

    Returns:
        The file or folder, and what `write` returns.

    Raises:
        UserError: it cannot be created.
    """
    with temporary_folder(path) as folder:
        complete = folder / path.name
        result = write(complete)
        return first_free_path(path, lambda name: move_to_new(complete, name), suffix), result


def check_png_path(out: Path | None, overwrite: bool) -> None:
    """Check that `--out` names a PNG file that may be written.

    Args:
        out: value of `--out`; None for the default name, which may always be overwritten.
        overwrite: whether an existing file may be replaced.

    Raises:
        UserError: the name has another extension, or the file exists.
    """
    if out is None:
        return
    if out.suffix.lower() != ".png":
        raise UserError(f"--out {out} is not a PNG file.", "Use a name that ends in .png.")
    check_overwrite(out, overwrite)


def save_array(path: Path, shape: Shape, chunks: Iterable[np.ndarray]) -> None:
    """Write an `.npy` file of uint8 atomically.

    Args:
        path: file to write.
        shape: shape of the whole array.
        chunks: its consecutive parts along the first axis, uint8; of four channels, premultiplied, unlike those of
            the file.

    Raises:
        UserError: the disk has too little space, or the file cannot be written.
    """
    check_disk_space(path, math.prod(shape))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        _write_npy(file, shape, np.uint8, map(to_straight, chunks))


def save_archive(path: Path, shape: Shape, chunks: Iterable[np.ndarray], selection: Selection) -> None:
    """Write an uncompressed `.npz` file atomically.

    It contains `images` (uint8) and `seeds` (int64, one per image), with several classes also `labels` (int64).

    Args:
        path: file to write.
        shape: shape of all images, (N, H, W, C).
        chunks: consecutive parts of the images along the first axis, uint8.
        selection: seeds and labels of the images.

    Raises:
        UserError: the disk has too little space, or the file cannot be written.
    """
    names = ("seeds", "labels") if selection.classes and selection.classes.labeled else ("seeds",)
    check_disk_space(path, math.prod(shape) + 8 * len(names) * len(selection))
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        with archive.open("images.npy", "w", force_zip64=True) as file:
            _write_npy(file, shape, np.uint8, map(to_straight, chunks))
        for column, name in enumerate(names):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                numbers = (pair[column] for pair in selection.pairs())
                _write_npy(file, (len(selection),), np.int64, _integer_chunks(numbers))


def save_folder(folder: Path, selection: Selection, images: Iterable[np.ndarray], notes: Mapping[str, str]) -> None:
    """Write one PNG file per image to a folder, all of them or none.

    They are written to a temporary folder and moved when the last one is complete. Other files in `folder` stay, so
    that a set of images can be generated in parts; files of the same names are replaced (see `check_free_images`).

    Args:
        folder: created if it does not exist.
        selection: seeds and labels of the images; a seed that is repeated in a class has one file.
        images: uint8 arrays of shape (H, W, C).
        notes: text chunks for every file; its seed is added.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    check_disk_space(folder, _BLOCK * len(selection))
    with temporary_folder(folder) as temporary:
        for path, (seed, _), image in zip(image_paths(selection), selection.pairs(), images, strict=True):
            (temporary / path).parent.mkdir(exist_ok=True)
            (temporary / path).write_bytes(encode_png(image, {**notes, "Seed": seed}))
        for path in dict.fromkeys(image_paths(selection)):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(temporary / path, folder / path)


def image_paths(selection: Selection) -> Iterator[Path]:
    """Yield the path of each image in the folder: `seed-000007.png`, with classes in a subfolder per class."""
    folders = () if selection.classes is None else selection.classes.folder_names
    for seed, label in selection.pairs():
        name = f"seed-{seed:06d}.png"
        yield Path(name) if label is None else Path(folders[label], name)


def check_free_images(folder: Path, selection: Selection) -> None:
    """Check that a folder holds none of the images of a selection yet.

    Args:
        folder: folder to write to; it need not exist.
        selection: images to write.

    Raises:
        UserError: one of the files exists; the message names the first one.
    """
    if not folder.is_dir():
        return
    present = {entry.relative_to(folder) for entry in itertools.chain(folder.glob("*.png"), folder.glob("*/*.png"))}
    taken = next((path for path in image_paths(selection) if path in present), None) if present else None
    if taken:
        raise UserError(f"{folder / taken} exists already.", "Choose another --out or other seeds, or add --overwrite.")


def check_disk_space(path: Path, size: int) -> None:
    """Check that a file fits on its disk, before hours are spent on generating its content.

    Args:
        path: file or folder to write.
        size: its size in bytes.

    Raises:
        UserError: fewer bytes are free.
    """
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f"{path} needs {size / 1e9:,.1f} GB, but only {free / 1e9:,.1f} GB are free.",
            "Generate fewer images, or free some disk space.",
        )


def _check_free(spec: SampleSpec) -> None:
    """Reject a path that is taken."""
    if spec.mode != "folder":
        check_overwrite(spec.out, spec.overwrite)
    elif spec.out.exists() and not spec.out.is_dir():
        raise UserError(f"{spec.out} is a file.", "Choose another name for the folder.")
    elif not spec.overwrite:
        check_free_images(spec.out, spec.selection)


def _write_npy(file: IO[bytes], shape: Shape, dtype: DTypeLike, chunks: Iterable[np.ndarray]) -> None:
    """Write the header of the `.npy` format, then the chunks as they arrive."""
    file.write(npy_header(shape, dtype))
    for chunk in chunks:
        file.write(np.ascontiguousarray(chunk, dtype).data)


def _integer_chunks(numbers: Iterable[int | None], chunk_size: int = 65536) -> Iterator[np.ndarray]:
    """The numbers as int64 arrays."""
    remaining = iter(numbers)
    while chunk := list(itertools.islice(remaining, chunk_size)):
        yield np.array(chunk, np.int64)
