"""The discriminator's features, and a linear classifier on them."""

import keras
import numpy as np
import pytest

from dcgan.evaluation.linear_probe import (
    MaxPoolingToGrid,
    discriminator_accuracy,
    pixel_accuracy,
    pooled_features,
)
from dcgan.networks import build_discriminator


@pytest.mark.parametrize("size", [(4, 4), (7, 7), (14, 9), (16, 32), (2, 3)])
def test_pooling_to_4x4_takes_the_maximum_of_every_cell(size):
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
    pooled = np.asarray(MaxPoolingToGrid()(x))
    assert pooled.shape == (2, 4, 4, 3)
    for row in range(4):
        for column in range(4):
            (top, bottom), (left, right) = (
                (int(np.floor(at * side / 4)), int(np.ceil((at + 1) * side / 4)))
                for at, side in zip((row, column), size, strict=True)
            )
            np.testing.assert_array_equal(pooled[:, row, column], x[:, top:bottom, left:right].max(axis=(1, 2)))


def test_the_papers_discriminator_of_32_pixels_has_the_papers_number_of_features():
    """Three stages of 64, 128 and 256 filters, 16 cells each."""
    model = pooled_features(build_discriminator((32, 32), 3, width=64))
    assert model.output_shape == (None, 16 * (64 + 128 + 256))


def test_the_features_are_taken_after_each_stages_activation():
    discriminator = build_discriminator((8, 8), 1, width=5)
    x = np.random.default_rng(0).normal(size=(3, 8, 8, 1)).astype(np.float32)
    stage = keras.Model(discriminator.input, discriminator.get_layer("leaky_0").output)
    np.testing.assert_allclose(pooled_features(discriminator)(x), np.asarray(stage(x)).reshape(3, -1), rtol=1e-5)


def test_an_svm_on_the_features_of_an_untrained_discriminator_classifies_digits(digits):
    fit, test = slice(0, 1000), slice(0, 500)
    sets = (
        digits.training.images[fit],
        digits.training.labels[fit],
        digits.held_out.images[test],
        digits.held_out.labels[test],
    )
    assert discriminator_accuracy(build_discriminator((8, 8), 1, width=16), *sets) > 0.8
    assert pixel_accuracy(*sets) > 0.7
