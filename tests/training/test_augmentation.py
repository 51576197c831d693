"""Each change, recomputed pixel by pixel."""

import numpy as np
import pytest
import tensorflow as tf

from dcgan.training.augmentation import AUGMENTATION_FUNCTIONS, NUMBERS, augment_images

IMAGES = np.random.default_rng(0).uniform(-1, 1, (6, 16, 24, 3)).astype(np.float32)
AMOUNTS = np.random.default_rng(1).uniform(0, 1, (6, NUMBERS)).astype(np.float32)


def slow_colour(image, amounts):
    image = image + amounts[0] - 0.5
    grey = image.mean(axis=2, keepdims=True)
    image = grey + (image - grey) * 2 * amounts[1]
    return image.mean() + (image - image.mean()) * (0.5 + amounts[2])


def slow_translation(image, amounts):
    height, width, _ = image.shape
    down, across = (
        int(a * (2 * (side // 8) + 1)) - side // 8 for a, side in zip(amounts[3:5], (height, width), strict=True)
    )
    moved = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - across < width:
                moved[y, x] = image[y - down, x - across]
    return moved


def slow_cutout(image, amounts):
    height, width, _ = image.shape
    top, left = (int(a * (side + 1)) - side // 4 for a, side in zip(amounts[5:7], (height, width), strict=True))
    cut = image.copy()
    cut[max(top, 0) : max(top + height // 2, 0), max(left, 0) : max(left + width // 2, 0)] = 0
    return cut


SLOW = {"color": slow_colour, "translation": slow_translation, "cutout": slow_cutout}


@pytest.mark.parametrize("name", AUGMENTATION_FUNCTIONS)
def test_a_change_is_what_its_slow_twin_makes(name):
    expected = [SLOW[name](*pair) for pair in zip(IMAGES, AMOUNTS, strict=True)]
    np.testing.assert_allclose(augment_images(IMAGES, AMOUNTS, [name]), expected, atol=1e-5)


def test_changes_are_made_in_one_order_whatever_order_they_are_named_in():
    one, other = (
        augment_images(IMAGES, AMOUNTS, ["cutout", "color"]),
        augment_images(IMAGES, AMOUNTS, ["color", "cutout"]),
    )
    np.testing.assert_array_equal(one, other)


def test_no_change_is_none():
    np.testing.assert_array_equal(augment_images(IMAGES, AMOUNTS, []), IMAGES)


def test_gradients_go_through_to_the_pixels_that_are_still_there():
    images = tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(images)
        kept = tf.reduce_sum(augment_images(images, AMOUNTS, ["translation", "cutout"]))
    ones = augment_images(tf.ones_like(images), AMOUNTS, ["translation", "cutout"])
    assert float(tf.reduce_sum(tape.gradient(kept, images))) == pytest.approx(float(tf.reduce_sum(ones)))
