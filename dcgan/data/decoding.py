"""From the bytes of an image file to its pixels, or to the reason why it is skipped."""

import contextlib
import hashlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from dcgan.core.errors import UserError
from dcgan.core.system_errors import unreadable
from dcgan.data.deep_images import UnknownRangeError, covering_range, deep_values, is_deep, to_8_bit
from dcgan.data.file_repair import ends_with_zeros, is_jpeg, png_color_profile, possible_jpeg_ends, without_texts
from dcgan.data.formats import FORMATS, describe_unknown, is_heic, load_heic_decoder
from dcgan.data.transforms import CropResize, check_memory, crop_and_resize

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


class UnknownRange(SkippedImage):
    """An image of 16 bits per channel, whose range has to be measured first."""


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
    if isinstance(data, bytes) and is_jpeg(data):
        return _decode_jpeg(data, transform)
    return _decode(data, transform)


def open_image(data: Content, *, pages: bool = False) -> Image.Image:
    """Recognize an image file by its content, and read what stands before its pixels.

    Args:
        data: as for `decode`.
        pages: whether a TIFF may have several pages.

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
        image = Image.open(io.BytesIO(without_texts(data)), formats=formats)
    except Image.UnidentifiedImageError as error:
        raise ValueError(describe_unknown(data)) from error
    if image.format == "TIFF" and not pages:
        _refuse_pages(image)
    return image


def deep_maximum(data: Content) -> int | None:
    """Return the largest value of an image of 16 bits per channel, None for any other image.

    Args:
        data: as for `decode`.

    Raises:
        Exception: of any type; the file is damaged.
    """
    if isinstance(data, np.ndarray) and data.dtype == np.uint16:
        return int(data[..., :3].max()) if data.ndim == 3 else int(data.max())
    with open_image(data) as image:
        if not is_deep(image):
            return None
        check_memory(image)
        values = deep_values(image, lambda: open_image(data))
    return int(values[..., :3].max()) if values.ndim == 3 else int(values.max())


def _decode(data: Content, transform: CropResize) -> np.ndarray:
    if isinstance(data, np.ndarray) and data.dtype == np.uint16:
        if transform.deep_white is None:
            raise UnknownRangeError("it has 16 bits per channel")
        data = to_8_bit(data, transform.deep_white)
    with open_image(data) as image:
        if transform.color_profile == "convert" and image.format == "PNG" and isinstance(data, bytes):
            image.info["icc_profile"] = png_color_profile(data)
        return crop_and_resize(image, transform, lambda: open_image(data))


def _decode_jpeg(data: bytes, transform: CropResize) -> np.ndarray:
    """Decode a JPEG, also one that lacks its end marker if nothing else is missing."""
    try:
        if ends_with_zeros(data):  # which decode to gray
            raise OSError("it is cut off, and nothing but zeros follows")
        return _decode(data, transform)
    except OSError as error:
        ends = possible_jpeg_ends(data)
        if not ends or len({_pixel_digest(ended) for ended in ends}) > 1:
            raise error from None
    return _decode(ends[0], transform)


def _pixel_digest(data: bytes) -> bytes:
    """Return the SHA-256 of all pixels of a file."""
    with open_image(data) as image:
        check_memory(image)
        return hashlib.sha256(np.ascontiguousarray(image).data).digest()


def _image_of_array(pixels: np.ndarray) -> Image.Image:
    """Return the image of an array; a second or fourth channel is transparency."""
    fits = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (1, 2, 3, 4))
    if pixels.dtype not in (np.uint8, np.uint16) or not fits:
        raise ValueError(f"{pixels.dtype} {pixels.shape} is no array of an image")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    return Image.fromarray(np.ascontiguousarray(pixels))


def _refuse_pages(image: Image.Image) -> None:
    """Refuse a TIFF of several pages; a copy in a smaller size is not a page."""
    count = getattr(image, "n_frames", 1)
    pages = 1
    for number in range(1, min(count, _MOST_PAGES)):
        image.seek(number)
        pages += not image.tag_v2.get(_SUBFILE_TYPE, 0) & 1  # type: ignore[attr-defined]
    if pages > 1:
        raise ValueError(f"it is a TIFF of {count} pages; training reads each of them with --frames all")
    image.seek(0)


_SUBFILE_TYPE = 254  # TIFF 6.0, NewSubfileType: bit 0 marks a reduced copy
_MOST_PAGES = 64  # more copies than an image has of itself


def read_image_file(path: Path, transform: CropResize, data: Content | None = None) -> np.ndarray:
    """Read one image file, crop and resize the image.

    Of 16 bits per channel, the image's own range becomes 0 to 255 where the transform names none.

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
        data = path.read_bytes() if data is None else data
        if transform.deep_white is None and (maximum := deep_maximum(data)) is not None:
            transform = replace(transform, deep_white=covering_range(maximum))
        return decode(data, transform)
    except Exception as error:  # Pillow's decoders raise many types
        reason = skip_reason("", error).reason
        raise UserError(f"{path} can't be read: {reason}.", "Remove it, or replace it with another image.") from error


def decode_file(file: EncodedImage | SkippedImage, transform: CropResize) -> np.ndarray | SkippedImage:
    """Decode, crop and resize one image file.

    Args:
        file: its content; one that is skipped already stays so.
        transform: crop, size and channels.

    Returns:
        uint8 (H, W, C), or why it can't be used.

    Raises:
        UserError: the system fails, for example since too many files are open to load a decoder.
        MemoryError: this machine has too little memory left.
    """
    if isinstance(file, SkippedImage):
        return file
    try:
        return decode(file.data, transform)
    except UnknownRangeError as error:
        return UnknownRange(file.name, str(error))
    except MemoryError:  # it says nothing about the file, nor does an error of the system
        raise
    except Exception as error:  # Pillow's decoders raise many types
        if isinstance(error, OSError) and error.errno is not None:
            raise unreadable(file.name, error) from error
        return skip_reason(file.name, error)


def measure_file(file: EncodedImage | SkippedImage) -> int | None:
    """Return the largest value of an image of 16 bits per channel; None for any other file, also one that is broken.

    Args:
        file: its content.
    """
    if isinstance(file, SkippedImage):
        return None
    try:
        return deep_maximum(file.data)
    except Exception:  # it is skipped when it is decoded
        return None


def skip_reason(name: str, error: Exception) -> SkippedImage:
    """Describe in a few words why an image file can't be used.

    Args:
        name: the file's name.
        error: what reading or decoding it raised.

    Returns:
        Name and reason.
    """
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return SkippedImage(name, "it has too many pixels")
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    return SkippedImage(name, text[:120] or type(error).__name__)


@contextlib.contextmanager
def pillow_warnings() -> Iterator[None]:
    """Silence Pillow's warnings (Exif data, palettes); `check_memory` takes the place of its limit of pixels."""
    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        filter_pillow_warnings()
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def filter_pillow_warnings() -> None:
    """Do what `pillow_warnings` does for the rest of the process."""
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None
