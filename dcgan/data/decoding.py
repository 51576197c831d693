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
from dcgan.data.formats import FORMATS, describe_unknown, is_heic, load_heic_decoder
from dcgan.data.transforms import CropResize, crop_and_resize

Content = bytes | np.ndarray
"""The content of an image file, or pixels that need no decoding: uint8 or uint16 (H, W) or (H, W, C), C from 1 to 4."""


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
        data: its bytes, or the pixels of an array.
    """

    name: str
    data: Content


def decode(data: Content, transform: CropResize) -> np.ndarray:
    """Decode an image file, crop and resize the image.

    Args:
        data: a file of one of the `FORMATS` or HEIC, recognized by content; of several frames, the first one is
            decoded. Or an array of pixels.
        transform: crop, size and channels.

    Returns:
        uint8 (H, W, C).

    Raises:
        Exception: of any type; Pillow's decoders raise many for damaged files.
    """
    with open_image(data) as image:
        return crop_and_resize(image, transform)


def open_image(data: Content) -> Image.Image:
    """Recognize an image file by its content, and read what stands before its pixels.

    Args:
        data: as for `decode`.

    Returns:
        The image, whose pixels are decoded when they are first needed.

    Raises:
        ValueError: it is no image, or of a format that is not read; the message says what it is.
        Exception: of any type; the file is damaged.
    """
    if isinstance(data, np.ndarray):
        return _image_of_array(data)
    formats = load_heic_decoder() if is_heic(data) else FORMATS
    try:
        image = Image.open(io.BytesIO(data), formats=formats)
    except Image.UnidentifiedImageError as error:
        raise ValueError(describe_unknown(data)) from error
    if image.format == "TIFF":
        _refuse_pages(image)
    return image


def _image_of_array(pixels: np.ndarray) -> Image.Image:
    """Return the image of an array; a second or fourth channel is transparency."""
    fits = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (1, 2, 3, 4))
    if pixels.dtype not in (np.uint8, np.uint16) or not fits:
        raise ValueError(f"{pixels.dtype} {pixels.shape} is no array of an image")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype == np.uint16 and pixels.ndim == 3:
        pixels = ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels))


def _refuse_pages(image: Image.Image) -> None:
    """Refuse a TIFF of several pages; a copy in a smaller size is not a page."""
    count = getattr(image, "n_frames", 1)
    pages = 1
    for number in range(1, min(count, _MOST_PAGES)):
        image.seek(number)
        pages += not image.tag_v2.get(_SUBFILE_TYPE, 0) & 1  # type: ignore[attr-defined]
    if pages > 1:
        raise ValueError(f"it is a TIFF of {count} pages; save each page as a file of its own")
    image.seek(0)


_SUBFILE_TYPE = 254  # TIFF 6.0, NewSubfileType: bit 0 marks a reduced copy
_MOST_PAGES = 64  # more copies than an image has of itself


def read_image_file(path: Path, transform: CropResize, data: Content | None = None) -> np.ndarray:
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
