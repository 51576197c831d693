"""Mode counting for stacked MNIST."""

import numpy as np
import pytest

from dcgan.evaluation.modes import modes_and_divergence, predict_triples


def test_every_mode_once_gives_1000_modes_without_divergence():
    assert modes_and_divergence(np.arange(1000)) == (1000, pytest.approx(0))


def test_a_single_mode_diverges_by_the_logarithm_of_1000():
    assert modes_and_divergence(np.full(26_000, 7)) == (1, pytest.approx(np.log(1000)))


def test_half_of_the_modes_diverge_by_the_logarithm_of_2():
    assert modes_and_divergence(np.arange(500).repeat(3)) == (500, pytest.approx(np.log(2)))


def test_26000_perfect_images_have_all_modes_and_a_divergence_of_about_2_hundredths():
    modes, divergence = modes_and_divergence(np.random.default_rng(0).integers(0, 1000, 26_000))
    assert modes == 1000
    assert divergence == pytest.approx(999 / 52_000, rel=0.2)


def test_red_green_and_blue_are_hundreds_tens_and_ones():
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[0] += np.array([3, 1, 4], np.uint8)
    images[1] += np.array([0, 0, 9], np.uint8)
    assert predict_triples(images, lambda digits: np.eye(10)[digits[:, 0, 0, 0]]).tolist() == [314, 9]
