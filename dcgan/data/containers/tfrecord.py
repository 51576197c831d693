"""TFRecord files of `tf.train.Example`, read without TensorFlow: only the bytes that are needed are touched.

The framing is described at https://www.tensorflow.org/tutorials/load_data/tfrecord, the messages in example.proto and
feature.proto of TensorFlow, and their encoding at https://protobuf.dev/programming-guides/encoding.
"""

import contextlib
import gzip
import mmap
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from dcgan.core.errors import UserError
from dcgan.data.archives import temporary_copy
from dcgan.data.containers.common import ClassLabels, class_labels, file_version, group_names, numbered_files
from dcgan.data.containers.numpy_files import explain_damage
from dcgan.data.formats import FIRST_BYTES, is_image
from dcgan.data.image_files import ImageFiles, check_file_size

_IMAGES = ("image/encoded", "image_raw", "image/raw", "image", "images", "img", "jpg", "jpeg", "png", "x", "data")
_LABELS = ("image/class/text", "image/class/label", "label", "labels", "class", "target", "y", "category")
_SHAPES = (
    ("height", "width", "depth"),
    ("height", "width", "channels"),
    ("image/height", "image/width", "image/channels"),
)

_HEADER_BYTES, _FOOTER_BYTES = 12, 4  # length and its checksum; checksum of the record
_GZIP = b"\x1f\x8b"  # RFC 1952, 2.3.1
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32  # that zlib tells them by their headers
_PACKED_BYTES = 1 << 16
_BYTES_LIST, _INT64_LIST = 1, 3
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5

Span = tuple[int, int, int]
"""A feature: its type, and where its list begins and ends."""

Buffer = mmap.mmap | bytes


def is_tfrecord(start: bytes) -> bool:
    """Return whether a file is a TFRecord file: the length of its first record has the right checksum.

    Args:
        start: its first 512 bytes.
    """
    return _is_framed(start) or _is_framed(_inflated(start))


def _is_framed(start: bytes) -> bool:
    return len(start) > _HEADER_BYTES and struct.unpack_from("<I", start, 8)[0] == _masked_crc32c(start[:8])


def _inflated(start: bytes) -> bytes:
    """Return the first bytes of what gzip or zlib compressed; empty if they did not."""
    try:
        return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(start, 2 * _HEADER_BYTES)
    except zlib.error:
        return b""


@contextlib.contextmanager
def open_tfrecords(paths: Sequence[Path], root: Path) -> Iterator[ImageFiles]:
    """List the images of TFRecord files; those that gzip or zlib compressed are unpacked to a temporary file.

    Args:
        paths: files of one dataset; their names tell the splits.
        root: what the user named.

    Yields:
        The images. Those that are not encoded are pixels of the shape that their record has (`height`, `width` and
        `depth`; or `shape` with the channels first, as StyleGAN writes them).

    Raises:
        UserError: a file is damaged, or its records hold no images.
    """
    with contextlib.ExitStack() as stack:
        plain, found = [], []
        for path in paths:
            with explain_damage(path, "TFRecord file"):
                plain.append(stack.enter_context(_unpacked(path, root)))
                found.append(_index(plain[-1], path))
        groups = []
        for name, path, images in zip(group_names(paths), paths, found, strict=True):
            version = file_version(path)
            groups.append((name, [(image.size, version + image.offset) for image in images]))
        places = [(path, image) for path, images in zip(plain, found, strict=True) for image in images]
        yield _list(root, groups, places)


@contextlib.contextmanager
def _unpacked(path: Path, root: Path) -> Iterator[Path]:
    """Yield an uncompressed file: the same one, or a temporary one."""
    with path.open("rb") as file:
        start = file.read(512)
        if _is_framed(start) or not _inflated(start):
            yield path
            return
    with path.open("rb") as file:
        stream = gzip.GzipFile(fileobj=file) if start.startswith(_GZIP) else _ZlibStream(file)
        with temporary_copy(cast(IO[bytes], stream), root, None, path.stat().st_size) as copy:
            yield copy


class _ZlibStream:
    """The content of a file that zlib compressed, read piece by piece.

    Args:
        file: the compressed file.
    """

    def __init__(self, file: IO[bytes]):
        self._file, self._decompressor = file, zlib.decompressobj()

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none at the end; an EOFError if the file is cut off."""
        while not self._decompressor.eof:
            packed = self._decompressor.unconsumed_tail or self._file.read(_PACKED_BYTES)
            if data := self._decompressor.decompress(packed, size):
                return data
            if not packed:
                raise EOFError("its compressed data ends too early")
        return b""


def _list(
    root: Path, groups: list[tuple[str, list[tuple[int, int]]]], places: list[tuple[Path, "_Image"]]
) -> ImageFiles:
    """List the images of records, given for each its file and where it is."""

    def read(index: int) -> bytes | np.ndarray:
        path, image = places[index]
        check_file_size(image.size)
        with path.open("rb") as file:
            file.seek(image.offset)
            return image.pixels(file.read(image.size))

    labels: ClassLabels = (None, (), "")
    if any(image.label is not None for _, image in places):
        labels = class_labels([image.label for _, image in places], "the label of the records")
    return numbered_files(root, groups, read, labels)


@dataclass(frozen=True, slots=True)
class _Image:
    """Where the image of a record is, and its label.

    Args:
        offset: position in the file.
        size: number of bytes.
        label: number or name; None without one.
        shape: of pixels that are not encoded, (H, W, C) or (C, H, W); () for the file of an image.
        channels_first: whether the shape is (C, H, W).
    """

    offset: int
    size: int
    label: int | str | None
    shape: tuple[int, ...] = ()
    channels_first: bool = False

    def pixels(self, data: bytes) -> bytes | np.ndarray:
        """Return pixels in their shape, and the file of an image as it is."""
        if not self.shape:
            return data
        array = np.frombuffer(data, np.uint8).reshape(self.shape)
        return array.transpose(1, 2, 0) if self.channels_first else array


def _index(path: Path, source: Path) -> list[_Image]:
    """Find the image of each record of a file; `source` is the file that it was unpacked from."""
    size = path.stat().st_size
    if not size:
        return []
    images = []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
        for start, end in _records(buffer, size):
            features = _features(buffer, start, end)
            key = next((name for name in _IMAGES if features.get(name, (0,))[0] == _BYTES_LIST), None)
            if key is None:
                names = ", ".join(sorted(features)[:12]) or "none"
                raise UserError(
                    f"Record {len(images) + 1} of {source} holds no image; its features are {names}.",
                    f"Expected are the bytes of an image under one of the names {', '.join(_IMAGES[:4])}.",
                )
            images.append(_image(buffer, features, key))
    return images


def _records(buffer: Buffer, size: int) -> Iterator[tuple[int, int]]:
    """Yield where each record begins and ends."""
    position, number = 0, 1
    while position < size:
        if position + _HEADER_BYTES > size:
            raise ValueError(f"it is cut off at record {number}")
        header = buffer[position : position + _HEADER_BYTES]
        length, checksum = struct.unpack("<QI", header)
        if checksum != _masked_crc32c(header[:8]):
            raise ValueError(f"the length of record {number} has a wrong checksum")
        start = position + _HEADER_BYTES
        position = start + length + _FOOTER_BYTES
        if position > size:
            raise ValueError(f"it is cut off at record {number}")
        yield start, start + length
        number += 1


def _features(buffer: Buffer, start: int, end: int) -> dict[str, Span]:
    """Return the features of an example by name: Example.features.feature is a map of names to lists."""
    found = {}
    for number, begin, stop in _fields(buffer, start, end):
        if number != 1:
            continue
        for entry, first, last in _fields(buffer, begin, stop):
            if entry != 1:
                continue
            parts = {field: (left, right) for field, left, right in _fields(buffer, first, last)}
            if 1 not in parts or 2 not in parts or parts[1][1] - parts[1][0] > 1000:
                continue
            name = buffer[slice(*parts[1])].decode("utf-8", "replace")
            lists = list(_fields(buffer, *parts[2]))
            if lists:
                found[name] = lists[0]
    return found


def _image(buffer: Buffer, features: dict[str, Span], key: str) -> _Image:
    _, start, end = next(_fields(buffer, *features[key][1:]), (0, 0, 0))
    label = next((_value(buffer, features[name]) for name in _LABELS if name in features), None)
    if is_image(buffer[start : min(end, start + FIRST_BYTES)]):
        return _Image(start, end - start, label)
    stored = [_integers(buffer, features[name]) for name in ("shape",) if name in features]
    for names in _SHAPES:
        if all(name in features for name in names):
            stored.append([value for name in names for value in _integers(buffer, features[name])])
    for number, shape in enumerate(stored):
        channels_first = number == 0 and "shape" in features and len(shape) == 3 and shape[0] in (1, 3, 4)
        channels = shape[0] if channels_first else shape[-1] if shape else 0
        if len(shape) == 3 and channels in (1, 3, 4) and min(shape) > 0 and np.prod(shape, dtype=object) == end - start:
            return _Image(start, end - start, label, tuple(shape), channels_first)
    return _Image(start, end - start, label)  # decoding says what it is


def _value(buffer: Buffer, feature: Span) -> int | str | None:
    """Return the only value of a feature: an integer, or bytes as text."""
    kind, start, end = feature
    if kind == _INT64_LIST:
        values = _integers(buffer, feature)
        return values[0] if len(values) == 1 else None
    if kind == _BYTES_LIST:
        spans = [(left, right) for number, left, right in _fields(buffer, start, end) if number == 1]
        if len(spans) == 1 and spans[0][1] - spans[0][0] < 1000:
            return buffer[slice(*spans[0])].decode("utf-8", "replace")
    return None


def _integers(buffer: Buffer, feature: Span) -> list[int]:
    """Return the first integers of a feature, packed or not; a handful is all that is needed."""
    kind, start, end = feature
    values: list[int] = []
    if kind != _INT64_LIST:
        return values
    position = start
    while position < end and len(values) < 8:
        tag, position = _varint(buffer, position, end)
        if tag & 7 == _LENGTH:
            length, position = _varint(buffer, position, end)
            stop = min(end, position + length)
            while position < stop and len(values) < 8:
                value, position = _varint(buffer, position, stop)
                values.append(value)
            position = stop
        elif tag & 7 == _VARINT:
            value, position = _varint(buffer, position, end)
            values.append(value)
        else:
            raise ValueError("a list of integers is damaged")
    return [value - (1 << 64) if value >= 1 << 63 else value for value in values]


def _fields(buffer: Buffer, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number, the beginning and the end of each field of a message that has a length."""
    position = start
    while position < end:
        tag, position = _varint(buffer, position, end)
        wire = tag & 7
        if wire == _LENGTH:
            length, position = _varint(buffer, position, end)
            if position + length > end:
                raise ValueError("a record holds no example")
            yield tag >> 3, position, position + length
            position += length
        elif wire == _VARINT:
            _, position = _varint(buffer, position, end)
        elif wire in (_FIXED64, _FIXED32):
            position += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError("a record holds no example")


def _varint(buffer: Buffer, position: int, end: int) -> tuple[int, int]:
    """Return an integer of 7 bits per byte, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= end:
            break
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
    raise ValueError("a record holds no example")


def _make_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)  # the polynomial of Castagnoli, reflected
        table.append(value)
    return tuple(table)


_CRC_TABLE = _make_table()


def _masked_crc32c(data: bytes) -> int:
    """Return the checksum of a TFRecord: CRC-32C (RFC 3720, B.4), rotated and with a constant added."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
