"""A line about images that are much smaller than what is made of them."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dcgan.config import DataConfig
from dcgan.data import load
from dcgan.data.listing import open_image_files
from dcgan.data.source_size import enlargement_warning
from dcgan.data.transforms import CropResize


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for index in range(12):
        pixels = random.integers(0, 256, (16, 32, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{index:02d}.png")
    return tmp_path / "images"


@pytest.mark.parametrize(
    ("size", "enlarged"), [((16, 16), False), ((20, 20), False), ((24, 24), True), ((64, 64), True)]
)
def test_images_are_enlarged_much_from_one_and_a_half_times_on(folder, size, enlarged):
    with open_image_files(folder) as files:
        line = enlargement_warning(files, CropResize(size, None, 3))
    assert bool(line) == enlarged
    if enlarged:
        assert f"about 16 pixels per side and are enlarged to {size[0]}x{size[1]}" in line


def test_broken_files_and_large_ones_decide_nothing(folder):
    for index in range(12):
        (folder / f"{index:02d}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with open_image_files(folder) as files:
        assert enlargement_warning(files, CropResize((64, 64), None, 3)) == ""
        large = tuple(replace(entry, size=1 << 20) for entry in files.entries)
        unread = replace(files, entries=large, read=lambda entry: pytest.fail("it is read"))
        assert enlargement_warning(unread, CropResize((64, 64), None, 3)) == ""


def test_the_line_is_printed_when_the_images_are_loaded(folder, tmp_path, capsys):
    load(DataConfig("folder", folder, image_size=32, cache_dir=tmp_path / "cache"))
    assert "are enlarged to 32x32" in capsys.readouterr().err
    load(DataConfig("folder", folder, image_size=16, cache_dir=tmp_path / "cache"))
    assert "enlarged" not in capsys.readouterr().err
