"""Images of 16 bits per channel: their values, and the range that becomes 0 to 255.

Cameras, scanners and microscopes store 10, 12 or 14 bits in 16. Divided by 65,535 they would be nearly black, and each
image stretched by itself would lose its brightness. So all images of a dataset are divided by one number.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

DEEPEST = 65535
"""The largest value of 16 bits."""

_LOW_BYTES = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGB;16N": "RGB;16B" if np.little_endian else "RGB;16L",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    "RGBA;16N": "RGBA;16B" if np.little_endian else "RGBA;16L",
    "LA;16B": "RGBA",
}
"""Pillow reads the high byte of every value; its decoder for the other byte order reads the low one. Of gray and
transparency, the four bytes are read as four channels."""


class UnknownRangeError(ValueError):
    """An image has 16 bits per channel, and the range of the dataset is not known."""


def is_deep(image: Image.Image) -> bool:
    """Return whether an image has more than 8 bits per channel.

    Args:
        image: not decoded yet, or of a mode with more bits.
    """
    return image.mode[0] in "IF" or _raw_mode(image) in _LOW_BYTES


def deep_values(image: Image.Image, reopen: Callable[[], Any]) -> np.ndarray:
    """Decode an image with 16 bits per channel in full.

    Args:
        image: an image that `is_deep`, not decoded yet.
        reopen: returns the same image again, not decoded either.

    Returns:
        uint16 (H, W), or (H, W, C) with C = 3 or 4.

    Raises:
        ValueError: it has floating-point or 32-bit values.
    """
    raw_mode = _raw_mode(image)
    if raw_mode in _LOW_BYTES:
        with reopen() as other:
            other.tile = [tile._replace(args=_with_raw_mode(tile.args, _LOW_BYTES[raw_mode])) for tile in other.tile]
            low = np.asarray(other)
        if raw_mode == "LA;16B":
            gray, alpha = (low[..., first] * np.uint16(256) + low[..., first + 1] for first in (0, 2))
            return np.stack([gray, gray, gray, alpha], axis=-1)
        return np.asarray(image) * np.uint16(256) + low
    values = np.asarray(image)
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers; save it with 8 or 16 bits per channel")
    if values.min() < 0 or values.max() > DEEPEST:
        raise ValueError("its pixels have more than 16 bits; save it with 8 or 16 bits per channel")
    return values.astype(np.uint16)


def covering_range(maximum: int) -> int:
    """Return the largest value of as many bits as are used: 4,095 for images of up to 12 bits.

    A little noise more or less in the brightest image does not change it, as it would the maximum itself.

    Args:
        maximum: the largest value of all images, 0 to 65,535.
    """
    return (1 << max(1, int(maximum).bit_length())) - 1


def to_8_bit(values: np.ndarray, white: int) -> np.ndarray:
    """Scale and round values so that 0 to `white` become 0 to 255.

    Args:
        values: uint16 (H, W) or (H, W, C); a fourth channel, transparency, is scaled from 0 to 65,535.
        white: the value that becomes 255; larger ones become 255, too.

    Returns:
        uint8 of the same shape.
    """
    result = _table(white)[values]
    if values.ndim == 3 and values.shape[2] == 4:
        result[..., 3] = _table(DEEPEST)[values[..., 3]]
    return result


def _table(white: int) -> np.ndarray:
    values = np.minimum(np.arange(DEEPEST + 1, dtype=np.uint32), white)
    return ((values * 510 + white) // (2 * white)).astype(np.uint8)


def _raw_mode(image: Image.Image) -> str:
    """Return what Pillow calls the order of bits and bytes in the file, "" for an image in memory."""
    tiles = getattr(image, "tile", None)
    args = tiles[0].args if tiles else ""
    return args if isinstance(args, str) else str(args[0]) if args else ""


def _with_raw_mode(args: str | tuple, raw_mode: str) -> str | tuple:
    return raw_mode if isinstance(args, str) else (raw_mode, *args[1:])
