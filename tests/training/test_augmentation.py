"""Each augmentation, recomputed pixel by pixel."""

import numpy as np
import pytest
import tensorflow as tf

from dcgan.training.augmentation import (
    AUGMENTATION_FUNCTIONS,
    IMAGES_TO_ONE,
    MAX_PROBABILITY,
    NUM_RANDOM,
    TARGET,
    adapt_probability,
    augment_images,
)

IMAGES = np.random.default_rng(0).uniform(-1, 1, (6, 16, 24, 3)).astype(np.float32)
RANDOM = np.random.default_rng(1).uniform(0, 1, (6, NUM_RANDOM)).astype(np.float32)


def slow_color(image, random):
    image = image + random[0] - 0.5
    gray = image.mean(axis=2, keepdims=True)
    image = gray + (image - gray) * 2 * random[1]
    return image.mean() + (image - image.mean()) * (0.5 + random[2])


def slow_translation(image, random):
    height, width, _ = image.shape
    down, across = (
        int(a * (2 * (side // 8) + 1)) - side // 8 for a, side in zip(random[3:5], (height, width), strict=True)
    )
    moved = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - across < width:
                moved[y, x] = image[y - down, x - across]
    return moved


def slow_cutout(image, random):
    height, width, _ = image.shape
    top, left = (int(a * (side + 1)) - side // 4 for a, side in zip(random[5:7], (height, width), strict=True))
    cut = image.copy()
    cut[max(top, 0) : max(top + height // 2, 0), max(left, 0) : max(left + width // 2, 0)] = 0
    return cut


SLOW = {"color": slow_color, "translation": slow_translation, "cutout": slow_cutout}


@pytest.mark.parametrize("name", AUGMENTATION_FUNCTIONS)
def test_an_augmentation_equals_its_slow_reference(name):
    expected = [SLOW[name](*pair) for pair in zip(IMAGES, RANDOM, strict=True)]
    np.testing.assert_allclose(augment_images(IMAGES, RANDOM, [name]), expected, atol=1e-5)


def test_augmentations_are_applied_in_one_order_however_they_are_listed():
    one, other = (
        augment_images(IMAGES, RANDOM, ["cutout", "color"]),
        augment_images(IMAGES, RANDOM, ["color", "cutout"]),
    )
    np.testing.assert_array_equal(one, other)


def test_each_augmentation_is_applied_to_the_images_it_is_meant_for():
    applied = np.array([[True, False, False], [False, True, True], [False, False, False]] * 2)
    names = list(AUGMENTATION_FUNCTIONS)
    augmented = augment_images(IMAGES, RANDOM, names, applied).numpy()
    for index, mask in enumerate(applied):
        chosen = [name for name, chosen in zip(names, mask, strict=True) if chosen]
        np.testing.assert_array_equal(augmented[index], augment_images(IMAGES, RANDOM, chosen)[index])


@pytest.mark.parametrize(
    ("probability", "sign", "expected"),
    [
        (0.3, 1.0, 0.3 + 32 / IMAGES_TO_ONE),
        (0.3, TARGET - 0.01, 0.3 - 32 / IMAGES_TO_ONE),
        (0.3, TARGET, 0.3),
        (0.0, -1.0, 0.0),
        (MAX_PROBABILITY, 1.0, MAX_PROBABILITY),
    ],
)
def test_the_probability_follows_the_sign_of_real_logits_and_keeps_its_limits(probability, sign, expected):
    adapted = adapt_probability(tf.constant(probability), tf.constant(sign), 32)
    assert float(adapted) == pytest.approx(expected, abs=1e-7)


def test_no_augmentation_changes_nothing():
    np.testing.assert_array_equal(augment_images(IMAGES, RANDOM, []), IMAGES)


def test_gradients_flow_to_the_pixels_that_remain():
    images = tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(images)
        kept = tf.reduce_sum(augment_images(images, RANDOM, ["translation", "cutout"]))
    ones = augment_images(tf.ones_like(images), RANDOM, ["translation", "cutout"])
    assert float(tf.reduce_sum(tape.gradient(kept, images))) == pytest.approx(float(tf.reduce_sum(ones)))
