"""How an image of any file format is cropped, resized and converted."""

import io

import numpy as np
import pytest
from PIL import Image

from dcgan.core.errors import UserError
from dcgan.data.decoding import decode
from dcgan.data.transforms import CropResize, crop_and_resize, crop_and_resize_array
from tests.support.synthetic_datasets import encode_image


def numbered(height, width):
    """An image whose pixels are their own position: red = row, green = column."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.uint8)


BOXES = {  # image (height, width), result, crop: rows and columns that are used
    "the largest square of CelebA": ((218, 178), (64, 64), None, (20, 198), (0, 178)),
    "the older preprocessing of CelebA": ((218, 178), (64, 64), 108, (55, 163), (35, 143)),
    "a wide image loses its sides": ((50, 90), (32, 32), None, (0, 50), (20, 70)),
    "the shape of the result, not a square": ((100, 100), (96, 64), None, (0, 100), (16, 83)),
    "an odd margin falls to the right": ((10, 13), (10, 10), None, (0, 10), (1, 11)),
}


@pytest.mark.parametrize("name", BOXES)
def test_the_center_is_cropped(name):
    (height, width), size, crop, (top, bottom), (left, right) = BOXES[name]
    assert CropResize(size, crop, 3).box(width, height) == (left, top, right, bottom)


def test_a_crop_of_the_final_size_copies_pixels_exactly():
    pixels = numbered(218, 178)
    result = crop_and_resize(Image.fromarray(pixels), CropResize((112, 112), 112, 3))
    np.testing.assert_array_equal(result, pixels[53:165, 33:145])


def test_an_image_smaller_than_the_crop_is_refused():
    with pytest.raises(ValueError, match="90x200 pixels are less than the crop of 108"):
        crop_and_resize(Image.new("RGB", (90, 200)), CropResize((64, 64), 108, 3))


def test_downsampling_a_ramp_by_two_gives_the_means_of_its_pixels():
    ramp = np.repeat(np.arange(0, 256, 2, dtype=np.uint8)[None, :, None], 128, axis=0)  # 0, 2, 4, …
    result = crop_and_resize_array(ramp[None], CropResize((64, 64), None, 1))[0, 32, 4:60, 0]
    np.testing.assert_array_equal(result, np.arange(0, 256, 2).reshape(64, 2).mean(axis=1)[4:60])


@pytest.mark.parametrize("side", [64, 96, 250, 1000], ids=lambda side: f"from {side}")
def test_a_fine_checkerboard_becomes_gray_without_aliasing(side):
    board = (np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.uint8)
    inner = crop_and_resize(Image.fromarray(board), CropResize((16, 16), None, 1))[1:-1, 1:-1]
    assert np.abs(inner - 127.5).max() < 8


@pytest.mark.parametrize("rotated", [False, True])
def test_a_large_jpeg_is_decoded_at_a_fraction_and_looks_the_same(rotated):
    rng = np.random.default_rng(3)
    smooth = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).resize((1201, 901), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6 if rotated else 1
    data = encode_image(smooth, "JPEG", quality=95, exif=exif)
    upright = smooth.transpose(Image.Transpose.ROTATE_270) if rotated else smooth
    transform = CropResize((48, 32) if rotated else (32, 48), None, 3)
    image = Image.open(io.BytesIO(data))
    drafted, whole = crop_and_resize(image, transform), crop_and_resize(upright, transform)
    assert image.size == (151, 113)  # an eighth, which is still three times 48x32
    assert np.abs(drafted.astype(int) - whole).max() <= 6


def test_every_exif_orientation_is_turned_upright():
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8, :8, 0], pixels[:8, 8:, 1] = 255, 255  # red, green over black
    upright = Image.fromarray(pixels)
    flips = Image.Transpose
    undo = {1: None, 2: flips.FLIP_LEFT_RIGHT, 3: flips.ROTATE_180, 4: flips.FLIP_TOP_BOTTOM}
    undo |= {5: flips.TRANSPOSE, 6: flips.ROTATE_90, 7: flips.TRANSVERSE, 8: flips.ROTATE_270}
    for orientation, flip in undo.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = encode_image(upright if flip is None else upright.transpose(flip), exif=exif)
        np.testing.assert_array_equal(decode(data, CropResize((16, 16), None, 3)), pixels, f"orientation {orientation}")


def test_damaged_exif_data_is_ignored():
    data = encode_image(numbered(8, 8), exif=b"Exif\0\0MM\0*\0\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode(data, CropResize((8, 8), None, 3)), numbered(8, 8))


def solid(mode, color):
    return Image.new(mode, (8, 8), color)


def palette(color, **info):
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, *color])
    image.info |= info
    return image


FILES = {  # a file of one color, and the expected color
    "RGB PNG": (encode_image(solid("RGB", (10, 20, 30))), (10, 20, 30)),
    "gray PNG": (encode_image(solid("L", 77)), (77, 77, 77)),
    "1-bit PNG": (encode_image(solid("1", 1)), (255, 255, 255)),
    "palette PNG": (encode_image(palette((1, 2, 3))), (1, 2, 3)),
    "transparent palette PNG": (encode_image(palette((1, 2, 3)), transparency=1), (255, 255, 255)),
    "half transparent black on white": (encode_image(solid("RGBA", (0, 0, 0, 128))), (127, 127, 127)),
    "transparent gray": (encode_image(solid("LA", (0, 0))), (255, 255, 255)),
    "16-bit gray PNG, scaled and not clipped": (encode_image(np.full((8, 8), 0x4040, np.uint16)), (64, 64, 64)),
    "16-bit white": (encode_image(np.full((8, 8), 0xFFFF, np.uint16)), (255, 255, 255)),
    "CMYK JPEG": (encode_image(solid("CMYK", (255, 0, 255, 0)), "JPEG", quality=100), (0, 255, 0)),
    "gray JPEG": (encode_image(solid("L", 90), "JPEG", quality=100), (90, 90, 90)),
    "BMP": (encode_image(solid("RGB", (10, 20, 30)), "BMP"), (10, 20, 30)),
    "WebP": (encode_image(solid("RGB", (10, 20, 30)), "WEBP", lossless=True), (10, 20, 30)),
    "transparent WebP": (encode_image(solid("RGBA", (9, 9, 9, 0)), "WEBP", lossless=True), (255, 255, 255)),
    "the first frame of a GIF": (
        encode_image(palette((9, 8, 7)), "GIF", save_all=True, append_images=[palette((200, 0, 0))]),
        (9, 8, 7),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_every_file_format_becomes_8_bit_color(name):
    data, color = FILES[name]
    result = decode(data, CropResize((8, 8), None, 3, deep_white=65535))
    np.testing.assert_allclose(result, np.broadcast_to(color, (8, 8, 3)), atol=1)


@pytest.mark.parametrize("name", FILES)
def test_every_file_format_becomes_gray_by_the_luma_of_its_color(name):
    data, color = FILES[name]
    result = decode(data, CropResize((8, 8), None, 1, deep_white=65535))
    assert result.shape == (8, 8, 1)
    np.testing.assert_allclose(result, np.dot(color, (0.299, 0.587, 0.114)), atol=2)  # ITU-R BT.601


def test_an_array_of_the_final_shape_is_returned_as_it_is():
    images = np.zeros((2, 28, 28, 1), np.uint8)
    assert crop_and_resize_array(images, CropResize((28, 28), None, 1)) is images
    assert crop_and_resize_array(images, CropResize((28, 28), 28, 1)) is images


def test_an_array_is_cropped_and_resized_like_image_files():
    images = np.random.default_rng(4).integers(0, 256, (3, 30, 40, 3), np.uint8)
    transform = CropResize((16, 16), 24, 3)
    result = crop_and_resize_array(images, transform)
    assert result.shape == (3, 16, 16, 3)
    for pixels, row in zip(images, result, strict=True):
        np.testing.assert_array_equal(decode(encode_image(pixels), transform), row)


def test_gray_arrays_become_color_and_color_arrays_gray():
    gray = np.full((1, 8, 8, 1), 50, np.uint8)
    np.testing.assert_array_equal(crop_and_resize_array(gray, CropResize((8, 8), None, 3)), np.full((1, 8, 8, 3), 50))
    np.testing.assert_array_equal(crop_and_resize_array(np.repeat(gray, 3, -1), CropResize((8, 8), None, 1)), gray)


def test_a_crop_larger_than_the_arrays_is_refused():
    with pytest.raises(UserError, match="`crop=30` is more than the 28x28"):
        crop_and_resize_array(np.zeros((2, 28, 28, 1), np.uint8), CropResize((28, 28), 30, 1))
