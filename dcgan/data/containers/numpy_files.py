"""Arrays of NumPy: `.npy`, and `.npz` with one or more of them. Pickled objects are never loaded."""

import contextlib
import functools
import io
import math
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from dcgan.core.errors import UserError
from dcgan.data.archives import temporary_copy
from dcgan.data.containers.arrays import list_arrays
from dcgan.data.containers.common import file_version
from dcgan.data.image_files import ImageFiles

_MAGIC = b"\x93NUMPY"
_HEADER_BYTES = 10_000  # as in NumPy, far more than the header of an array of numbers has
_PREFIX_BYTES = 12  # magic, version and length of the header
_MEMBER_BYTES = 30  # of a zip (APPNOTE 4.3.7); the last four are the length of the name and that of extras


def is_numpy(start: bytes) -> bool:
    """Return whether a file is an `.npy`, or a zip that begins with one.

    Args:
        start: its first 512 bytes.
    """
    if start.startswith(_MAGIC):
        return True
    name = start[_MEMBER_BYTES : _MEMBER_BYTES + int.from_bytes(start[26:28], "little")]
    return start.startswith(b"PK\3\4") and name.endswith(b".npy")


@contextlib.contextmanager
def open_numpy(paths: Sequence[Path], root: Path) -> Iterator[ImageFiles]:
    """List the images of arrays; what is not compressed is memory-mapped, the rest unpacked to a temporary file.

    Args:
        paths: files of one dataset; the names of several precede those of their arrays.
        root: what the user named.

    Yields:
        The images, until the block ends.

    Raises:
        UserError: a file is damaged, holds objects instead of numbers, or there are no images.
    """
    with contextlib.ExitStack() as stack:
        arrays: dict[str, _FileArray] = {}
        for path in paths:
            with explain_damage(path, "array of NumPy"):
                for key, array in _arrays(path, root, stack):
                    name = path.stem if not key else f"{path.stem}/{key}" if len(paths) > 1 else key
                    arrays[name] = array
        with explain_damage(root, "array of NumPy"):  # which labels are read from
            image_files = list_arrays(root, arrays)
        yield image_files


@contextlib.contextmanager
def explain_damage(path: Path, kind: str) -> Iterator[None]:
    """Turn the errors that a damaged file causes into a UserError.

    Args:
        path: the file.
        kind: what it should be.
    """
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        if error.errno is None or not error.strerror:
            raise _damaged(path, kind, error) from error
        raise UserError(f"{path} can't be read: {error.strerror}.") from error
    except Exception as error:  # the libraries raise many types for damaged files
        raise _damaged(path, kind, error) from error


def _damaged(path: Path, kind: str, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return UserError(f"{path} is a damaged {kind}: {reason}.", "Write or download it again.")


@dataclass
class _FileArray:
    """An array in a file, mapped when it is first needed.

    Args:
        shape: size of each dimension.
        dtype: type of an element.
        version: differs when its content does.
        file_bytes: size of the file.
        map: returns the mapped array.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    version: int
    file_bytes: int
    map: Callable[[], np.ndarray]
    mapped: np.ndarray | None = None
    lock: Any = field(default_factory=threading.Lock)

    def __getitem__(self, index: Any, /) -> np.ndarray:
        with self.lock:
            if self.mapped is None:
                self.mapped = self.map()
        return self.mapped[index]


def _arrays(path: Path, root: Path, stack: contextlib.ExitStack) -> Iterator[tuple[str, _FileArray]]:
    """Yield the key of each array in a file, and the array; the key of an `.npy` is empty."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) == _MAGIC:
            file.seek(0)
            header = _read_header(file, size, str(path))
            yield "", _FileArray(header.shape, header.dtype, file_version(path), size, lambda: header.map(path, 0))
            return
    archive = stack.enter_context(zipfile.ZipFile(path))
    for info in archive.infolist():
        if not info.filename.endswith(".npy"):
            continue
        with archive.open(info) as stream:
            header = _read_header(stream, info.file_size, f"{info.filename} in {path}")
        map_array = functools.partial(_map_member, path, root, stack, archive, info, header)
        yield info.filename[:-4], _FileArray(header.shape, header.dtype, info.CRC << 32, size, map_array)


def _map_member(
    path: Path,
    root: Path,
    stack: contextlib.ExitStack,
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    header: "_Header",
) -> np.ndarray:
    """Map an array in a zip; a compressed one is unpacked to a temporary file."""
    if info.compress_type == zipfile.ZIP_STORED:
        with path.open("rb") as file:
            file.seek(info.header_offset)
            start = file.read(_MEMBER_BYTES)
        lengths = int.from_bytes(start[26:28], "little") + int.from_bytes(start[28:30], "little")
        return header.map(path, info.header_offset + _MEMBER_BYTES + lengths)
    stream = stack.enter_context(archive.open(info))
    copy = temporary_copy(stream, root, info.file_size, info.compress_size)
    return header.map(stack.enter_context(copy), 0)


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool
    length: int

    def map(self, path: Path, start: int) -> np.ndarray:
        """Map an array whose header begins at `start`."""
        order = "F" if self.fortran_order else "C"
        size = math.prod(self.shape) * self.dtype.itemsize
        if start + self.length + size > path.stat().st_size:
            raise UserError(f"{path} is cut off: an array of it has {size} bytes.", "Write or download it again.")
        return np.memmap(path, self.dtype, "r", start + self.length, self.shape, order)  # type: ignore[call-overload]


def _read_header(file: IO[bytes], size: int, source: str) -> _Header:
    """Read the header of an `.npy`; a ValueError if it does not fit to a file of `size` bytes."""
    file = io.BytesIO(file.read(_PREFIX_BYTES + _HEADER_BYTES))  # NumPy would read as many bytes as the file declares
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the format is not known")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read(file, max_header_size=_HEADER_BYTES)
    if dtype.hasobject:
        raise UserError(f"{source} holds pickled objects, which are not loaded for safety.", "Save an array of uint8.")
    if any(side < 0 for side in shape) or math.prod(shape) * dtype.itemsize > size - file.tell():
        raise ValueError(f"its header declares the shape {shape}, and the file is shorter")
    return _Header(tuple(shape), dtype, fortran_order, file.tell())
