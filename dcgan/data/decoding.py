"""From the bytes of an image file to its pixels, or to the reason why it is skipped."""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dcgan.core.errors import UserError
from dcgan.data.transforms import CropResize, crop_and_resize

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF")


@dataclass(frozen=True)
class SkippedImage:
    """An image file that can't be used.

    Args:
        name: the file's name.
        reason: why it is skipped.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class EncodedImage:
    """The content of an image file.

    Args:
        name: the file's name.
        data: its bytes.
    """

    name: str
    data: bytes


def decode(data: bytes, transform: CropResize) -> np.ndarray:
    """Decode an image file, crop and resize the image.

    Args:
        data: a file of one of the `FORMATS`, recognized by content.
        transform: crop, size and channels.

    Returns:
        uint8 (H, W, C).

    Raises:
        Exception: of any type; Pillow's decoders raise many for damaged files.
    """
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        return crop_and_resize(image, transform)


def read_image_file(path: Path, transform: CropResize, data: bytes | None = None) -> np.ndarray:
    """Read one image file, crop and resize the image.

    Args:
        path: the image file.
        transform: crop, size and channels.
        data: the content of the file, where it was read before, for example from an archive.

    Returns:
        uint8 (H, W, C).

    Raises:
        UserError: the file can't be read or decoded.
    """
    try:
        return decode(path.read_bytes() if data is None else data, transform)
    except Exception as error:  # Pillow's decoders raise many types
        reason = skip_reason("", error).reason
        raise UserError(f"{path} can't be read: {reason}.", "Remove it, or replace it with another image.") from error


def decode_files(
    files: Sequence[EncodedImage | SkippedImage], transform: CropResize
) -> list[np.ndarray | SkippedImage]:
    """Decode, crop and resize image files; a broken file does not affect the others.

    Args:
        files: contents of image files; those that are skipped already stay so.
        transform: crop, size and channels.

    Returns:
        uint8 (H, W, C) or a `SkippedImage` per file.
    """
    return [file if isinstance(file, SkippedImage) else _decode_file(file, transform) for file in files]


def skip_reason(name: str, error: Exception) -> SkippedImage:
    """Describe in a few words why an image file can't be used.

    Args:
        name: the file's name.
        error: what reading or decoding it raised.

    Returns:
        Name and reason.
    """
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return SkippedImage(name, f"it has more pixels than the limit of {Image.MAX_IMAGE_PIXELS:,}")
    if isinstance(error, Image.UnidentifiedImageError):
        return SkippedImage(name, "it is not an image of a known format")
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    return SkippedImage(name, text[:120] or type(error).__name__)


@contextlib.contextmanager
def pillow_warnings() -> Iterator[None]:
    """Raise Pillow's warning about oversized images as an error, and silence its others (Exif data, palettes)."""
    with warnings.catch_warnings():
        filter_pillow_warnings()
        yield


def filter_pillow_warnings() -> None:
    """Set the filters of `pillow_warnings` for the rest of the process."""
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def _decode_file(file: EncodedImage, transform: CropResize) -> np.ndarray | SkippedImage:
    try:
        return decode(file.data, transform)
    except Exception as error:
        return skip_reason(file.name, error)
