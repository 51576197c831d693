"""Frames of animations and pages of TIFF files as images of their own."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from dcgan.config import DataConfig
from dcgan.data import load
from tests.support.synthetic_datasets import solid_image, write_files, write_zip

FRAMES = [np.full((8, 8, 3), 60 * number, np.uint8) for number in range(4)]
SAVING = {
    "gif": {},
    "webp": {"lossless": True},
    "png": {},
    "tiff": {},
}


def animation(ending):
    file = io.BytesIO()
    first, *others = map(Image.fromarray, FRAMES)
    first.save(file, ending, save_all=True, append_images=others, **SAVING[ending])
    return file.getvalue()


def loaded(root, **options):
    return load(DataConfig("folder", data_dir=root, image_size=8, channels=3, cache_dir=root.parent / "c", **options))


@pytest.mark.parametrize("ending", SAVING)
@pytest.mark.parametrize("write", [write_files, write_zip])
def test_all_frames_are_images_of_the_files_class(tmp_path, write, ending):
    files = {f"a/x.{ending}": animation(ending), "b/y.bmp": solid_image((7, 7, 7)), "b/z.jpg": b"broken"}
    files |= {f"b/{n}.png": solid_image() for n in range(10)}
    dataset = loaded(write(tmp_path / "data", files), frames="all")
    with Image.open(io.BytesIO(animation(ending))) as image:
        expected = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]
    np.testing.assert_array_equal(dataset.images[:4], expected)
    assert dataset.labels.tolist() == [0] * 4 + [1] * 11


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_without_the_option_the_first_frame_is_the_image(tmp_path, ending):
    dataset = loaded(write_files(tmp_path / "data", {f"x.{ending}": animation(ending)}))
    np.testing.assert_array_equal(dataset.images, [FRAMES[0]])


def test_pages_of_16_bits_keep_their_depth(tmp_path):
    pages = [Image.fromarray(np.full((8, 8), value, np.uint16)) for value in (0, 2048, 4095)]
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    dataset = loaded(write_files(tmp_path / "data", {"x.tif": file.getvalue()}), frames="all")
    assert dataset.images[:, 0, 0, 0].tolist() == [0, 128, 255]
