"""Conversion between uint8 images and the range of the networks."""

import numpy as np

from dcgan.core.image_range import to_float, to_uint8

EVERY_VALUE = np.arange(256, dtype=np.uint8)


def test_all_256_values_survive_the_conversion_and_back():
    assert np.array_equal(to_uint8(to_float(EVERY_VALUE)), EVERY_VALUE)


def test_black_is_minus_one_and_white_is_one():
    assert to_float(EVERY_VALUE[[0, 255]]).numpy().tolist() == [-1.0, 1.0]


def test_values_outside_the_range_are_clipped():
    assert to_uint8(np.array([-7.0, 7.0], np.float32)).numpy().tolist() == [0, 255]
