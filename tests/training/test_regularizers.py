"""Gradient penalties against the derivatives of functions whose derivatives are known."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from dcgan.networks import build_discriminator
from dcgan.training.regularizers import ApproximateGradientPenalty, DiscriminatorPass, GradientPenalty

SHAPE = (8, 4, 4, 3)
DIRECTION = np.random.default_rng(1).normal(size=SHAPE[1:]).astype(np.float32)


def linear(images):
    """Logits whose gradient is `DIRECTION` everywhere."""
    return tf.reduce_sum(images * DIRECTION, axis=(1, 2, 3))[:, None]


def quadratic(images):
    """Logits whose gradient is the image."""
    return tf.reduce_sum(images**2, axis=(1, 2, 3))[:, None] / 2


def noise(count, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal((count, *SHAPE[1:])), tf.float32)


def discriminator_pass(discriminate, normal=noise):
    real, fake = (tf.constant(np.random.default_rng(s).uniform(-1, 1, SHAPE), tf.float32) for s in (2, 3))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        logits = discriminate(real), discriminate(fake)

    def again(real, fake, every=1):
        return discriminate(real), discriminate(fake)

    return DiscriminatorPass(real, fake, *logits, again, tape, normal)


def test_the_exact_penalty_is_half_gamma_times_the_squared_gradients_of_both_sides():
    forward = discriminator_pass(quadratic)
    expected = sum(np.sum(np.square(side), axis=(1, 2, 3)).mean() for side in (forward.real, forward.fake))
    assert float(GradientPenalty(3.0)(forward)) == pytest.approx(1.5 * expected, rel=1e-5)


def test_the_approximate_penalty_of_a_linear_discriminator_is_its_squared_slope_along_the_noise():
    forward = discriminator_pass(linear)
    slopes = np.square(np.sum(noise(8) * DIRECTION, axis=(1, 2, 3))).mean()
    assert float(ApproximateGradientPenalty(3.0, every=1)(forward)) == pytest.approx(3.0 * slopes, rel=1e-3)


@pytest.mark.parametrize("every", [1, 4])
def test_the_approximate_penalty_is_on_average_the_exact_one(every):
    model = build_discriminator((8, 8), 3, width=4, norm="none")
    images = [tf.constant(np.random.default_rng(s).uniform(-1, 1, (64, 8, 8, 3)), tf.float32) for s in (2, 3)]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(images)
        logits = [model(each) for each in images]

    def again(real, fake, every=1):
        return model(real), model(fake)

    random = np.random.default_rng(0)
    forward = DiscriminatorPass(
        *images, *logits, again, tape, lambda count: tf.constant(random.normal(size=(count, 8, 8, 3)), tf.float32)
    )
    penalty = ApproximateGradientPenalty(1.0, sigma=1e-2, every=every)
    exact, estimates = float(GradientPenalty(1.0)(forward)), [float(penalty(forward)) for _ in range(60)]
    assert np.mean(estimates) == pytest.approx(exact, abs=4 * np.std(estimates) / np.sqrt(60) + 0.1 * exact)


def test_the_images_whose_penalty_is_computed_are_spread_evenly_over_the_batch():
    seen = []

    def again(real, fake, every=1):
        seen.append((real, fake, every))
        return linear(real), linear(fake)

    forward = discriminator_pass(linear, normal=lambda count: tf.zeros((count, *SHAPE[1:])))
    for batch in (8, 6, 5):
        part = forward._replace(
            real=forward.real[:batch],
            fake=forward.fake[:batch],
            real_logits=forward.real_logits[:batch],
            fake_logits=forward.fake_logits[:batch],
            discriminate=again,
        )
        assert float(ApproximateGradientPenalty(1.0)(part)) == 0
    assert [every for *_, every in seen] == [4, 2, 1]  # so that replicas choose the images that one device would
    for (real, fake, every), batch in zip(seen, (8, 6, 5), strict=True):
        assert np.array_equal(real, forward.real[:batch:every])
        assert np.array_equal(fake, forward.fake[:batch:every])


def test_the_generator_is_not_penalized():
    variable = tf.Variable(tf.ones(SHAPE))
    forward = discriminator_pass(linear)
    with tf.GradientTape() as tape:
        fake = variable * 2.0
        loss = ApproximateGradientPenalty(1.0)(forward._replace(fake=fake))
    assert tape.gradient(loss, variable) is None


def test_each_regularizer_says_whether_it_needs_second_derivatives():
    assert GradientPenalty(1.0).second_order
    assert not ApproximateGradientPenalty(1.0).second_order
    assert getattr(partial(lambda forward: 0.0), "second_order", True)  # a plain function may need them
