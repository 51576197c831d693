"""From an image of any mode and size to uint8 pixels of the size that the networks use."""

import math
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from dcgan.core.errors import UserError
from dcgan.core.sizes import Size, format_shape

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
_SIDEWAYS = (5, 6, 7, 8)  # orientations that exchange height and width


@dataclass(frozen=True)
class CropResize:
    """Which central part of every image is used, and the size and channels of the result.

    Args:
        size: (height, width) of the result.
        crop: side of the centered square to crop; None for the largest centered part with the aspect ratio of `size`.
        channels: 1 for grayscale, 3 for color.
    """

    size: Size
    crop: int | None
    channels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the result."""
        return *self.size, self.channels

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
        if self.crop is None:
            tall, wide = self.size
            part_width = max(1, min(width, round(height * wide / tall)))
            part_height = max(1, min(height, round(width * tall / wide)))
        elif self.crop > min(width, height):
            raise ValueError(f"{width}x{height} pixels are less than the crop of {self.crop}")
        else:
            part_width = part_height = self.crop
        left, top = (width - part_width) // 2, (height - part_height) // 2
        return left, top, left + part_width, top + part_height


def crop_and_resize(image: Image.Image, transform: CropResize) -> np.ndarray:
    """Turn an image upright, convert it to grayscale or color, crop and resize it (bicubic, antialiased).

    Args:
        image: of any mode; a JPEG that is not decoded yet is decoded at a fraction of its size where that suffices.
        transform: crop, size and channels.

    Returns:
        uint8 (H, W, C).

    Raises:
        ValueError: the image is smaller than `transform.crop`.
        Exception: whatever Pillow raises for a damaged file.
    """
    orientation = _orientation(image)
    stored = replace(transform, size=transform.size[::-1]) if orientation in _SIDEWAYS else transform
    box = stored.box(*image.size)
    scale = _draft(image, box, stored.size)
    result = _resize(flatten(image, transform.channels), tuple(edge * scale for edge in box), stored.size)
    if orientation in _TRANSPOSE:
        result = result.transpose(_TRANSPOSE[orientation])
    return np.asarray(result).reshape(transform.shape)


def flatten(image: Image.Image, channels: int) -> Image.Image:
    """Convert an image of any mode to 8-bit grayscale or RGB.

    Palettes are looked up, 16-bit values are scaled, and transparent pixels are blended with white.

    Args:
        image: of any mode.
        channels: 1 for grayscale, 3 for RGB.

    Returns:
        An image of mode `L` or `RGB`.
    """
    if image.mode.startswith("I"):
        image = _to_8_bit(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    mode = "L" if channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)


def crop_and_resize_array(images: np.ndarray, transform: CropResize) -> np.ndarray:
    """Apply `crop_and_resize` to arrays of pixels.

    Args:
        images: uint8 (N, H, W, C), C being 1 or 3.
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
    if images.shape[1:] == transform.shape and box == (0, 0, width, height):
        return images
    result = np.empty((len(images), *transform.shape), np.uint8)
    for row, pixels in zip(result, images[..., 0] if channels == 1 else images, strict=True):
        image = _resize(flatten(Image.fromarray(pixels), transform.channels), box, transform.size)
        row[:] = np.asarray(image).reshape(transform.shape)
    return result


def _resize(image: Image.Image, box: tuple[float, ...], size: Size) -> Image.Image:
    """Crop a grayscale or RGB image to `box` and resize it.

    Pillow's bicubic filter widens as the image shrinks, so it does not alias; of the libraries compared by Parmar
    et al. 2022 (On Aliased Resizing and Surprising Subtleties in GAN Evaluation) it is the recommended one.
    """
    left, top = math.floor(box[0]), math.floor(box[1])
    part = image.crop((left, top, math.ceil(box[2]), math.ceil(box[3])))  # or the filter would read beyond the box
    inner = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    return part.resize((size[1], size[0]), Image.Resampling.BICUBIC, inner, REDUCING_GAP)


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


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit grayscale to 8 bits; Pillow's own conversion would clip it at 255."""
    deep = np.clip(np.asarray(image), 0, 65535).astype(np.uint32)
    return Image.fromarray(((deep * 255 + 32767) // 65535).astype(np.uint8))
