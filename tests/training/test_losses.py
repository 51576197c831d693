"""The losses, compared with their definition by probabilities."""

import numpy as np
import pytest

from dcgan.training.losses import discriminator_loss, generator_loss, relativistic

LOGITS = np.random.default_rng(0).normal(0, 3, (2, 50, 1))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_discriminator_minimizes_the_cross_entropy_of_its_probabilities():
    real, fake = sigmoid(LOGITS)
    expected = -np.log(real).mean() - np.log(1 - fake).mean()
    assert float(discriminator_loss(*LOGITS)) == pytest.approx(expected, rel=1e-6)


def test_the_generator_maximizes_the_logarithm_of_d_of_g_of_z():
    assert float(generator_loss(LOGITS[0])) == pytest.approx(-np.log(sigmoid(LOGITS[0])).mean(), rel=1e-6)


def test_a_discriminator_that_cannot_tell_real_from_fake_has_the_textbook_losses():
    zeros = np.zeros((4, 1), np.float32)
    assert float(discriminator_loss(zeros, zeros)) == pytest.approx(2 * np.log(2))
    assert float(generator_loss(zeros)) == pytest.approx(np.log(2))


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_logits_beyond_the_range_of_a_sigmoid_give_finite_losses(logit):
    extreme = np.full((4, 1), logit, np.float32)
    assert np.isfinite(float(discriminator_loss(extreme, extreme)))
    assert np.isfinite(float(generator_loss(extreme)))


def test_the_relativistic_loss_is_the_cross_entropy_of_the_difference_within_each_pair():
    real, fake = LOGITS
    d_loss, g_loss = relativistic(*LOGITS)
    assert float(d_loss) == pytest.approx(-np.log(sigmoid(real - fake)).mean(), rel=1e-6)
    assert float(g_loss) == pytest.approx(-np.log(sigmoid(fake - real)).mean(), rel=1e-6)
    exchanged = relativistic(LOGITS[0], LOGITS[1][::-1])
    assert float(exchanged[0]) != pytest.approx(float(d_loss), rel=1e-3)


def test_the_relativistic_loss_does_not_change_when_all_logits_are_shifted():
    assert np.allclose(relativistic(*LOGITS), relativistic(*(LOGITS + 7.0)), rtol=1e-6)
