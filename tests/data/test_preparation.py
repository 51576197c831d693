"""What the images decide: one channel for gray ones, one range for those of 16 bits; and fit, background, colors."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from dcgan.config import PrepareConfig
from dcgan.core.errors import UserError
from dcgan.data import dataset_cache, load
from dcgan.data.decoding import decode, deep_maximum, read_image_file
from dcgan.data.deep_images import covering_range
from dcgan.data.transforms import CropResize
from tests.support.synthetic_datasets import encode_image, write_files

SIDE = 16


def config(root, **options):
    return PrepareConfig("folder", data_dir=root, image_size=SIDE, cache_dir=root.parent / "caches", **options)


def gray(number):
    return encode_image(Image.new("L", (SIDE, SIDE), 10 * number))


def colored():
    return encode_image(Image.new("RGB", (SIDE, SIDE), (200, 10, 10)))


def many_gray(count=40):
    return {f"{number:03d}.png": gray(number % 25) for number in range(count)}


def forget_reports():
    dataset_cache.report_pixels.cache_clear()


def test_a_folder_that_is_gray_throughout_has_one_channel_and_says_so(tmp_path, capsys):
    images = load(config(write_files(tmp_path / "p", many_gray()))).images
    assert images.shape == (40, SIDE, SIDE, 1)
    assert images[:, 0, 0, 0].tolist() == [10 * (number % 25) for number in range(40)]
    assert "all images are gray, so they have 1 channel; --channels 3 makes it 3" in capsys.readouterr().err
    assert load(config(tmp_path / "p", channels=3)).images.shape[3] == 3


def test_gray_pixels_count_and_not_the_mode_of_the_file(tmp_path):
    files = many_gray(5) | {"x.png": encode_image(Image.new("RGB", (SIDE, SIDE), (7, 7, 7)))}
    assert load(config(write_files(tmp_path / "p", files))).channels == 1


@pytest.mark.parametrize(
    "name", ["000a.png", "007a.png", "020a.png", "zzz.png"], ids=["first", "second", "middle", "last"]
)
def test_one_image_with_color_makes_all_of_them_color(tmp_path, name):
    files = many_gray() | {name: colored()}
    images = load(config(write_files(tmp_path / "p", files))).images
    assert images.shape == (41, SIDE, SIDE, 3)
    index = sorted(files).index(name)
    assert images[index, 0, 0].tolist() == [200, 10, 10]


def test_what_the_images_decided_is_prepared_once_and_found_by_the_number_of_channels_too(tmp_path):
    root = write_files(tmp_path / "p", many_gray())
    load(config(root))
    (folder,) = (path for path in (tmp_path / "caches").iterdir() if path.is_dir())
    born = (folder / "images.npy").stat().st_mtime_ns
    for channels in (None, 1):
        assert load(config(root, channels=channels)).channels == 1
    assert (folder / "images.npy").stat().st_mtime_ns == born
    assert len([path for path in (tmp_path / "caches").iterdir() if path.is_dir()]) == 1


def test_channels_that_were_asked_for_do_not_make_a_folder_gray(tmp_path):
    root = write_files(tmp_path / "p", {f"{number}.png": colored() for number in range(4)})
    assert load(config(root, channels=1)).channels == 1
    assert load(config(root)).channels == 3


def png16(values):
    """A PNG of 16 bits per channel, written by hand: Pillow writes gray ones only."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = {b"IHDR": struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)}
    parts |= {b"IDAT": zlib.compress(rows), b"IEND": b""}
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def deep(channels, maximum=4095, seed=0):
    values = np.random.default_rng(seed).integers(0, maximum + 1, (SIDE, SIDE, channels)).astype(np.uint16)
    values[0, 0] = maximum
    return values


@pytest.mark.parametrize(("maximum", "expected"), [(0, 1), (1, 1), (255, 255), (256, 511), (3000, 4095), (4095, 4095)])
def test_the_range_is_that_of_the_bits_in_use(maximum, expected):
    assert covering_range(maximum) == expected
    assert covering_range(65535) == 65535


@pytest.mark.parametrize("channels", [1, 3], ids=["gray", "color"])
def test_16_bit_images_are_scaled_by_one_factor_for_the_whole_set_and_it_is_said(tmp_path, capsys, channels):
    values = [deep(channels, maximum, seed) for seed, maximum in enumerate((4000, 300, 2000))]
    files = {f"{number}.png": png16(image) for number, image in enumerate(values)}
    images = load(config(write_files(tmp_path / "p", files))).images
    for image, source in zip(images, values, strict=True):
        np.testing.assert_allclose(image.astype(float), source * 255.0 / 4095, atol=0.51)
    assert "values of 0 to 4,095 in 16-bit images are scaled to 0 to 255" in capsys.readouterr().err
    forget_reports()
    load(config(tmp_path / "p"))
    assert "0 to 4,095" in capsys.readouterr().err  # of the cache


def test_a_late_16_bit_image_among_others_is_found(tmp_path):
    values = deep(1, 1000)
    files = many_gray() | {"020a.png": png16(values)}
    images = load(config(write_files(tmp_path / "p", files))).images
    np.testing.assert_allclose(images[21].astype(float), values * 255.0 / 1023, atol=0.51)
    assert images[20, 0, 0, 0] == 200


def test_transparency_of_16_bits_keeps_its_own_range(tmp_path):
    values = deep(2, 4095)
    values[..., 1] = 65535
    root = write_files(tmp_path / "p", {"1.png": png16(values)})
    image = load(config(root, channels=4)).images[0]
    np.testing.assert_allclose(image[..., 0].astype(float), values[..., 0] * 255.0 / 4095, atol=0.51)
    assert (image[..., 3] == 255).all()


def test_arrays_and_tiff_files_of_16_bits_are_measured_too():
    values = deep(1)[..., 0]
    assert deep_maximum(values) == 4095
    assert deep_maximum(encode_image(values, "TIFF")) == 4095
    assert deep_maximum(encode_image(values, "TIFF", compression="tiff_lzw")) == 4095
    assert deep_maximum(gray(3)) is None
    result = decode(values, CropResize((SIDE, SIDE), None, 1, deep_white=4095))[..., 0]
    np.testing.assert_allclose(result.astype(float), values * 255.0 / 4095, atol=0.51)


def test_one_image_alone_is_scaled_by_its_own_range(tmp_path):
    (tmp_path / "1.png").write_bytes(png16(deep(1, 1000)))
    assert read_image_file(tmp_path / "1.png", CropResize((SIDE, SIDE), None, 1)).max() == 249  # 1000 of 1023


def test_floating_point_pixels_are_refused_in_words(tmp_path):
    (tmp_path / "1.tif").write_bytes(encode_image(Image.new("F", (SIDE, SIDE), 0.5), "TIFF"))
    with pytest.raises(UserError, match="its pixels are floating-point numbers"):
        read_image_file(tmp_path / "1.tif", CropResize((SIDE, SIDE), None, 1))


def test_more_unreadable_images_than_1_in_10_are_left_out_on_request(tmp_path):
    root = write_files(
        tmp_path / "p", {f"{number}.png": colored() for number in range(3)} | {"x.png": b"", "y.png": b""}
    )
    with pytest.raises(UserError, match="More than 1 in 10") as caught:
        load(config(root))
    assert "--skip-unreadable" in caught.value.hint
    assert len(load(config(root, skip_unreadable=True))) == 3
    with pytest.raises(UserError, match="More than 1 in 10"):
        load(config(root))  # the cache is there
    write_files(tmp_path / "q", {"x.png": b"", "y.png": b""})
    with pytest.raises(UserError, match="None of the 2 images"):
        load(config(tmp_path / "q", skip_unreadable=True))


WIDE = np.repeat(np.arange(32, dtype=np.uint8)[None, :, None] * 8, 16, axis=0).repeat(3, axis=2)


def test_fit_crops_pads_or_stretches():
    crop, pad, stretch = (
        decode(encode_image(WIDE), CropResize((SIDE, SIDE), None, 3, fit=fit, background=(9, 8, 7)))
        for fit in ("crop", "pad", "stretch")
    )
    np.testing.assert_array_equal(crop, WIDE[:, 8:24])
    assert (pad[:4] == (9, 8, 7)).all()
    assert (pad[12:] == (9, 8, 7)).all()
    whole = np.asarray(Image.fromarray(WIDE).resize((16, 8), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(pad[4:12], whole)
    np.testing.assert_array_equal(stretch, np.asarray(Image.fromarray(WIDE).resize((16, 16), Image.Resampling.BICUBIC)))


def test_transparent_pixels_are_blended_with_the_background():
    half = encode_image(Image.new("RGBA", (8, 8), (255, 0, 0, 128)))
    result = decode(half, CropResize((8, 8), None, 3, background=(0, 0, 255)))
    np.testing.assert_allclose(result[0, 0], (128, 0, 127), atol=1)


def test_four_channels_are_premultiplied_and_padded_with_nothing():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 32, 4), np.uint8)
    exact = decode(encode_image(pixels), CropResize((16, 32), None, 4))
    np.testing.assert_array_equal(exact, np.asarray(Image.fromarray(pixels).convert("RGBa")))
    padded = decode(encode_image(pixels), CropResize((SIDE, SIDE), None, 4, fit="pad"))
    assert not padded[:4].any()
    assert (padded[..., :3] <= padded[..., 3:]).all()
    opaque = decode(encode_image(pixels[..., :3]), CropResize((16, 32), None, 4))
    assert (opaque[..., 3] == 255).all()


def test_invisible_colors_do_not_leak_into_what_is_visible():
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[..., 1] = 255  # invisible green
    pixels[8:24, 8:24] = (255, 0, 0, 255)
    result = decode(encode_image(pixels), CropResize((8, 8), None, 4))
    assert result[..., 1].max() == 0


@pytest.mark.parametrize("options", [{"crop": 8, "fit": "pad"}, {"channels": 4, "background": "black"}])
def test_options_that_exclude_each_other_are_refused(tmp_path, options):
    with pytest.raises(UserError) as caught:
        load(config(write_files(tmp_path / "p", many_gray(2)), **options))
    assert all(name in caught.value.problem for name in options)


def test_colors_of_a_profile_are_converted_only_on_request():
    lab_like = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    swapped = bytearray(lab_like.tobytes())
    red, green = swapped.index(b"rXYZ"), swapped.index(b"gXYZ")  # in the table of tags: red becomes green
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
    image = Image.new("RGB", (8, 8), (200, 30, 30))
    for form in ("PNG", "JPEG", "WEBP", "TIFF"):
        options = {"quality": 100, "subsampling": 0} if form == "JPEG" else {"lossless": True} if form == "WEBP" else {}
        data = encode_image(image, form, icc_profile=bytes(swapped), **options)
        plain = decode(data, CropResize((8, 8), None, 3))[0, 0]
        np.testing.assert_allclose(plain, (200, 30, 30), atol=2)
        converted = decode(data, CropResize((8, 8), None, 3, color_profile="convert"))[0, 0]
        np.testing.assert_allclose(converted, (30, 200, 30), atol=6)
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(bytes(swapped))), ImageCms.createProfile("sRGB")
        with Image.open(io.BytesIO(data)) as opened:
            expected = ImageCms.profileToProfile(opened.convert("RGB"), source, target)
        np.testing.assert_array_equal(converted, np.asarray(expected)[0, 0])


@pytest.mark.parametrize("profile", [b"", b"no profile", bytes(3000)])
def test_a_damaged_profile_is_ignored(profile):
    data = encode_image(Image.new("RGB", (8, 8), (200, 30, 30)), icc_profile=profile)
    assert decode(data, CropResize((8, 8), None, 3, color_profile="convert"))[0, 0].tolist() == [200, 30, 30]


def test_large_photographs_are_decoded_up_to_a_bound_of_memory(tmp_path):
    scan = encode_image(Image.new("1", (30_000, 3000), 1))  # 90 megapixels
    photograph = encode_image(Image.new("L", (12_000, 9000), 77), "JPEG")  # 108
    root = write_files(tmp_path / "p", {"1.png": scan, "2.jpg": photograph})
    assert load(config(root)).images[:, 0, 0, 0].tolist() == [255, 77]
