"""Transparency: premultiplied in memory, straight in files."""

import numpy as np
import pytest
from PIL import Image

from dcgan.core.transparency import on_white, to_premultiplied, to_straight

RGBA = np.random.default_rng(0).integers(0, 256, (40, 50, 4), np.uint8)


def test_premultiplying_gives_what_pillow_gives():
    expected = np.asarray(Image.fromarray(RGBA).convert("RGBa"))
    assert np.abs(to_premultiplied(RGBA).astype(int) - expected).max() <= 1


def test_what_is_premultiplied_comes_back_from_a_straight_file():
    premultiplied = to_premultiplied(RGBA)
    np.testing.assert_array_equal(to_premultiplied(to_straight(premultiplied)), premultiplied)


def test_a_color_above_its_transparency_is_clipped_and_an_invisible_one_is_black():
    assert to_straight(np.array([200, 50, 0, 100], np.uint8)).tolist() == [255, 128, 0, 100]
    assert to_straight(np.array([200, 50, 1, 0], np.uint8)).tolist() == [0, 0, 0, 0]


def test_blending_with_white_gives_what_pillow_gives():
    white = Image.new("RGBA", (50, 40), "white")
    expected = np.asarray(Image.alpha_composite(white, Image.fromarray(RGBA)).convert("RGB"))
    assert np.abs(on_white(to_premultiplied(RGBA)).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_images_without_transparency_are_left_as_they_are(channels):
    for function in (to_straight, to_premultiplied, on_white):
        images = RGBA[..., :channels]
        assert function(images) is images
