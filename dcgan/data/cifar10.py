"""CIFAR-10 in its binary version (https://www.cs.toronto.edu/~kriz/cifar.html), from a folder or its archive.

The Python version consists of pickles, which can run arbitrary code: it is never read.
"""

import contextlib
import gzip
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.system_errors import unreadable

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

ARCHIVE, FOLDER = "cifar-10-binary.tar.gz", "cifar-10-batches-bin"

_SIDE, _CHANNELS = 32, 3
_RECORD = 1 + _CHANNELS * _SIDE * _SIDE  # a label, then the red, green and blue planes
_FILES = {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)}
_PICKLE = "data_batch_1"  # the binary version's ends in .bin
_PYTHON_VERSION = ("cifar-10-python.tar.gz", "cifar-10-batches-py", _PICKLE)
_MAX_FILE_BYTES = 1 << 26  # an original file has 31 million
_MAX_ARCHIVE_BYTES = 1 << 29  # unpacked; the original has 184 million
_MAX_MEMBERS = 1000  # of an archive; the original has 9
_WHERE = f"Get {ARCHIVE} from https://www.cs.toronto.edu/~kriz/cifar.html and name its path with --data-dir."


def read_cifar10(data_dir: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read one split of CIFAR-10.

    Args:
        data_dir: the archive, the folder that contains it, the folder of the unpacked files, or its parent.
        split: `train` or `test`.

    Returns:
        images, uint8 (N, 32, 32, 3), and labels, uint8 (N,) in [0, 10).

    Raises:
        UserError: a file is missing, damaged or too large, or the files are those of the Python version.
    """
    records = [_parse_records(name, data) for name, data in _read_files(data_dir, _FILES[split]).items()]
    planes = np.concatenate([pixels for _, pixels in records])
    images = np.ascontiguousarray(planes.reshape(-1, _CHANNELS, _SIDE, _SIDE).transpose(0, 2, 3, 1))
    return images, np.concatenate([labels for labels, _ in records])


def _parse_records(name: str, data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels (N,) and pixels (N, 3072) of one file."""
    if not data or len(data) % _RECORD:
        raise UserError(
            f"{name} is damaged: its {len(data)} bytes are not a multiple of the {_RECORD} bytes of an image.",
            f"Download the binary version ({ARCHIVE}) again.",
        )
    table = np.frombuffer(data, np.uint8).reshape(-1, _RECORD)
    if table[:, 0].max() >= len(CLASS_NAMES):
        raise UserError(f"{name} has the label {table[:, 0].max()}. CIFAR-10 has ten classes, 0 to 9.")
    return table[:, 0], table[:, 1:]


def _read_files(data_dir: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Return the content of the named files, in this order, from an archive or a folder."""
    if not data_dir.exists():
        raise UserError(f"{data_dir} does not exist.", _WHERE)
    if data_dir.is_file():
        return _check_complete(data_dir, names, dict(_unpack(data_dir, names)))
    for folder in (data_dir, data_dir / FOLDER):
        present = [name for name in names if (folder / name).exists()]
        if any((folder / name).is_file() for name in present):
            return _check_complete(folder, names, {name: _read(folder / name) for name in present})
    if (data_dir / ARCHIVE).is_file():
        return _read_files(data_dir / ARCHIVE, names)
    if any((data_dir / name).exists() for name in _PYTHON_VERSION):
        raise _python_version_error(data_dir)
    raise UserError(f"{data_dir} does not hold CIFAR-10's binary files.", _WHERE)


def _check_complete(path: Path, names: Sequence[str], found: dict[str, bytes]) -> dict[str, bytes]:
    missing = [name for name in names if name not in found]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}.", _WHERE)
    return {name: found[name] for name in names}


def _python_version_error(path: Path) -> UserError:
    return UserError(f"{path} holds CIFAR-10's Python version, whose pickles are not read for safety.", _WHERE)


def _read(path: Path) -> bytes:
    if not path.is_file():  # opening a pipe would wait forever
        raise UserError(f"{path} can't be read: it is not a file.", _WHERE)
    try:
        with path.open("rb") as file:
            return _read_bounded(file, path.name)
    except OSError as error:
        raise unreadable(path, error) from error


def _read_bounded(file: IO[bytes], name: str) -> bytes:
    """Read everything, unless it is more than a file of CIFAR-10 can hold."""
    data = file.read(_MAX_FILE_BYTES + 1)
    if len(data) > _MAX_FILE_BYTES:
        raise UserError(f"{name} is larger than any file of CIFAR-10.", _WHERE)
    return data


def _unpack(archive: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the named files of the archive; its folders, links and other files are ignored."""
    try:
        with contextlib.ExitStack() as stack:
            stream = stack.enter_context(gzip.GzipFile(fileobj=stack.enter_context(archive.open("rb"))))
            bounded = _BoundedReader(stream, _MAX_ARCHIVE_BYTES)
            tar = stack.enter_context(tarfile.open(fileobj=cast(IO[bytes], bounded), mode="r|"))
            yield from _members(tar, archive, names)
            while bounded.read(1 << 20):  # gzip compares its checksum at the very end
                pass
    except UserError:
        raise
    except Exception as error:  # gzip, zlib and tarfile raise many types
        raise UserError(f"{archive} is cut off, damaged or not a .tar.gz: {error}.", _WHERE) from error


def _members(tar: tarfile.TarFile, archive: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for number, member in enumerate(tar):
        if number == _MAX_MEMBERS:  # tarfile keeps all of them in memory
            raise ValueError("it holds more files than CIFAR-10")
        name = member.name.rpartition("/")[2]
        if name == _PICKLE:
            raise _python_version_error(archive)
        if member.isreg() and not member.issparse() and name in names:
            yield name, _read_bounded(cast(IO[bytes], tar.extractfile(member)), name)


class _BoundedReader:
    """A stream that fails after a number of bytes, since a small archive can unpack to any size."""

    def __init__(self, stream: gzip.GzipFile, max_bytes: int):
        self.stream, self.remaining = stream, max_bytes

    def read(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.remaining -= len(data)
        if self.remaining < 0:
            raise ValueError("it unpacks to more than CIFAR-10 holds")
        return data
