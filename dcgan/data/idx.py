"""IDX, the file format of MNIST: a magic number, the size of every dimension, then the bytes.

The format is described at the end of http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError
from dcgan.core.sizes import format_shape
from dcgan.core.system_errors import unreadable

_UNSIGNED_BYTE = 0x08
_MAX_DEFLATE_RATIO = 1032  # deflate compresses no further (zlib's technical notes)
_READ_BYTES = 1 << 20
_DAMAGED = "The file is damaged; download it again."


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes, plain or gzipped (recognized by content, not by name).

    Args:
        path: the file.
        dimensions: number of dimensions it must have: 3 for images (N, H, W), 1 for labels (N,).

    Returns:
        uint8 array with that many dimensions, none of them of size 0.

    Raises:
        UserError: the file is missing, truncated, damaged, of another format, or shorter than its header declares.
    """
    try:
        with path.open("rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            max_bytes = path.stat().st_size * (_MAX_DEFLATE_RATIO if gzipped else 1)
            return _read(gzip.GzipFile(fileobj=raw) if gzipped else raw, path, dimensions, max_bytes)
    except EOFError as error:
        raise UserError(f"{path} is cut off.", _DAMAGED) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path} can't be unpacked: {error}.", _DAMAGED) from error
    except OSError as error:
        raise unreadable(path, error) from error


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write a gzipped IDX file, identical on every call: its gzip header holds neither time nor name.

    Args:
        path: file to write; an existing one is replaced.
        array: uint8, of any shape.

    Raises:
        UserError: the file can't be written.
    """
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, _UNSIGNED_BYTE, array.ndim, *array.shape)
    with atomic_write(path) as temporary:
        temporary.write_bytes(gzip.compress(header + array.tobytes(), compresslevel=9, mtime=0))


def _read(stream: BinaryIO | gzip.GzipFile, path: Path, dimensions: int, max_bytes: int) -> np.ndarray:
    """Read header and body; a header that declares more than `max_bytes`, the most the file can hold, is wrong."""
    shape = _read_header(stream, path, dimensions)
    size = math.prod(shape)
    if size == 0:
        raise UserError(f"{path} is empty: its header declares the shape {format_shape(shape)}.", _DAMAGED)
    if size > max_bytes:
        raise UserError(f"{path} is too short for the {format_shape(shape)} bytes of its header.", _DAMAGED)
    body = _read_up_to(stream, size + 1)
    if len(body) != size:
        problem = "too short" if len(body) < size else "too long"
        raise UserError(f"{path} is {problem} for the {format_shape(shape)} bytes of its header.", _DAMAGED)
    return np.frombuffer(body, np.uint8).reshape(shape)


def _read_header(stream: BinaryIO | gzip.GzipFile, path: Path, dimensions: int) -> tuple[int, ...]:
    """Check the magic number and return the shape."""
    length = 4 + 4 * dimensions
    header = _read_up_to(stream, length)
    magic = bytes((0, 0, _UNSIGNED_BYTE, dimensions))
    if not header:
        raise UserError(f"{path} is empty.", _DAMAGED)
    if header[:4] != magic:
        found, expected = header[:4].hex(), magic.hex()
        raise UserError(
            f"{path} is not an IDX file of {dimensions} dimension(s): it starts with {found}, not {expected}."
        )
    if len(header) < length:
        raise UserError(f"{path} is cut off within its header.", _DAMAGED)
    return struct.unpack(f">{dimensions}I", header[4:])


def _read_up_to(stream: BinaryIO | gzip.GzipFile, size: int) -> bytearray:
    """Read up to `size` bytes without allocating memory for bytes that the stream does not have."""
    body = bytearray()
    while len(body) < size:
        chunk = stream.read(min(_READ_BYTES, size - len(body)))
        if not chunk:
            break
        body += chunk
    return body
