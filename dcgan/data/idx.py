"""IDX, the format MNIST came in: a magic number, the sizes, then the bytes.

The format is described at the end of http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dcgan.core.errors import UserError

_UNSIGNED_BYTE = 0x08
_BEST_DEFLATE_RATIO = 1032  # deflate can't make a file smaller than this (zlib's technical notes)
_PIECE = 1 << 20
_DAMAGED = "The file is damaged; get it again."


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes, plain or gzipped (told apart by content, not by name).

    Args:
        path: the file.
        dimensions: how many it must have: 3 for images (N, H, W), 1 for labels (N,).

    Returns:
        uint8 array with that many dimensions, none of them 0.

    Raises:
        UserError: the file is missing, of another format, cut off, damaged, or its header promises what it lacks.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            most = path.stat().st_size * (_BEST_DEFLATE_RATIO if packed else 1)
            return _read(gzip.GzipFile(fileobj=raw) if packed else raw, path, dimensions, most)
    except EOFError as error:
        raise UserError(f"{path} is cut off.", _DAMAGED) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path} can't be unpacked: {error}.", _DAMAGED) from error
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}.") from error


def _read(stream: BinaryIO, path: Path, dimensions: int, most: int) -> np.ndarray:
    """Read header and body; `most` bytes are all the file can hold, so a header that promises more is a lie."""
    shape = _read_header(stream, path, dimensions)
    size = math.prod(shape)
    if size == 0:
        raise UserError(f"{path} holds nothing: its header says {_times(shape)}.", _DAMAGED)
    if size > most:
        raise UserError(f"{path} is too short for the {_times(shape)} bytes of its header.", _DAMAGED)
    body = _read_up_to(stream, size + 1)
    if len(body) != size:
        state = "too short" if len(body) < size else "too long"
        raise UserError(f"{path} is {state} for the {_times(shape)} bytes of its header.", _DAMAGED)
    return np.frombuffer(body, np.uint8).reshape(shape)


def _read_header(stream: BinaryIO, path: Path, dimensions: int) -> tuple[int, ...]:
    """The shape, once the magic number is the right one."""
    length = 4 + 4 * dimensions
    header = _read_up_to(stream, length)
    magic = bytes((0, 0, _UNSIGNED_BYTE, dimensions))
    if not header:
        raise UserError(f"{path} is empty.", _DAMAGED)
    if header[:4] != magic:
        found, wanted = header[:4].hex(), magic.hex()
        raise UserError(f"{path} is no IDX file of {dimensions} dimension(s): it starts with {found}, not {wanted}.")
    if len(header) < length:
        raise UserError(f"{path} is cut off within its header.", _DAMAGED)
    return struct.unpack(f">{dimensions}I", header[4:])


def _read_up_to(stream: BinaryIO, size: int) -> bytearray:
    """Up to `size` bytes, without setting memory aside for bytes that never come."""
    body = bytearray()
    while len(body) < size:
        piece = stream.read(min(_PIECE, size - len(body)))
        if not piece:
            break
        body += piece
    return body


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
