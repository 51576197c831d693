"""PNG files, written and read back."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dcgan
from dcgan.core.errors import UserError
from dcgan.visualization import encode_png, read_png, read_png_text, save_png


@pytest.fixture(params=[1, 3], ids=["gray", "RGB"])
def image(request):
    return np.random.default_rng(0).integers(0, 256, (6, 5, request.param), np.uint8)


def test_an_image_is_read_back_unchanged(tmp_path, image):
    save_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), image)


def test_a_grayscale_image_is_stored_as_grayscale(tmp_path, image):
    save_png(tmp_path / "a.png", image)
    with Image.open(tmp_path / "a.png") as file:
        assert file.mode == {1: "L", 3: "RGB"}[image.shape[-1]]


def test_a_file_has_text_chunks_that_other_programs_can_read(tmp_path, image):
    save_png(tmp_path / "a.png", image, {"Seeds": "0-63", "Run": "größer"})
    assert read_png_text(tmp_path / "a.png") == {"Seeds": "0-63", "Run": "größer"}
    assert b"tEXtSeeds\x000-63" in (tmp_path / "a.png").read_bytes()


def test_equal_images_give_equal_files(image):
    assert encode_png(image, {"Seed": 1}) == encode_png(image.copy(), {"Seed": 1})


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("LA", 1), ("P", 3), ("RGBA", 3)])
def test_other_modes_are_read_as_grayscale_or_rgb(tmp_path, mode, channels):
    Image.new(mode, (4, 3)).save(tmp_path / "a.png")
    assert read_png(tmp_path / "a.png").shape == (3, 4, channels)


def test_a_missing_or_damaged_file_is_named(tmp_path, image):
    with pytest.raises(UserError, match=r"no file .*gone\.png"):
        read_png(tmp_path / "gone.png")
    (tmp_path / "half.png").write_bytes(encode_png(image)[:60])
    with pytest.raises(UserError, match=r"half\.png is not a complete image"):
        read_png(tmp_path / "half.png")


def test_importing_visualization_and_sampling_loads_neither_tensorflow_nor_matplotlib():
    loaded = "[name for name in ('tensorflow', 'keras', 'matplotlib') if name in sys.modules]"
    code = f"import sys, dcgan.visualization, dcgan.sampling; print({loaded})"
    root = Path(dcgan.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
