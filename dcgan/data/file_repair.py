"""Files that Pillow refuses although their pixels are there: a PNG with large texts, a JPEG without its end marker."""

import struct
import zlib
from collections.abc import Iterator

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS_AND_PROFILE = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_MAX_PROFILE_BYTES = 1 << 24
_JPEG_END = b"\xff\xd9"
_RESTARTS = b"".join(bytes([0xFF, 0xD0 + number % 8]) + b"\x55\xaa" * 32 for number in range(16))
_FILLERS = (b"\x00" * 64, b"\x55\xaa" * 32, b"\xf0" * 64, _RESTARTS)
"""What a JPEG may go on with after a cut: data, and restart markers with data."""


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Walk through the chunks of a PNG (PNG specification, section 5.3).

    Args:
        data: the file; nothing is yielded where it is not a PNG.

    Yields:
        (type, start, end) of every chunk, its length, type and checksum included; the last one may be cut off.
    """
    position = len(_PNG_SIGNATURE)
    if not data.startswith(_PNG_SIGNATURE):
        return
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + length + 12
        yield kind, position, min(end, len(data))
        if kind == b"IEND":
            return
        position = end


def without_texts(data: bytes) -> bytes:
    """Leave out the texts and the color profile of a PNG, which Pillow refuses above a size.

    Args:
        data: the file.

    Returns:
        The file with all its other chunks as they are; `data` itself where there is nothing to leave out.
    """
    parts, start = [], 0
    for kind, first, end in png_chunks(data):
        if kind in _TEXTS_AND_PROFILE:
            parts.append(data[start:first])
            start = end
    return b"".join([*parts, data[start:]]) if parts else data


def png_color_profile(data: bytes) -> bytes | None:
    """Return the ICC profile of a PNG, None where it has none, or one that is damaged or larger than 16 MiB.

    Args:
        data: the file.
    """
    for kind, first, end in png_chunks(data):
        if kind == b"iCCP":
            compressed = data[first + 8 : end - 4].partition(b"\0")[2][1:]  # after the name, one byte names the method
            try:
                profile = zlib.decompressobj().decompress(compressed, _MAX_PROFILE_BYTES + 1)
            except zlib.error:
                return None
            return profile if len(profile) <= _MAX_PROFILE_BYTES else None
        if kind == b"IDAT":
            break
    return None


def is_jpeg(data: bytes) -> bool:
    """Return whether a file begins as a JPEG does.

    Args:
        data: its content.
    """
    return data.startswith(b"\xff\xd8\xff")


def ends_with_zeros(data: bytes) -> bool:
    """Return whether zeros stand in the place of a JPEG's end marker, as an interrupted copy or download leaves them.

    Args:
        data: the file.
    """
    return data.endswith(bytes(16)) and not data.rstrip(b"\0").endswith(_JPEG_END)


def possible_jpeg_ends(data: bytes) -> list[bytes]:
    """Complete a JPEG that ends too early, in several ways.

    A decoder fills in what is missing without a word. Where all compressed pixels are there, it ignores what follows
    them, so the completed files have the same pixels; after a cut they differ.

    Args:
        data: the file.

    Returns:
        Files that end with the end marker; none where a whole scan of a component is missing.
    """
    if not _has_all_scans(data):
        return []
    if ends_with_zeros(data):
        data = data.rstrip(b"\0")
        data += b"\0" * data.endswith(b"\xff")  # a byte 255 of the data is followed by a zero
    data = data.removesuffix(b"\xff")  # half of the marker
    return [data + filler + _JPEG_END for filler in (b"", *_FILLERS)]


def _has_all_scans(data: bytes) -> bool:
    """Return whether the scans of a JPEG begin that together hold every coefficient of every component in full.

    A scan holds coefficients `first` to `last` of its components, and all of their bits if `low` is 0 (ITU-T T.81,
    B.2.2 and B.2.3).
    """
    coefficients: dict[int, set[int]] = {}
    for marker, segment in _jpeg_segments(data):
        if marker in range(0xC0, 0xD0) and marker not in (0xC4, 0xC8, 0xCC) and len(segment) >= 6:
            coefficients = {segment[position]: set() for position in range(6, len(segment), 3)}
        elif marker == 0xDA and segment and len(segment) >= 4 + 2 * segment[0]:
            count = segment[0]
            first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
            for component in segment[1 : 1 + 2 * count : 2]:
                if component in coefficients and bits & 15 == 0:
                    coefficients[component].update(range(first, last + 1))
    return bool(coefficients) and all(found >= set(range(64)) for found in coefficients.values())


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (marker, content) of the segments of a JPEG; the compressed data after a scan's header is passed over."""
    position = 2
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 4 > len(data):
            return
        marker = data[position + 1]
        if marker in (0x00, 0xFF) or 0xD0 <= marker <= 0xD8:  # a byte of the data, padding, or without content
            position += 1 if marker == 0xFF else 2
            continue
        if marker == 0xD9:
            return
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        yield marker, data[position + 4 : position + 2 + length]
        position += 2 + length
