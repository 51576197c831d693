"""A folder of images of each format is read as the format's own decoder reads it, and trained on."""

import io

import numpy as np
import pytest
from PIL import Image

import dcgan
from dcgan.config import DataConfig
from dcgan.data import load
from tests.support.synthetic_datasets import encode_image, write_files
from tests.support.tiny_runs import tiny_config

COUNT, SIDE = 6, 8


def pixels(number, channels=3):
    """Noise, uint8 (8, 8, 3) or (8, 8)."""
    shape = (SIDE, SIDE, channels) if channels else (SIDE, SIDE)
    return np.random.default_rng(number).integers(0, 256, shape, np.uint8)


def written_by_pillow(form, mode="RGB", **options):
    def write(number):
        more = {"append_images": [Image.fromarray(pixels(number + 100)).convert(mode)]} if "save_all" in options else {}
        return encode_image(Image.fromarray(pixels(number)).convert(mode), form, **options, **more)

    return write


def written_by_pillow_heif(number):
    target = io.BytesIO()
    pytest.importorskip("pillow_heif").from_pillow(Image.fromarray(pixels(number))).save(target, quality=90)
    return target.getvalue()


def deep(number, channels=0):
    """The same noise in 16 bits per channel, from 0 to 65,535."""
    return pixels(number, channels).astype(np.uint16) * 257


def written_by_tensorflow(channels):
    def write(number):
        import tensorflow as tf

        return tf.io.encode_png(deep(number, channels)).numpy()

    return write


def decoded_by_pillow(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def decoded_by_pillow_heif(data):
    return np.asarray(pytest.importorskip("pillow_heif").open_heif(io.BytesIO(data)))


def decoded_by_tensorflow(data):
    import tensorflow as tf

    return tf.io.decode_image(data, channels=3, expand_animations=False).numpy()


def deep_by_tensorflow(data):
    import tensorflow as tf

    values = tf.io.decode_png(data, channels=3, dtype=tf.uint16).numpy()
    return (values / 257).astype(np.uint8)


def deep_by_pillow(data):
    with Image.open(io.BytesIO(data)) as image:
        values = np.asarray(image).astype(np.uint16)
    return np.repeat((values // 257).astype(np.uint8)[..., None], 3, axis=2)


def pgm_of_16_bits(number):
    return b"P5\n8 8\n65535\n" + deep(number).astype(">u2").tobytes()


def by_hand(data):
    values = np.frombuffer(data[-2 * SIDE * SIDE :], ">u2").reshape(SIDE, SIDE, 1) // 257
    return np.repeat(values.astype(np.uint8), 3, axis=2)


FORMATS = {  # ending, writer, and another decoder than the package's own way
    "JPEG": ("jpg", written_by_pillow("JPEG"), decoded_by_pillow),
    "progressive JPEG": ("jpeg", written_by_pillow("JPEG", progressive=True), decoded_by_pillow),
    "MPO": ("mpo", written_by_pillow("MPO", save_all=True), decoded_by_pillow),
    "PNG": ("png", written_by_pillow("PNG"), decoded_by_tensorflow),
    "palette PNG": ("png", written_by_pillow("PNG", "P"), decoded_by_tensorflow),
    "16-bit gray PNG": ("png", written_by_tensorflow(1), deep_by_tensorflow),
    "16-bit color PNG": ("png", written_by_tensorflow(3), deep_by_tensorflow),
    "APNG": ("png", written_by_pillow("PNG", save_all=True), decoded_by_tensorflow),
    "WebP": ("webp", written_by_pillow("WEBP", quality=80), decoded_by_pillow),
    "animated WebP": ("webp", written_by_pillow("WEBP", save_all=True, lossless=True), decoded_by_pillow),
    "GIF": ("gif", written_by_pillow("GIF", "P"), decoded_by_tensorflow),
    "animated GIF": ("gif", written_by_pillow("GIF", "P", save_all=True), decoded_by_tensorflow),
    "BMP": ("bmp", written_by_pillow("BMP"), decoded_by_tensorflow),
    "DIB": ("dib", written_by_pillow("DIB"), decoded_by_pillow),
    "TIFF": ("tif", written_by_pillow("TIFF", compression="tiff_lzw"), decoded_by_pillow),
    "16-bit TIFF": ("tiff", lambda number: encode_image(Image.fromarray(deep(number)), "TIFF"), deep_by_pillow),
    "PPM": ("ppm", written_by_pillow("PPM"), decoded_by_pillow),
    "PGM": ("pgm", written_by_pillow("PPM", "L"), decoded_by_pillow),
    "16-bit PGM": ("pgm", pgm_of_16_bits, by_hand),
    "PBM": ("pbm", written_by_pillow("PPM", "1"), decoded_by_pillow),
    "AVIF": ("avif", written_by_pillow("AVIF"), decoded_by_pillow),
    "HEIC": ("heic", written_by_pillow_heif, decoded_by_pillow_heif),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_of_every_format_is_read_as_its_decoder_reads_it_and_trained_on(tmp_path, name):
    ending, write, decode = FORMATS[name]
    files = {f"{number}.{ending}": write(number) for number in range(COUNT)}
    root = write_files(tmp_path / "data", files)
    config = tiny_config(
        tmp_path,
        data_dir=root,
        channels=3,
        steps=2,
        batch_size=COUNT,
        save_every=2,
        health_checks=False,
        augment="none",
    )
    dataset = load(DataConfig("folder", data_dir=root, image_size="8", channels=3, cache_dir=tmp_path / "cache"))
    np.testing.assert_array_equal(dataset.images, [decode(data) for data in files.values()])
    assert dcgan.train(config).checkpoints.latest_step() == 2
