"""From a picture of any mode and size to the pixels the network sees."""

import math
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from dcgan.core.errors import UserError
from dcgan.core.sizes import Size

# Above this many times the final size, whole pixels are averaged before the filter takes over; 3 is what Pillow's
# documentation calls nearly indistinguishable from filtering everything.
REDUCING_GAP = 3.0

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # Exif 2.3, tag 0x0112: how to lay the picture upright
_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)


@dataclass(frozen=True)
class CropResize:
    """What is cut out of every picture, and what becomes of it.

    Args:
        size: (height, width) of the result.
        crop: side of the centred square to cut out; None for the largest centred part of the shape of `size`.
        channels: 1 for grey, 3 for colour.
    """

    size: Size
    crop: int | None
    channels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the result."""
        return *self.size, self.channels

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """The part of a picture that is used: (left, top, right, bottom) in pixels.

        An odd pixel of margin falls to the right and the bottom.

        Raises:
            ValueError: the picture is smaller than `crop`.
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


def crop_and_resize(picture: Image.Image, cut: CropResize) -> np.ndarray:
    """Lay a picture upright, flatten it to grey or colour, cut and resize it (antialiased, bicubic).

    Args:
        picture: of any mode; a JPEG that was not decoded yet is decoded at a fraction of its size if that will do.
        cut: what to make of it.

    Returns:
        uint8 (H, W, C).

    Raises:
        ValueError: the picture is smaller than `cut.crop`.
        Exception: whatever Pillow raises on a damaged file.
    """
    orientation = _orientation(picture)
    lying = replace(cut, size=cut.size[::-1]) if orientation in _TURNED else cut  # as the file has it
    box = lying.box(*picture.size)
    scale = _draft(picture, box, lying.size)
    small = _resize(flatten(picture, cut.channels), tuple(edge * scale for edge in box), lying.size)
    if orientation in _TRANSPOSE:
        small = small.transpose(_TRANSPOSE[orientation])
    return np.asarray(small).reshape(cut.shape)


def flatten(picture: Image.Image, channels: int) -> Image.Image:
    """Turn any mode into 8-bit grey or RGB: palettes looked up, 16 bits scaled, what shines through set on white."""
    if picture.mode.startswith("I"):
        picture = _to_8_bit(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    mode = "L" if channels == 1 else "RGB"
    return picture if picture.mode == mode else picture.convert(mode)


def crop_and_resize_array(images: np.ndarray, cut: CropResize) -> np.ndarray:
    """Do the same to pictures that are pixels already.

    Args:
        images: uint8 (N, H, W, C), C being 1 or 3.
        cut: what to make of each.

    Returns:
        uint8 (N, H', W', C'); `images` itself if nothing is to be done.

    Raises:
        UserError: they are smaller than `cut.crop`.
    """
    height, width, channels = images.shape[1:]
    if cut.crop is not None and cut.crop > min(height, width):
        raise UserError(f"--crop {cut.crop} is more than the {height}x{width} pixels of these images.")
    box = cut.box(width, height)
    if images.shape[1:] == cut.shape and box == (0, 0, width, height):
        return images
    pictures = images[..., 0] if channels == 1 else images
    result = np.empty((len(images), *cut.shape), np.uint8)
    for row, pixels in zip(result, pictures, strict=True):
        small = _resize(flatten(Image.fromarray(pixels), cut.channels), box, cut.size)
        row[:] = np.asarray(small).reshape(cut.shape)
    return result


def _resize(flat: Image.Image, box: tuple[float, ...], size: Size) -> Image.Image:
    """The part `box` of a grey or RGB picture at its final size.

    Pillow's bicubic filter widens as the picture shrinks, so it does not alias; of the libraries compared by Parmar
    et al. 2022 (On Aliased Resizing and Surprising Subtleties in GAN Evaluation) it is the one to resize with.
    """
    left, top = math.floor(box[0]), math.floor(box[1])
    part = flat.crop((left, top, math.ceil(box[2]), math.ceil(box[3])))  # or the filter would look beyond the box
    inner = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    return part.resize(size[::-1], Image.Resampling.BICUBIC, inner, REDUCING_GAP)


def _orientation(picture: Image.Image) -> int:
    """The Exif orientation, 1 to 8; a picture whose Exif part is damaged is taken as it lies."""
    try:
        return picture.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1


def _draft(picture: Image.Image, box: tuple[int, int, int, int], size: Size) -> float:
    """Let a JPEG be decoded at 1/2, 1/4 or 1/8 of its size where `REDUCING_GAP` times the final size remains.

    Returns:
        The fraction: a pixel of the decoded picture is a whole block of the file's, so it is exact.
    """
    across, down = size[1] / (box[2] - box[0]), size[0] / (box[3] - box[1])
    width, height = picture.size
    needed = (math.ceil(width * across * REDUCING_GAP), math.ceil(height * down * REDUCING_GAP))
    drafted = picture.draft(picture.mode, needed)
    return drafted[1][2] / width if drafted else 1


def _to_8_bit(picture: Image.Image) -> Image.Image:
    """Scale 16-bit grey; Pillow's own conversion would clip it at 255."""
    deep = np.clip(np.asarray(picture), 0, 65535).astype(np.uint32)
    return Image.fromarray(((deep * 255 + 32767) // 65535).astype(np.uint8))
