"""From the bytes of a picture file to its pixels, or to the reason why there are none."""

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
    """A picture that is not in the store, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class EncodedImage:
    """A picture file in memory."""

    name: str
    data: bytes


def decode(data: bytes, cut: CropResize) -> np.ndarray:
    """Decode one picture file and cut it.

    Args:
        data: a file of one of the `FORMATS`; which one is judged by its content.
        cut: what to make of it.

    Returns:
        uint8 (H, W, C).

    Raises:
        Exception: of any kind; Pillow's decoders do not agree on what a damaged file raises.
    """
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        return crop_and_resize(picture, cut)


def read_image_file(path: Path, cut: CropResize, data: bytes | None = None) -> np.ndarray:
    """Read, crop and resize one image file, and name it where it is damaged.

    Args:
        path: the image file.
        cut: the crop and the size of the result.
        data: the content of the file, where it was read before, for example from an archive.

    Returns:
        uint8 (H, W, C).

    Raises:
        UserError: the file can't be read or decoded.
    """
    try:
        return decode(path.read_bytes() if data is None else data, cut)
    except Exception as error:  # Pillow's decoders raise many types
        reason = skip_reason("", error).reason
        raise UserError(f"{path} can't be read: {reason}.", "Remove it, or replace it with another image.") from error


def decode_files(files: Sequence[EncodedImage | SkippedImage], cut: CropResize) -> list[np.ndarray | SkippedImage]:
    """Decode and cut picture files; no file, however broken, stops the others. What is skipped already stays so."""
    return [file if isinstance(file, SkippedImage) else _decode_file(file, cut) for file in files]


def skip_reason(name: str, error: Exception) -> SkippedImage:
    """Why a picture is skipped, in a few words."""
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return SkippedImage(name, "it has more pixels than is sane")
    if isinstance(error, Image.UnidentifiedImageError):
        return SkippedImage(name, "it is no picture of a known format")
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    return SkippedImage(name, text[:120] or type(error).__name__)


@contextlib.contextmanager
def pillow_warnings() -> Iterator[None]:
    """A picture too large to be true is an error; what else Pillow remarks on (Exif, palettes) does not matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _decode_file(file: EncodedImage, cut: CropResize) -> np.ndarray | SkippedImage:
    try:
        return decode(file.data, cut)
    except Exception as error:
        return skip_reason(file.name, error)
