"""What is cut out of a picture, how it is resized, and what becomes of every kind of file."""

import io

import numpy as np
import pytest
from PIL import Image

from dcgan.core.errors import UserError
from dcgan.data.decoding import decode
from dcgan.data.transforms import CropResize, crop_and_resize, crop_and_resize_array
from tests.support.made_data import encode


def numbered(height, width):
    """A picture in which every pixel says where it is: red = row, green = column."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.uint8)


BOXES = {  # picture (height, width), result, crop: rows and columns that are used
    "the largest square of CelebA": ((218, 178), (64, 64), None, (20, 198), (0, 178)),
    "the older recipe of CelebA": ((218, 178), (64, 64), 108, (55, 163), (35, 143)),
    "a wide picture loses its sides": ((50, 90), (32, 32), None, (0, 50), (20, 70)),
    "the shape of the result, not a square": ((100, 100), (96, 64), None, (0, 100), (16, 83)),
    "an odd margin falls to the right": ((10, 13), (10, 10), None, (0, 10), (1, 11)),
}


@pytest.mark.parametrize("name", BOXES)
def test_the_centre_is_cut_out(name):
    (height, width), size, crop, (top, bottom), (left, right) = BOXES[name]
    assert CropResize(size, crop, 3).box(width, height) == (left, top, right, bottom)


def test_a_crop_of_the_final_size_copies_pixels_exactly():
    pixels = numbered(218, 178)
    result = crop_and_resize(Image.fromarray(pixels), CropResize((112, 112), 112, 3))
    np.testing.assert_array_equal(result, pixels[53:165, 33:145])


def test_a_picture_smaller_than_the_crop_is_refused():
    with pytest.raises(ValueError, match="90x200 pixels are less than the crop of 108"):
        crop_and_resize(Image.new("RGB", (90, 200)), CropResize((64, 64), 108, 3))


def test_shrinking_halves_a_ramp_to_the_means_of_its_pixels():
    ramp = np.repeat(np.arange(0, 256, 2, dtype=np.uint8)[None, :, None], 128, axis=0)  # 0, 2, 4, …
    result = crop_and_resize_array(ramp[None], CropResize((64, 64), None, 1))[0, 32, 4:60, 0]
    np.testing.assert_array_equal(result, np.arange(0, 256, 2).reshape(64, 2).mean(axis=1)[4:60])


@pytest.mark.parametrize("side", [64, 96, 250, 1000], ids=lambda side: f"from {side}")
def test_a_fine_chequerboard_becomes_grey_and_no_new_pattern(side):
    board = (np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.uint8)
    inner = crop_and_resize(Image.fromarray(board), CropResize((16, 16), None, 1))[1:-1, 1:-1]
    assert np.abs(inner - 127.5).max() < 8


@pytest.mark.parametrize("turned", [False, True])
def test_a_large_jpeg_is_decoded_at_a_fraction_and_looks_the_same(turned):
    rng = np.random.default_rng(3)
    smooth = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).resize((1201, 901), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6 if turned else 1
    data = encode(smooth, "JPEG", quality=95, exif=exif)
    upright = smooth.transpose(Image.Transpose.ROTATE_270) if turned else smooth
    cut = CropResize((48, 32) if turned else (32, 48), None, 3)
    picture = Image.open(io.BytesIO(data))
    got, whole = crop_and_resize(picture, cut), crop_and_resize(upright, cut)
    assert picture.size == (151, 113)  # an eighth, which is still three times 48x32
    assert np.abs(got.astype(int) - whole).max() <= 6


def test_every_exif_orientation_is_laid_upright():
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8, :8, 0], pixels[:8, 8:, 1] = 255, 255  # red, green over black
    upright = Image.fromarray(pixels)
    ways = Image.Transpose
    undo = {1: None, 2: ways.FLIP_LEFT_RIGHT, 3: ways.ROTATE_180, 4: ways.FLIP_TOP_BOTTOM}
    undo |= {5: ways.TRANSPOSE, 6: ways.ROTATE_90, 7: ways.TRANSVERSE, 8: ways.ROTATE_270}
    for orientation, way in undo.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = encode(upright if way is None else upright.transpose(way), exif=exif)
        np.testing.assert_array_equal(decode(data, CropResize((16, 16), None, 3)), pixels, f"orientation {orientation}")


def test_a_damaged_exif_part_does_not_lose_the_picture():
    data = encode(numbered(8, 8), exif=b"Exif\0\0MM\0*\0\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode(data, CropResize((8, 8), None, 3)), numbered(8, 8))


def one_colour(mode, colour):
    return Image.new(mode, (8, 8), colour)


def palette(colour, **info):
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([0, 0, 0, *colour])
    picture.info |= info
    return picture


KINDS = {  # a file of one colour, and the colour it has to be
    "RGB PNG": (encode(one_colour("RGB", (10, 20, 30))), (10, 20, 30)),
    "grey PNG": (encode(one_colour("L", 77)), (77, 77, 77)),
    "1-bit PNG": (encode(one_colour("1", 1)), (255, 255, 255)),
    "palette PNG": (encode(palette((1, 2, 3))), (1, 2, 3)),
    "palette PNG, seen through": (encode(palette((1, 2, 3)), transparency=1), (255, 255, 255)),
    "half transparent black on white": (encode(one_colour("RGBA", (0, 0, 0, 128))), (127, 127, 127)),
    "transparent grey": (encode(one_colour("LA", (0, 0))), (255, 255, 255)),
    "16-bit grey PNG, scaled and not clipped": (encode(np.full((8, 8), 0x4040, np.uint16)), (64, 64, 64)),
    "16-bit white": (encode(np.full((8, 8), 0xFFFF, np.uint16)), (255, 255, 255)),
    "CMYK JPEG": (encode(one_colour("CMYK", (255, 0, 255, 0)), "JPEG", quality=100), (0, 255, 0)),
    "grey JPEG": (encode(one_colour("L", 90), "JPEG", quality=100), (90, 90, 90)),
    "BMP": (encode(one_colour("RGB", (10, 20, 30)), "BMP"), (10, 20, 30)),
    "WebP": (encode(one_colour("RGB", (10, 20, 30)), "WEBP", lossless=True), (10, 20, 30)),
    "WebP, seen through": (encode(one_colour("RGBA", (9, 9, 9, 0)), "WEBP", lossless=True), (255, 255, 255)),
    "the first frame of a GIF": (
        encode(palette((9, 8, 7)), "GIF", save_all=True, append_images=[palette((200, 0, 0))]),
        (9, 8, 7),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_becomes_8_bit_colour(kind):
    data, colour = KINDS[kind]
    result = decode(data, CropResize((8, 8), None, 3))
    np.testing.assert_allclose(result, np.broadcast_to(colour, (8, 8, 3)), atol=1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_becomes_grey_by_the_luma_of_its_colour(kind):
    data, colour = KINDS[kind]
    result = decode(data, CropResize((8, 8), None, 1))
    assert result.shape == (8, 8, 1)
    np.testing.assert_allclose(result, np.dot(colour, (0.299, 0.587, 0.114)), atol=2)  # ITU-R BT.601


def test_an_array_that_fits_is_given_back_untouched():
    images = np.zeros((2, 28, 28, 1), np.uint8)
    assert crop_and_resize_array(images, CropResize((28, 28), None, 1)) is images
    assert crop_and_resize_array(images, CropResize((28, 28), 28, 1)) is images


def test_an_array_is_cut_and_resized_like_picture_files():
    images = np.random.default_rng(4).integers(0, 256, (3, 30, 40, 3), np.uint8)
    cut = CropResize((16, 16), 24, 3)
    result = crop_and_resize_array(images, cut)
    assert result.shape == (3, 16, 16, 3)
    for pixels, row in zip(images, result, strict=True):
        np.testing.assert_array_equal(decode(encode(pixels), cut), row)


def test_grey_arrays_become_colour_and_colour_grey():
    grey = np.full((1, 8, 8, 1), 50, np.uint8)
    np.testing.assert_array_equal(crop_and_resize_array(grey, CropResize((8, 8), None, 3)), np.full((1, 8, 8, 3), 50))
    np.testing.assert_array_equal(crop_and_resize_array(np.repeat(grey, 3, -1), CropResize((8, 8), None, 1)), grey)


def test_a_crop_larger_than_the_arrays_is_refused():
    with pytest.raises(UserError, match="--crop 30 is more than the 28x28"):
        crop_and_resize_array(np.zeros((2, 28, 28, 1), np.uint8), CropResize((28, 28), 30, 1))
