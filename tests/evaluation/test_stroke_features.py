"""Stroke features of images whose values are known."""

import numpy as np
import pytest

from dcgan.evaluation.stroke_features import boldness, for_polarity, slant


def bar(shear=0, width=1, side=41):
    """A bar of bright pixels, shifted by `shear` columns per row toward the top; uint8 (1, side, side, 1)."""
    image = np.zeros((1, side, side, 1), np.uint8)
    middle = side // 2
    for row in range(middle - 8, middle + 9):
        start = middle - round(shear * (row - middle))
        image[0, row, start : start + width] = 200
    return image


@pytest.mark.parametrize("shear", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("width", [1, 3])
def test_a_sheared_bar_slants_by_its_shear(shear, width):
    assert slant(bar(shear, width)) == pytest.approx([shear])


def test_the_slant_depends_neither_on_position_nor_on_brightness():
    image = bar(1)
    assert slant(np.roll(image, (3, -5), axis=(1, 2))) == pytest.approx(slant(image))
    assert slant(image // 2) == pytest.approx(slant(image))


def test_a_mirrored_image_has_the_opposite_slant():
    noise = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 3), np.uint8)
    np.testing.assert_allclose(slant(noise[:, :, ::-1]), -slant(noise), atol=1e-12)


def test_a_black_image_and_a_single_row_are_upright():
    black, row = np.zeros((1, 8, 8, 1), np.uint8), np.zeros((1, 8, 8, 1), np.uint8)
    row[0, 3, 2:5] = 255
    assert slant(black) == slant(row) == 0


def test_boldness_goes_from_black_to_white():
    assert boldness(np.stack([np.full((5, 5, 1), value, np.uint8) for value in (0, 51, 255)])) == pytest.approx(
        [0, 0.2, 1]
    )


@pytest.mark.parametrize("feature", [boldness, slant])
def test_black_strokes_on_white_are_measured_like_white_strokes_on_black(feature):
    images = np.concatenate([bar(1, width) for width in (1, 2, 3)])
    np.testing.assert_array_equal(for_polarity(feature, 255 - images)(255 - images), feature(images))
    assert for_polarity(feature, images) is feature
