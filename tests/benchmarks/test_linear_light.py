"""Resizing in linear light: the transfer functions, and what differs."""

import numpy as np
import pytest

from benchmarks import linear_light


def test_stored_values_and_linear_light_are_inverse():
    values = np.linspace(0, 1, 256)
    np.testing.assert_allclose(linear_light.to_stored(linear_light.to_linear(values)), values, atol=1e-6)
    assert linear_light.to_linear(np.array(0.5)) == pytest.approx(0.21404, abs=1e-5)


def test_black_and_white_stripes_are_brighter_in_linear_light():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[::2] = 255
    inside = np.s_[8:-8, 8:-8]
    assert np.all(np.abs(linear_light.resize(stripes, linear=False)[inside].astype(int) - 128) <= 2)
    assert np.all(np.abs(linear_light.resize(stripes, linear=True)[inside].astype(int) - 188) <= 2)
    even = np.full((256, 256, 3), 77, np.uint8)
    assert np.array_equal(linear_light.resize(even, linear=True), linear_light.resize(even, linear=False))


def test_parts_lie_inside_and_are_at_least_twice_as_large():
    images = [np.arange(200 * 150 * 3, dtype=np.uint32).reshape(200, 150, 3), np.zeros((130, 300, 3), np.uint32)]
    parts, labels = linear_light.random_parts(images, 10, seed=0)
    assert labels.tolist() == [0, 1] * 5
    for part, label in zip(parts, labels, strict=True):
        assert part.shape[0] == part.shape[1] >= 128
        assert part.shape[0] <= min(images[label].shape[:2])
