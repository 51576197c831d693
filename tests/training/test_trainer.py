"""One training step, recomputed by hand."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import tiny_config

from dcgan import devices
from dcgan.errors import UserError
from dcgan.scaling import to_float
from dcgan.training.trainer import Trainer

SIZE, CHANNELS = (8, 8), 3


@pytest.fixture(scope="module", autouse=True)
def _deterministic():
    devices.set_up(0)


@pytest.fixture
def config(tmp_path):
    return tiny_config(tmp_path)


@pytest.fixture
def images():
    return np.random.default_rng(1).integers(0, 256, (4, *SIZE, CHANNELS), dtype=np.uint8)


def new_trainer(config):
    return Trainer(config, SIZE, CHANNELS)


def adam_first_step(weight, gradient, rate):
    """Kingma & Ba 2015 at t = 1: both moments, corrected, are the gradient and its square.

    Keras adds its epsilon of 1e-7 as section 2 of the paper does in the end, before the second moment is corrected.
    """
    return weight - rate * gradient / (np.abs(gradient) + 1e-7 / np.sqrt(1 - 0.999))


def test_a_step_moves_each_network_along_adam_on_its_own_loss(config, images):
    trainer, before = new_trainer(config), new_trainer(config)
    trainer.update(images)
    with tf.GradientTape(persistent=True) as tape:
        drawn = before.generator(before.latents(tf.constant(1), "latents"), training=True)
        real = tf.sigmoid(before.discriminator(to_float(images), training=True))
        fake = tf.sigmoid(before.discriminator(drawn, training=True))
        d_loss = -tf.reduce_mean(tf.math.log(real)) - tf.reduce_mean(tf.math.log(1 - fake))
        g_loss = -tf.reduce_mean(tf.math.log(fake))
    for name, loss in (("discriminator", d_loss), ("generator", g_loss)):
        old, new = getattr(before, name).trainable_variables, getattr(trainer, name).trainable_variables
        for weight, moved, gradient in zip(old, new, tape.gradient(loss, old), strict=True):
            sure = np.abs(gradient) > 1e-5  # below, rounding decides the sign that Adam divides by
            expected = adam_first_step(weight.numpy(), gradient.numpy(), 2e-4)
            np.testing.assert_allclose(moved.numpy()[sure], expected[sure], atol=1e-6)


def test_d_of_x_and_d_of_g_of_z_are_mean_probabilities(config, images):
    trainer, before = new_trainer(config), new_trainer(config)
    metrics = trainer.update(images)
    real = tf.sigmoid(before.discriminator(to_float(images), training=True)).numpy().mean()
    assert float(metrics["d_real"]) == pytest.approx(real, abs=1e-5)
    assert 0 < float(metrics["d_fake"]) < 1


def test_a_layer_of_both_networks_gathers_batch_norm_statistics_while_training(config, images):
    trainer = new_trainer(tiny_config(config.run_dir.parent, image_size="16"))
    trainer = Trainer(trainer.config, (16, 16), CHANNELS)
    trainer.update(np.repeat(np.repeat(images, 2, axis=1), 2, axis=2))
    assert np.any(trainer.generator.get_layer("norm_0").moving_mean.numpy())
    assert np.any(trainer.discriminator.get_layer("norm_1").moving_mean.numpy())


def test_latents_are_a_function_of_seed_purpose_and_step(config):
    def draw(trainer, step, purpose):
        return trainer.latents(tf.constant(step), purpose).numpy()

    trainer, other = new_trainer(config), new_trainer(replace(config, seed=1))
    first = draw(trainer, 1, "latents")
    assert np.array_equal(first, draw(new_trainer(config), 1, "latents"))
    for different in (draw(trainer, 2, "latents"), draw(trainer, 1, "statistics"), draw(other, 1, "latents")):
        assert not np.array_equal(first, different)


def test_the_average_starts_quickly_and_ends_slowly(config, images):
    trainer = new_trainer(config)
    average = trainer.generator.trainable_variables[0].numpy().astype(np.float64)
    for step in range(1, 8):
        trainer.update(images)
        decay = min(0.999, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * trainer.generator.trainable_variables[0].numpy()
    np.testing.assert_allclose(trainer.ema_generator.trainable_variables[0].numpy(), average, atol=1e-6)


def test_without_a_decay_the_average_is_the_generator(config, images):
    trainer = new_trainer(replace(config, ema_decay=0.0))
    trainer.update(images)
    pairs = zip(trainer.ema_generator.trainable_variables, trainer.generator.trainable_variables, strict=True)
    assert all(np.array_equal(average.numpy(), weight.numpy()) for average, weight in pairs)


def test_a_snapshot_in_inference_mode_draws_as_its_weights_do_in_training_mode(config):
    """With statistics of its own weights; those of a fresh network are zero and one, and far off."""
    trainer = new_trainer(config)
    latents = np.random.default_rng(0).standard_normal((2000, 5)).astype(np.float32)
    expected = trainer.ema_generator(latents, training=True).numpy()
    for norm in [layer for layer in trainer.ema_generator.layers if isinstance(layer, keras.layers.BatchNormalization)]:
        norm.moving_mean.assign(tf.zeros_like(norm.moving_mean))
        norm.moving_variance.assign(tf.ones_like(norm.moving_variance))
    before = np.abs(trainer.ema_generator(latents, training=False).numpy() - expected).mean()
    after = np.abs(trainer.snapshot()(latents, training=False).numpy() - expected).mean()
    assert after < before / 4


def test_a_restored_trainer_takes_the_same_next_step_to_the_bit(config, images):
    trainer = new_trainer(config)
    for _ in range(3):
        trainer.update(images)
    restored = new_trainer(config)
    restored.restore(trainer.state())
    assert restored.step == 3
    trainer.update(images)
    restored.update(images)
    ours, theirs = trainer.state(), restored.state()
    assert list(ours) == list(theirs)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_the_state_holds_both_networks_both_optimizers_the_average_and_the_step(config):
    trainer = new_trainer(config)
    owners = {name.split("/")[0] for name in trainer.state()}
    assert owners == {
        "steps_done",
        "generator",
        "discriminator",
        "ema_generator",
        "generator_optimizer",
        "discriminator_optimizer",
    }
    held = sum(array.size for name, array in trainer.state().items() if name.startswith("generator_optimizer"))
    weights = sum(int(np.prod(variable.shape)) for variable in trainer.generator.trainable_variables)
    assert held == 2 * weights + 2  # two moments a weight, the iteration and the learning rate


@pytest.mark.parametrize("damage", ["missing", "shape"])
def test_a_state_of_other_networks_is_refused_and_nothing_changes(config, damage):
    trainer = new_trainer(config)
    state, before = trainer.state(), trainer.state()
    state["steps_done"] = np.array(9, np.int64)
    name = "discriminator/judge/kernel"
    state = {k: v for k, v in state.items() if k != name} if damage == "missing" else {**state, name: np.zeros(3)}
    with pytest.raises(UserError, match=name):
        trainer.restore(state)
    assert all(np.array_equal(before[name], array) for name, array in trainer.state().items())
