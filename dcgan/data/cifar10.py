"""CIFAR-10 in its binary version (https://www.cs.toronto.edu/~kriz/cifar.html), from a folder or its archive.

The Python version is pickled, and a pickle runs whatever its author wished: it is never read.
"""

import contextlib
import gzip
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from dcgan.core.errors import UserError
from dcgan.data.downloads import download

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


PYTHON_ARCHIVE = "cifar-10-python.tar.gz"
ARCHIVE, FOLDER = "cifar-10-binary.tar.gz", "cifar-10-batches-bin"

_PICKLE = "data_batch_1"  # the binary version's ends in .bin
_LARGEST_FILE = 1 << 26  # bytes; a real one has 31 million
_LARGEST_ARCHIVE = 1 << 29  # unpacked; the real one has 184 million
_AGAIN = f"Get {ARCHIVE} from https://www.cs.toronto.edu/~kriz/cifar.html and name its place with --data-dir."


class _Bounded:
    """A file that ends, with an error, after so many bytes: what a small archive unpacks to has no bound of its own."""

    def __init__(self, stream: gzip.GzipFile, most: int):
        self.stream, self.left = stream, most

    def read(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise ValueError("it unpacks to more than CIFAR-10 holds")
        return data


def read_files(data_dir: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Read the named files.

    Args:
        data_dir: the archive, the folder it lies in, the folder of the unpacked files, or that one's parent.
        names: the files, without folders.

    Returns:
        Their bytes by name, in the order of `names`.

    Raises:
        UserError: one is missing or too large, the archive is damaged, or this is the Python version.
    """
    if not data_dir.exists():
        raise UserError(f"{data_dir} does not exist.", _AGAIN)
    if data_dir.is_file():
        return _complete(data_dir, names, dict(_unpacked(data_dir, names)))
    for folder in (data_dir, data_dir / FOLDER):
        if any((folder / name).is_file() for name in names):
            return _complete(folder, names, {name: _read(folder / name) for name in names if (folder / name).exists()})
    if (data_dir / ARCHIVE).is_file():
        return read_files(data_dir / ARCHIVE, names)
    raise _nothing(data_dir)


def _complete(place: Path, names: Sequence[str], found: dict[str, bytes]) -> dict[str, bytes]:
    missing = [name for name in names if name not in found]
    if missing:
        raise UserError(f"{place} lacks {', '.join(missing)}.", _AGAIN)
    return {name: found[name] for name in names}


def _nothing(folder: Path) -> UserError:
    """Tell the Python version apart from no version at all."""
    if any((folder / name).exists() for name in (PYTHON_ARCHIVE, "cifar-10-batches-py", _PICKLE)):
        return _pickled(folder)
    return UserError(f"{folder} does not hold CIFAR-10's binary files.", _AGAIN)


def _pickled(place: Path) -> UserError:
    return UserError(f"{place} holds CIFAR-10's Python version, whose pickles are not read, for safety.", _AGAIN)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _read_all(file, path.name)
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}.") from error


def _read_all(file: IO[bytes], name: str) -> bytes:
    """Everything, unless it is more than a file of CIFAR-10 may hold."""
    data = file.read(_LARGEST_FILE + 1)
    if len(data) > _LARGEST_FILE:
        raise UserError(f"{name} is larger than any file of CIFAR-10.", _AGAIN)
    return data


def _unpacked(archive: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The named files of the archive; their folders, links and everything else in it are passed over."""
    try:
        with contextlib.ExitStack() as stack:
            stream = stack.enter_context(gzip.GzipFile(fileobj=stack.enter_context(archive.open("rb"))))
            bounded = _Bounded(stream, _LARGEST_ARCHIVE)
            yield from _members(stack.enter_context(tarfile.open(fileobj=bounded, mode="r|")), archive, names)
            while bounded.read(1 << 20):  # gzip compares its checksum at the very end
                pass
    except UserError:
        raise
    except Exception as error:  # gzip, zlib and tarfile agree on no exception
        raise UserError(f"{archive} is cut off, damaged or no .tar.gz: {error}.", _AGAIN) from error


def _members(tar: tarfile.TarFile, archive: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for member in tar:
        name = member.name.rpartition("/")[2]
        if name == _PICKLE:
            raise _pickled(archive)
        if member.isreg() and not member.issparse() and name in names:
            yield name, _read_all(tar.extractfile(member), name)
