"""Checksums of what a run keeps, against damage on the disk; they are no protection against somebody who means harm."""

import json
import zlib
from typing import Any


def checksum(*parts: bytes | str) -> str:
    """Return the CRC-32 of bytes and texts, as eight hexadecimal digits.

    Args:
        parts: the contents, one after the other.
    """
    value = 0
    for part in parts:
        value = zlib.crc32(part.encode() if isinstance(part, str) else part, value)
    return f"{value:08x}"


def checksum_of_json(value: Any) -> str:
    """Return the checksum of a value that JSON can represent, the same before it was written and after it was read."""
    return checksum(json.dumps(value))
