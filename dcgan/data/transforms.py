"""From an image of any mode and size to uint8 pixels of the size that the networks use."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from PIL import Image

from dcgan.core.colors import Color
from dcgan.core.errors import UserError
from dcgan.core.sizes import Size, format_shape
from dcgan.data.color_profiles import to_srgb
from dcgan.data.deep_images import UnknownRangeError, deep_values, is_deep, to_8_bit

# Above this multiple of the final size, Pillow averages whole pixels before it filters; its documentation calls the
# result of 3 nearly indistinguishable from filtering everything.
REDUCING_GAP = 3.0

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # the operation that undoes an orientation (Exif 2.3, tag 0x0112)
_ORIENTATION = 0x0112
_GRAY_MODES = ("1", "L")
_SIDEWAYS = (5, 6, 7, 8)  # orientations that exchange height and width


Fit = Literal["crop", "pad", "stretch"]
ColorProfile = Literal["ignore", "convert"]

WHITE: Color = (255, 255, 255)

MAX_BYTES = 1 << 30
"""Memory that decoding one image may take; the largest images that fit are named in `docs/training.md`."""


@dataclass(frozen=True)
class CropResize:
    """Which part of every image is used, and the size and channels of the result.

    Args:
        size: (height, width) of the result.
        crop: side of the centered square to crop; None for the whole image, of which `fit` makes the result.
        channels: 1 for grayscale, 3 for color, 4 for color with transparency (premultiplied: red, green and blue are
            at most as large as the transparency); None for 1 where an image is gray throughout, and otherwise 3.
        fit: what becomes of an image of another aspect ratio than `size`: the largest centered part is used (`crop`),
            all of it is used and the rest filled with `background` (`pad`), or it is distorted (`stretch`).
        background: 0 to 255 of red, green and blue: what transparent pixels are blended with, and the color of `pad`;
            with four channels, it is not used, and `pad` is transparent.
        color_profile: whether colors are converted from the file's ICC profile to sRGB.
        deep_white: the value that becomes 255 in images of 16 bits per channel; None where it is not known.
    """

    size: Size
    crop: int | None
    channels: int | None
    fit: Fit = "crop"
    background: Color = WHITE
    color_profile: ColorProfile = "ignore"
    deep_white: int | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the result; the largest one if the number of channels is not known."""
        return *self.size, self.channels or 3

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return the part of an image that is used.

        Args:
            width: width of the image in pixels.
            height: height of the image in pixels.

        Returns:
            (left, top, right, bottom) in pixels; an odd pixel of margin is on the right and at the bottom.

        Raises:
            ValueError: the image is smaller than `crop`.
        """
        if self.crop is not None:
            if self.crop > min(width, height):
                raise ValueError(f"{width}x{height} pixels are less than the crop of {self.crop}")
            part_width = part_height = self.crop
        elif self.fit == "crop":
            tall, wide = self.size
            part_width = max(1, min(width, round(height * wide / tall)))
            part_height = max(1, min(height, round(width * tall / wide)))
        else:
            part_width, part_height = width, height
        left, top = (width - part_width) // 2, (height - part_height) // 2
        return left, top, left + part_width, top + part_height

    def inner_size(self, box: tuple[int, int, int, int]) -> Size:
        """Return (height, width) of the result without what `pad` adds.

        Args:
            box: the part of the image that is used.
        """
        if self.fit != "pad":
            return self.size
        width, height = box[2] - box[0], box[3] - box[1]
        scale = min(self.size[0] / height, self.size[1] / width)
        return max(1, round(height * scale)), max(1, round(width * scale))

    def enlargement(self, width: int, height: int) -> float:
        """Return the factor by which the used part of an image is enlarged, below 1 where it shrinks.

        Args:
            width: width of the image in pixels.
            height: height of the image in pixels.

        Raises:
            ValueError: the image is smaller than `crop`.
        """
        box = self.box(width, height)
        return self.inner_size(box)[0] / (box[3] - box[1])


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height of an image that is turned upright, in pixels."""
    width, height = image.size
    return (height, width) if _orientation(image) in _SIDEWAYS else (width, height)


def crop_and_resize(
    image: Image.Image, transform: CropResize, reopen: Callable[[], Image.Image] | None = None
) -> np.ndarray:
    """Turn an image upright, convert its colors, crop and resize it (bicubic, antialiased).

    Args:
        image: of any mode; a JPEG that is not decoded yet is decoded at a fraction of its size where that suffices.
        transform: crop, size and channels.
        reopen: returns the same image again; needed for the low bytes of a color image of 16 bits per channel.

    Returns:
        uint8 (H, W, C).

    Raises:
        ValueError: the image is smaller than `transform.crop`, or too large to be decoded.
        UnknownRangeError: the image has 16 bits per channel, and `transform.deep_white` is None.
        Exception: whatever Pillow raises for a damaged file.
    """
    deep, is_jpeg = is_deep(image), image.format in ("JPEG", "MPO")
    if not is_jpeg:  # before the orientation, for which Pillow decodes a PNG
        check_memory(image)
    orientation = _orientation(image)
    stored = replace(transform, size=transform.size[::-1]) if orientation in _SIDEWAYS else transform
    box = stored.box(*image.size)
    inner_size = stored.inner_size(box)
    coefficients = _coefficient_bytes(image)
    scale = _draft(image, box, inner_size)
    if is_jpeg:
        check_memory(image, coefficients)
    if deep:
        if transform.deep_white is None:
            raise UnknownRangeError("it has 16 bits per channel")
        values = deep_values(reopen() if reopen else image, reopen or (lambda: image))
        image = _copy_profile(image, Image.fromarray(to_8_bit(values, transform.deep_white)))
    result = _resize_part(image, tuple(edge * scale for edge in box), inner_size, stored)
    if orientation in _TRANSPOSE:
        result = result.transpose(_TRANSPOSE[orientation])
    return _to_array(result, transform)


def check_memory(image: Image.Image, more: int = 0) -> None:
    """Refuse an image whose pixels would take more than `MAX_BYTES` of memory while they are decoded and converted.

    Pillow has one byte per pixel of grayscale, and four of color.

    Args:
        image: not decoded yet.
        more: bytes that the decoder takes besides.

    Raises:
        ValueError: it is too large.
    """
    width, height = image.size
    gray, deep = image.mode[0] in "1LIF", is_deep(image)
    each = (6 if deep else 2) if gray else 24 if deep else 8
    each = 12 if image.has_transparency_data and not deep else each
    needed = width * height * each + more
    if needed > MAX_BYTES:
        raise ValueError(
            f"its {width}x{height} pixels would take {needed / 2**30:.1f} GiB of memory to decode, more than the limit "
            f"of {MAX_BYTES >> 30} GiB; save it smaller"
        )


def flatten(image: Image.Image, channels: int | None, background: Color = WHITE) -> Image.Image:
    """Convert an image of at most 8 bits per channel to grayscale, RGB or premultiplied RGBA.

    Palettes are looked up, and transparent pixels are blended with the background unless transparency is kept.

    Args:
        image: of any mode.
        channels: 1 for grayscale, 3 for RGB, 4 for RGBA; None for grayscale where the mode is gray, and otherwise RGB.
        background: 0 to 255 of red, green and blue.

    Returns:
        An image of mode `L`, `RGB` or `RGBa`.
    """
    if channels == 4:
        return (image if image.mode == "RGBA" else image.convert("RGBA")).convert("RGBa")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, background), image)
    mode = "L" if channels == 1 or (channels is None and image.mode in _GRAY_MODES) else "RGB"
    return image if image.mode == mode else image.convert(mode)


def crop_and_resize_array(images: np.ndarray, transform: CropResize) -> np.ndarray:
    """Apply `crop_and_resize` to arrays of pixels.

    Args:
        images: uint8 (N, H, W, C), C being 1, 3 or 4.
        transform: crop, size and channels.

    Returns:
        uint8 (N, H', W', C'); `images` itself where nothing changes.

    Raises:
        UserError: the images are smaller than `transform.crop`.
    """
    height, width, channels = images.shape[1:]
    if transform.crop is not None and transform.crop > min(height, width):
        raise UserError(
            f"--crop {transform.crop} is more than the {format_shape((height, width))} pixels of these images.",
            f"Use --crop {min(height, width)} or less.",
        )
    box = transform.box(width, height)
    if (
        images.shape[1:] == transform.shape
        and box == (0, 0, width, height)
        and transform.inner_size(box)
        == (
            height,
            width,
        )
    ):
        return images
    result = np.empty((len(images), *transform.shape), np.uint8)
    for row, pixels in zip(result, images[..., 0] if channels == 1 else images, strict=True):
        row[:] = _to_array(_resize_part(Image.fromarray(pixels), box, transform.inner_size(box), transform), transform)
    return result


def _resize_part(image: Image.Image, box: tuple[float, ...], size: Size, transform: CropResize) -> Image.Image:
    """Crop an image to `box`, convert its colors and resize it."""
    left, top = math.floor(box[0]), math.floor(box[1])
    edges = (left, top, math.ceil(box[2]), math.ceil(box[3]))
    part = image.crop(edges) if edges != (0, 0, *image.size) else image  # or the filter would read beyond the box
    if transform.color_profile == "convert":
        part = to_srgb(part)
    keeps_gray = transform.channels == 3 and part.mode in _GRAY_MODES and not part.has_transparency_data
    part = flatten(part, 1 if keeps_gray else transform.channels, transform.background)
    return _resize(part, (box[0] - left, box[1] - top, box[2] - left, box[3] - top), size)


def _to_array(image: Image.Image, transform: CropResize) -> np.ndarray:
    """Return uint8 (H, W, C) of a resized image, with the margin of `pad`."""
    if image.mode == "RGBa":
        pixels = np.asarray(image)
        pixels = np.minimum(pixels, pixels[..., 3:])  # bicubic interpolation overshoots
    else:
        pixels = np.asarray(image).reshape(image.height, image.width, -1)
    fits = pixels.shape[:2] == transform.size
    if pixels.shape[2] == 1 and (transform.channels == 3 or not (fits or transform.channels)):
        pixels = np.repeat(pixels, 3, axis=2)
    if not fits:
        pixels = _pad(pixels, transform)
    if transform.channels is None and (pixels == pixels[..., :1]).all():
        return pixels[..., :1]
    return pixels


def _pad(pixels: np.ndarray, transform: CropResize) -> np.ndarray:
    """Center an image on the background; an odd pixel of margin is on the right and at the bottom."""
    height, width, channels = pixels.shape
    color = np.array((0, 0, 0, 0) if channels == 4 else transform.background)
    if channels == 1:
        color = np.asarray(Image.new("RGB", (1, 1), transform.background).convert("L")).reshape(1)
    result = np.empty((*transform.size, channels), np.uint8)
    result[:] = color
    top, left = (transform.size[0] - height) // 2, (transform.size[1] - width) // 2
    result[top : top + height, left : left + width] = pixels
    return result


def _resize(image: Image.Image, box: tuple[float, float, float, float], size: Size) -> Image.Image:
    """Resize the part `box` of a grayscale, RGB or premultiplied image.

    Pillow's bicubic filter widens as the image shrinks, so it does not alias; of the libraries compared by Parmar
    et al. 2022 (On Aliased Resizing and Surprising Subtleties in GAN Evaluation) it is the recommended one.
    """
    return image.resize((size[1], size[0]), Image.Resampling.BICUBIC, box, REDUCING_GAP)


def _orientation(image: Image.Image) -> int:
    """Return the Exif orientation, 1 to 8; an image with damaged Exif data counts as upright."""
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1


def _draft(image: Image.Image, box: tuple[int, int, int, int], size: Size) -> float:
    """Let a JPEG be decoded at 1/2, 1/4 or 1/8 of its size where `REDUCING_GAP` times the final size remains.

    Returns:
        The exact fraction: a pixel of the decoded image is a whole block of the file's pixels.
    """
    across, down = size[1] / (box[2] - box[0]), size[0] / (box[3] - box[1])
    width, height = image.size
    needed = (math.ceil(width * across * REDUCING_GAP), math.ceil(height * down * REDUCING_GAP))
    drafted = image.draft(image.mode, needed)
    return drafted[1][2] / width if drafted else 1


def _coefficient_bytes(image: Image.Image) -> int:
    """Return what a progressive JPEG takes until its last scan: two bytes per coefficient, whatever its final size."""
    layers = getattr(image, "layer", None)
    if not (image.info.get("progressive") and layers):
        return 0
    across, down = (max(layer[axis] for layer in layers) for axis in (1, 2))
    return 2 * math.prod(image.size) * sum(layer[1] * layer[2] for layer in layers) // (across * down)


def _copy_profile(source: Image.Image, image: Image.Image) -> Image.Image:
    """Give an image the ICC profile of the one that it was made from."""
    image.info.update({key: value for key, value in source.info.items() if key == "icc_profile"})
    return image
