"""Every image format is decoded by its content; a file of another format is named."""

import io
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from dcgan.data.decoding import EncodedImage, SkippedImage, decode, decode_file
from dcgan.data.file_repair import png_chunks, without_texts
from dcgan.data.formats import describe_unknown
from dcgan.data.transforms import CropResize
from tests.support.synthetic_datasets import encode_image

SIZE = (24, 32)
COLOR, GRAY = CropResize(SIZE, None, 3), CropResize(SIZE, None, 1)


def example(mode="RGB", seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(pixels).resize(SIZE[::-1], Image.Resampling.NEAREST).convert(mode)


FILES = {  # format and options of Pillow's writer, and the mode of the image
    "JPEG": ("JPEG", "RGB", {}),
    "progressive JPEG": ("JPEG", "RGB", {"progressive": True}),
    "MPO, as stereo cameras and phones write it": (
        "MPO",
        "RGB",
        {"save_all": True, "append_images": [example(seed=1)]},
    ),
    "PNG": ("PNG", "RGB", {}),
    "APNG, the first frame": ("PNG", "RGB", {"save_all": True, "append_images": [example(seed=1)]}),
    "WebP": ("WEBP", "RGB", {"lossless": True}),
    "animated WebP, the first frame": (
        "WEBP",
        "RGB",
        {"save_all": True, "append_images": [example(seed=1)], "lossless": True},
    ),
    "GIF": ("GIF", "P", {}),
    "BMP": ("BMP", "RGB", {}),
    "DIB": ("DIB", "RGB", {}),
    "TIFF": ("TIFF", "RGB", {}),
    "TIFF with LZW": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "TIFF with JPEG": ("TIFF", "RGB", {"compression": "jpeg"}),
    "gray TIFF": ("TIFF", "L", {}),
    "PPM": ("PPM", "RGB", {}),
    "PGM": ("PPM", "L", {}),
    "PBM": ("PPM", "1", {}),
    "AVIF": ("AVIF", "RGB", {}),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_the_pixels_that_the_librarys_own_decoder_gives(name):
    form, mode, options = FILES[name]
    data = encode_image(example(mode), form, **options)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(decode(data, COLOR), expected)


def test_heic_has_the_pixels_that_pillow_heif_gives():
    pillow_heif = pytest.importorskip("pillow_heif")
    target = io.BytesIO()
    pillow_heif.from_pillow(example()).save(target, quality=90)
    expected = np.asarray(pillow_heif.open_heif(io.BytesIO(target.getvalue())))
    np.testing.assert_array_equal(decode(target.getvalue(), COLOR), expected)


HEIC = struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + bytes(40)


def test_heic_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    skipped = decode_file(EncodedImage("a.jpg", HEIC), COLOR)
    assert skipped == SkippedImage("a.jpg", "it is HEIC; to read it, pip install pillow-heif")


def netpbm(magic, width, height, *more):
    return " ".join([f"{magic}\n# made by hand\n{width} {height}", *map(str, more)]).encode() + b"\n"


def test_netpbm_files_made_by_hand_are_read_as_their_specification_says():
    values = np.arange(24 * 32, dtype=np.uint8).reshape(SIZE) % 200
    np.testing.assert_array_equal(decode(netpbm("P5", 32, 24, 255) + values.tobytes(), GRAY)[..., 0], values)
    text = netpbm("P2", 32, 24, 255) + " ".join(map(str, values.ravel())).encode()
    np.testing.assert_array_equal(decode(text, GRAY)[..., 0], values)
    color = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    np.testing.assert_array_equal(decode(netpbm("P6", 32, 24, 255) + color.tobytes(), COLOR), color)
    bits = np.random.default_rng(0).integers(0, 2, SIZE, np.uint8)  # 1 is black
    packed = netpbm("P4", 32, 24) + np.packbits(bits, axis=1).tobytes()
    np.testing.assert_array_equal(decode(packed, GRAY)[..., 0], 255 * (1 - bits))


def test_a_tiff_of_several_pages_is_refused_in_words():
    data = encode_image(example(), "TIFF", save_all=True, append_images=[example(seed=1), example(seed=2)])
    skipped = decode_file(EncodedImage("a.tif", data), COLOR)
    assert skipped.reason == "it is a TIFF of 3 pages; training reads each of them with --frames all"


def test_a_smaller_copy_in_a_tiff_is_not_a_page():
    small = example().resize((8, 6))
    small.encoderinfo = {"tiffinfo": {254: 1}}  # NewSubfileType: reduced resolution
    data = encode_image(example(), "TIFF", save_all=True, append_images=[small])
    np.testing.assert_array_equal(decode(data, COLOR), np.asarray(example()))


ARRAYS = {
    "uint8 gray": (np.asarray(example("L")), np.asarray(example("L").convert("RGB"))),
    "uint8 gray with a channel axis": (
        np.asarray(example("L"))[..., None],
        np.asarray(example("L").convert("RGB")),
    ),
    "uint8 color": (np.asarray(example()), np.asarray(example())),
    "uint8 with transparency, on white": (np.full((24, 32, 4), (0, 0, 0, 0), np.uint8), np.full((24, 32, 3), 255)),
    "not contiguous": (np.asarray(example())[:, ::-1], np.asarray(example())[:, ::-1]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_of_pixels_needs_no_decoding(name):
    pixels, expected = ARRAYS[name]
    np.testing.assert_array_equal(decode(pixels, COLOR), expected)


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 5), np.uint8), np.zeros(4, np.uint8)])
def test_an_array_that_is_no_image_is_skipped(pixels):
    skipped = decode_file(EncodedImage("0", pixels), COLOR)
    assert "is no array of an image" in skipped.reason


OTHERS = {
    "empty": (b"", "the file is empty"),
    "zeros": (bytes(5000), "nothing but zeros"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
    "a web page": (b"\xef\xbb\xbf\n<!DOCTYPE html><html>", "a web page"),
    "XHTML": (b"<?xml version='1.0'?><!DOCTYPE html PUBLIC><html>", "a web page"),
    "SVG": (b"<?xml version='1.0'?>\n<svg>", "an SVG drawing"),
    "PDF": (b"%PDF-1.7\n", "a PDF document"),
    "Photoshop": (b"8BPS\0\1", "a Photoshop document"),
    "JPEG XL": (b"\xff\x0a\0\0", "a JPEG XL image"),
    "JPEG 2000": (encode_image(example(), "JPEG2000"), "a JPEG 2000 image"),
    "icon": (encode_image(example(), "ICO"), "a Windows icon"),
    "QOI": (encode_image(example(), "QOI"), "a QOI image"),
    "DDS": (encode_image(example(), "DDS"), "a DDS texture"),
    "video": (struct.pack(">I", 20) + b"ftypisom" + bytes(20), "of the MP4 family"),
    "DICOM": (bytes(128) + b"DICM\2", "a DICOM image"),
    "a text": ("Größe: 5\n".encode() * 500, "a text"),
    "anything": (zlib.compress(b"x") + bytes(range(256)), "not an image of a known format"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_that_is_no_image_is_named(name):
    data, expected = OTHERS[name]
    skipped = decode_file(EncodedImage("a.jpg", data), COLOR)
    assert expected in skipped.reason
    assert skipped.reason == describe_unknown(data)


def png_with(*chunks):
    """A PNG with more chunks after its header."""
    data = encode_image(example())
    return data[:33] + b"".join(png_chunk(*chunk) for chunk in chunks) + data[33:]


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


LARGE_CHUNKS = {
    "compressed text": (b"zTXt", b"workflow\0\0" + zlib.compress(bytes(50_000_000))),
    "plain text": (b"tEXt", b"workflow\0" + b"x" * 90_000_000),
    "international text": (b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(b"x" * 3_000_000)),
    "color profile": (b"iCCP", b"p\0\0" + zlib.compress(bytes(3_000_000))),
}


@pytest.mark.parametrize("name", LARGE_CHUNKS)
def test_large_texts_and_profiles_of_a_png_are_left_out_and_its_pixels_read(name):
    data = png_with(LARGE_CHUNKS[name], (b"tIME", bytes(7)))
    np.testing.assert_array_equal(decode(data, COLOR), np.asarray(example()))
    shorter = without_texts(data)
    assert [kind for kind, _, _ in png_chunks(shorter)] == [b"IHDR", b"tIME", b"IDAT", b"IEND"]
    for _, start, end in png_chunks(shorter):
        assert zlib.crc32(shorter[start + 4 : end - 4]) == int.from_bytes(shorter[end - 4 : end], "big")


def test_a_png_without_texts_is_not_copied():
    data = encode_image(example())
    assert without_texts(data) is data


NOISE = np.random.default_rng(1).integers(0, 256, (64, 80, 3), np.uint8)
SMOOTH = np.asarray(Image.fromarray(NOISE[:4, :5]).resize((300, 200), Image.Resampling.BICUBIC))
WRITERS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "optimized": {"optimize": True},
    "with restart markers": {"restart_marker_blocks": 4},
    "gray": {"mode": "L"},
}


def jpeg(pixels, mode="RGB", **options):
    return encode_image(Image.fromarray(pixels).convert(mode), "JPEG", quality=90, **options)


@pytest.mark.parametrize("pixels", [NOISE, SMOOTH], ids=["noise", "smooth"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_jpeg_that_lacks_only_its_end_marker_is_read(pixels, name):
    data = jpeg(pixels, **WRITERS[name])
    transform = CropResize(pixels.shape[:2], None, 3)
    expected = decode(data, transform)
    for cut in (data[:-2], data[:-1], data[:-2] + bytes(4096)):  # an interrupted copy ends with zeros
        np.testing.assert_array_equal(decode(cut, transform), expected)


@pytest.mark.parametrize("pixels", [NOISE, SMOOTH], ids=["noise", "smooth"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_jpeg_that_is_cut_off_anywhere_earlier_is_skipped(pixels, name):
    data = jpeg(pixels, **WRITERS[name])
    for length in [len(data) - 4, *range(len(data) - 5, 400, -max(1, len(data) // 40))]:
        for cut in (data[:length], data[:length] + bytes(4096)):
            skipped = decode_file(EncodedImage("a.jpg", cut), COLOR)
            assert isinstance(skipped, SkippedImage), f"{length} of {len(data)} bytes"


def test_a_progressive_jpeg_that_lacks_whole_scans_is_skipped():
    data = jpeg(SMOOTH, progressive=True)
    starts = [position for position in range(len(data)) if data[position : position + 2] == b"\xff\xda"]
    assert len(starts) > 5
    for start in starts[1:]:
        before = max(data.rfind(b"\xff\xc4", 0, start), 0)  # its tables belong to the scan
        for cut in (data[:start], data[:before]):
            skipped = decode_file(EncodedImage("a.jpg", cut), COLOR)
            assert isinstance(skipped, SkippedImage)
