"""Grids of images, magnification and captions."""

import numpy as np
import pytest

from dcgan.visualization import magnify, tile
from dcgan.visualization.grid import side_by_side, with_caption


def numbered(count, height=2, width=2, channels=1):
    """Return images of one gray level each: 0, 1, 2, …"""
    return np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, height, width, channels), np.uint8)


def test_images_are_arranged_row_by_row_with_white_around_each():
    grid = tile(numbered(3), columns=2, padding=1)
    w = 255
    expected = [
        [w, w, w, w, w, w, w],
        [w, 0, 0, w, 1, 1, w],
        [w, 0, 0, w, 1, 1, w],
        [w, w, w, w, w, w, w],
        [w, 2, 2, w, w, w, w],
        [w, 2, 2, w, w, w, w],
        [w, w, w, w, w, w, w],
    ]
    np.testing.assert_array_equal(grid[..., 0], expected)


@pytest.mark.parametrize(
    ("count", "size", "columns"),
    [(1, (28, 28), 1), (2, (28, 28), 2), (5, (28, 28), 3), (64, (28, 28), 8), (65, (28, 28), 9), (64, (96, 64), 10)],
)
def test_by_default_the_grid_is_as_square_as_possible(count, size, columns):
    assert tile(numbered(count, *size), padding=0).shape[1] == columns * size[1]


def test_an_image_can_be_cropped_from_the_grid_unchanged():
    images = np.random.default_rng(0).integers(0, 256, (7, 5, 4, 3), np.uint8)
    grid = tile(images, columns=3, padding=2)
    row, column = divmod(4, 3)
    top, left = 2 + row * 7, 2 + column * 6
    np.testing.assert_array_equal(grid[top : top + 5, left : left + 4], images[4])


def test_a_grid_has_at_most_as_many_columns_as_images():
    assert tile(numbered(3), columns=10, padding=0).shape == (2, 6, 1)


@pytest.mark.parametrize(
    "images", [numbered(0), numbered(2)[..., 0], numbered(2).astype(float), numbered(2, channels=2)]
)
def test_arrays_that_are_not_a_batch_of_images_are_rejected(images):
    with pytest.raises(ValueError, match=r"uint8|at least one"):
        tile(images)


def test_magnifying_repeats_pixels_by_the_smallest_integer_factor():
    image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    np.testing.assert_array_equal(magnify(image, 3)[..., 0], [[0, 0, 1, 1, 2, 2]] * 2 + [[3, 3, 4, 4, 5, 5]] * 2)
    np.testing.assert_array_equal(magnify(image, 2), image)


def test_captions_are_dark_text_above_images_side_by_side():
    images = {"one": numbered(1, 5, 40)[0], "other": numbered(2, 5, 30)[1]}
    captioned = with_caption("one", images["one"])
    assert captioned.shape == (14 + 5, 40, 1)
    assert (captioned[:14] < 100).any()
    both = side_by_side(images)
    assert both.shape == (14 + 5, 40 + 8 + 30, 1)
    np.testing.assert_array_equal(both[:, :40], captioned)
    np.testing.assert_array_equal(both[14:, 48:], images["other"])
