"""Figures of projections: contrast, crops, and the arrangement of panels."""

import numpy as np

from dcgan.visualization.figures import crop_or_pad, normalize_projections, projection_grid, projection_panel

TITLE, PADDING = 14, 2
"""Pixels of a panel's title, and around a tile."""


def test_a_projection_of_0_is_gray_and_each_projection_is_scaled_by_its_maximum():
    values = np.zeros((3, 1, 2, 1), np.float32)
    values[0, 0, :, 0], values[1, 0, :, 0] = (-2, 1), (1e-9, 0)
    np.testing.assert_array_equal(normalize_projections(values)[..., 0], [[[0, 191]], [[255, 128]], [[128, 128]]])


def test_a_crop_beyond_the_border_is_filled_with_background():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    part = crop_or_pad(image, range(-1, 2), range(2, 6))
    np.testing.assert_array_equal(part[..., 0], [[255] * 4, [2, 3, 255, 255], [6, 7, 255, 255]])
    np.testing.assert_array_equal(crop_or_pad(image, range(3), range(4)), image)


def test_a_panel_has_images_on_the_left_and_projections_in_the_same_order_on_the_right():
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), np.uint8)
    both = projection_panel("map 1", images, 255 - images)
    assert both.shape == (TITLE + 86, 2 * 86, 3)
    for number, (row, column) in enumerate([(0, 0), (0, 1), (1, 0)]):
        top, left = TITLE + PADDING + 42 * row, PADDING + 42 * column
        np.testing.assert_array_equal(both[top : top + 40, left : left + 40], images[number])
        np.testing.assert_array_equal(both[top : top + 40, left + 86 : left + 126], 255 - images[number])
    assert both[:TITLE].min() < 100  # the title
    assert projection_grid([both, both], 2).shape == (both.shape[0] + 16, 2 * both.shape[1] + 24, 3)
