"""One training step, recomputed by hand."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.core import devices
from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.networks.fast import winograd
from dcgan.networks.fused_upsampling import to_inference_kernel
from dcgan.training import augmentation
from dcgan.training.losses import non_saturating
from dcgan.training.noise import Noise
from dcgan.training.regularizers import DiscriminatorPass
from dcgan.training.trainer import Trainer
from tests.support.tiny_runs import tiny_config

SIZE, CHANNELS = (8, 8), 3


@pytest.fixture(scope="module", autouse=True)
def _deterministic():
    devices.configure_tensorflow(0)


@pytest.fixture
def config(tmp_path):
    return tiny_config(tmp_path)


@pytest.fixture
def images():
    return np.random.default_rng(1).integers(0, 256, (4, *SIZE, CHANNELS), dtype=np.uint8)


def new_trainer(config):
    return Trainer(config, SIZE, CHANNELS)


def train_steps(trainer, images, count=1):
    """Train on one and the same batch."""
    return trainer.train_steps(iter(tf.data.Dataset.from_tensors(images).repeat()), tf.constant(count))


def adam_first_step(weight, gradient, rate):
    """Kingma & Ba 2015 at t = 1: both moments, corrected, are the gradient and its square.

    Keras adds its epsilon of 1e-7 as section 2 of the paper does in the end, before the second moment is corrected.
    """
    return weight - rate * gradient / (np.abs(gradient) + 1e-7 / np.sqrt(1 - 0.999))


def test_a_step_moves_each_network_along_adam_on_its_own_loss(config, images):
    trainer, before = new_trainer(config), new_trainer(config)
    train_steps(trainer, images)
    with tf.GradientTape(persistent=True) as tape:
        generated = before.generator(before.noise.latents(tf.constant(1), "latents"), training=True)
        real = tf.sigmoid(before.discriminator(to_float(images), training=True))
        fake = tf.sigmoid(before.discriminator(generated, training=True))
        d_loss = -tf.reduce_mean(tf.math.log(real)) - tf.reduce_mean(tf.math.log(1 - fake))
        g_loss = -tf.reduce_mean(tf.math.log(fake))
    for name, loss in (("discriminator", d_loss), ("generator", g_loss)):
        old, new = getattr(before, name).trainable_variables, getattr(trainer, name).trainable_variables
        for weight, moved, gradient in zip(old, new, tape.gradient(loss, old), strict=True):
            reliable = np.abs(gradient) > 1e-5  # below, rounding decides the sign that Adam divides by
            expected = adam_first_step(weight.numpy(), gradient.numpy(), 5e-4)
            np.testing.assert_allclose(moved.numpy()[reliable], expected[reliable], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("compile_mode", ["auto", "none", "xla"])
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_steps_in_one_call_equal_the_steps_of_several_calls_to_the_bit(config, compile_mode, precision):
    config = replace(config, precision=precision)
    images = np.random.default_rng(2).integers(0, 256, (10, *SIZE, CHANNELS), dtype=np.uint8)
    at_once, one_by_one = (new_trainer(replace(config, compile=compile_mode)) for _ in range(2))
    metrics = at_once.train_steps(at_once.batches(images, 5), tf.constant(5))
    batches = one_by_one.batches(images, 5)
    for _ in range(5):
        last = one_by_one.train_steps(batches, tf.constant(1))
    assert at_once.step == one_by_one.step == 5
    assert {name: float(value) for name, value in metrics.items()} == {n: float(v) for n, v in last.items()}
    ours, theirs = at_once.checkpoint(), one_by_one.checkpoint()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("compile_mode", ["none", "xla"])
def test_every_compile_mode_computes_the_same_to_rounding(config, images, compile_mode):
    ours, theirs = new_trainer(replace(config, compile="auto")), new_trainer(replace(config, compile=compile_mode))
    assert (ours.compile_mode, theirs.compile_mode) == ("fused_ops", compile_mode)
    for trainer in (ours, theirs):
        metrics = train_steps(trainer, images)
    assert float(metrics["g_loss"]) == pytest.approx(
        float(train_steps(new_trainer(config), images)["g_loss"]), abs=1e-5
    )
    for name in ("generator", "discriminator"):
        for a, b in zip(getattr(ours, name).variables, getattr(theirs, name).variables, strict=True):
            np.testing.assert_allclose(a, b, atol=1.1e-3)  # Adam moves a weight by 5e-4, whatever its gradient's size


def test_fused_ops_in_bfloat16_compute_the_same_as_keras_layers_to_its_rounding(config):
    size, config = (16, 16), replace(config, precision="mixed_bfloat16", batch_size=8, kernel=4)
    config = replace(config, image_size="16", upsampling="transposed", generator_width=256, discriminator_width=256)
    images = np.random.default_rng(2).integers(0, 256, (8, *size, CHANNELS), dtype=np.uint8)
    ours, theirs = (Trainer(replace(config, compile=mode), size, CHANNELS) for mode in ("auto", "none"))
    assert (ours.compile_mode, theirs.compile_mode) == ("fused_ops", "none")
    for network, layer, size in (("generator", "up_0", (8, 8)), ("discriminator", "down_1", (8, 8))):
        layer = getattr(ours, network).get_layer(layer)
        assert layer.select(layer, 4, 256, size) is winograd
    for step in range(1, 5):
        metrics, expected = (
            {name: float(value) for name, value in train_steps(trainer, images).items()} for trainer in (ours, theirs)
        )
        assert metrics == pytest.approx(expected, abs=0.05)
        for name in ("generator", "discriminator"):
            for a, b in zip(getattr(ours, name).variables, getattr(theirs, name).variables, strict=True):
                assert a.dtype == "float32"
                if a.trainable:  # Adam moves a weight by about 5e-4 per step, whatever its gradient's size
                    np.testing.assert_allclose(a, b, atol=1.1 * step * 2 * 5e-4)
                elif step == 1:  # statistics of equal weights
                    np.testing.assert_allclose(a, b, atol=0.02 * max(1.0, np.abs(b).max()))


def losses(config, images, steps=30):
    trainer = new_trainer(config)
    batches = trainer.batches(images, steps)
    return trainer, np.array([list(map(float, trainer.train_steps(batches, 1).values())) for _ in range(steps)])


@pytest.mark.parametrize(("precision", "tolerance"), [("mixed_bfloat16", 0.1), ("mixed_float16", 0.02)])
def test_a_short_run_in_mixed_precision_tracks_the_losses_of_float32(config, precision, tolerance):
    config = replace(config, image_size="16", batch_size=16, generator_width=8, discriminator_width=8)
    images = np.random.default_rng(2).integers(0, 256, (64, *SIZE, CHANNELS), dtype=np.uint8)
    _, expected = losses(config, images)
    trainer, measured = losses(replace(config, precision=precision), images)
    assert trainer.generator.get_layer("up_0").compute_dtype == precision.removeprefix("mixed_")
    assert trainer.generator.output.dtype == "float32"
    assert np.abs(measured - expected).max() < tolerance
    assert all(array.dtype in (np.float32, np.int32, np.int64) for array in trainer.checkpoint().values())


def test_a_step_whose_gradients_overflow_in_float16_is_skipped_and_training_continues(config, images):
    trainer = new_trainer(replace(config, precision="mixed_float16"))
    train_steps(trainer, images)
    for optimizer in (trainer.generator_optimizer, trainer.discriminator_optimizer):
        optimizer.dynamic_scale.assign(1e30)
    before = [weight.numpy() for weight in trainer.discriminator.trainable_variables]
    train_steps(trainer, images)
    assert all(np.array_equal(a, b) for a, b in zip(before, trainer.discriminator.trainable_variables, strict=True))
    assert float(trainer.discriminator_optimizer.dynamic_scale) == pytest.approx(5e29)
    trainer.discriminator_optimizer.dynamic_scale.assign(2.0**10)
    metrics = train_steps(trainer, images)
    assert np.isfinite(float(metrics["d_loss"]))
    assert not all(np.array_equal(a, b) for a, b in zip(before, trainer.discriminator.trainable_variables, strict=True))


def test_about_half_of_the_images_are_flipped_as_a_function_of_seed_and_step(config):
    trainer = new_trainer(replace(config, flip=True, batch_size=200))
    mask = trainer.noise.for_step(tf.constant(1))["flip"]
    assert 70 < np.count_nonzero(mask) < 130
    assert np.array_equal(mask, trainer.noise.for_step(tf.constant(1))["flip"])
    assert not np.array_equal(mask, trainer.noise.for_step(tf.constant(2))["flip"])


def test_a_run_that_flips_trains_on_the_images_that_are_flipped_at_this_step(config, images):
    flipping = new_trainer(replace(config, flip=True))
    mask = flipping.noise.for_step(tf.constant(1))["flip"].numpy()
    flipped = np.where(mask[:, None, None, None], images[:, :, ::-1], images)
    assert mask.any()
    assert not mask.all()
    d_real = float(train_steps(flipping, images)["d_real"])
    assert d_real == pytest.approx(float(train_steps(new_trainer(config), flipped)["d_real"]), abs=1e-6)
    assert d_real != float(train_steps(new_trainer(config), images)["d_real"])


def test_d_of_x_and_d_of_g_of_z_are_mean_probabilities(config, images):
    trainer, before = new_trainer(config), new_trainer(config)
    metrics = train_steps(trainer, images)
    real = tf.sigmoid(before.discriminator(to_float(images), training=True)).numpy().mean()
    assert float(metrics["d_real"]) == pytest.approx(real, abs=1e-5)
    assert 0 < float(metrics["d_fake"]) < 1


@pytest.mark.parametrize("loss", ["non_saturating", "relativistic"])
def test_the_mean_sign_is_that_of_what_the_loss_is_computed_from(config, images, loss):
    # The probability is 0 at first: the discriminator sees the images as they are.
    config = replace(config, loss=loss, augment="translation", adaptive_augment=True)
    trainer, before = new_trainer(config), new_trainer(config)
    metrics = train_steps(trainer, images)
    fake = before.generator(before.noise.for_step(tf.constant(1, tf.int64))["latents"], training=True)
    real_logits, fake_logits = (before.discriminator(x, training=True).numpy() for x in (to_float(images), fake))
    difference = real_logits - fake_logits if loss == "relativistic" else real_logits
    assert float(metrics["d_sign"]) == pytest.approx(np.sign(difference).mean(), abs=1e-5)


def test_training_updates_the_batch_norm_statistics_of_both_networks(config, images):
    trainer = new_trainer(tiny_config(config.run_dir.parent, image_size="16"))
    trainer = Trainer(trainer.config, (16, 16), CHANNELS)
    train_steps(trainer, np.repeat(np.repeat(images, 2, axis=1), 2, axis=2))
    assert np.any(trainer.generator.get_layer("norm_0").moving_mean.numpy())
    assert np.any(trainer.discriminator.get_layer("norm_1").moving_mean.numpy())


def test_latents_are_a_function_of_seed_purpose_and_step(config):
    def sample(trainer, step, purpose):
        return trainer.noise.latents(tf.constant(step), purpose).numpy()

    trainer, other = new_trainer(config), new_trainer(replace(config, seed=1))
    first = sample(trainer, 1, "latents")
    assert np.array_equal(first, sample(new_trainer(config), 1, "latents"))
    for different in (sample(trainer, 2, "latents"), sample(trainer, 1, "statistics"), sample(other, 1, "latents")):
        assert not np.array_equal(first, different)


def test_the_ema_starts_quickly_and_ends_slowly(config, images):
    trainer = new_trainer(config)
    average = trainer.generator.trainable_variables[0].numpy().astype(np.float64)
    for step in range(1, 8):
        train_steps(trainer, images)
        decay = min(0.999, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * trainer.generator.trainable_variables[0].numpy()
    np.testing.assert_allclose(trainer.ema_generator.trainable_variables[0].numpy(), average, atol=1e-6)


def test_without_a_decay_the_ema_weights_are_the_generators(config, images):
    trainer = new_trainer(replace(config, ema_decay=0.0))
    train_steps(trainer, images)
    pairs = zip(trainer.ema_generator.trainable_variables, trainer.generator.trainable_variables, strict=True)
    assert all(np.array_equal(average, to_inference_kernel(weight, average.shape)) for average, weight in pairs)


def test_the_sampling_generator_in_inference_mode_generates_what_its_weights_do_in_training_mode(config):
    """With statistics of its own weights; those of a fresh network are zero and one, and far off."""
    trainer = new_trainer(config)
    latents = np.random.default_rng(0).standard_normal((2000, 5)).astype(np.float32)
    expected = trainer.ema_generator(latents, training=True).numpy()
    for norm in [layer for layer in trainer.ema_generator.layers if isinstance(layer, keras.layers.BatchNormalization)]:
        norm.moving_mean.assign(tf.zeros_like(norm.moving_mean))
        norm.moving_variance.assign(tf.ones_like(norm.moving_variance))
    before = np.abs(trainer.ema_generator(latents, training=False).numpy() - expected).mean()
    after = np.abs(trainer.sampling_generator()(latents, training=False).numpy() - expected).mean()
    assert after < before / 4


def test_a_restored_trainer_takes_the_same_next_step_to_the_bit(config, images):
    trainer = new_trainer(config)
    for _ in range(3):
        train_steps(trainer, images)
    restored = new_trainer(config)
    restored.restore(trainer.checkpoint())
    assert restored.step == 3
    train_steps(trainer, images)
    train_steps(restored, images)
    ours, theirs = trainer.checkpoint(), restored.checkpoint()
    assert list(ours) == list(theirs)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.slow
@pytest.mark.parametrize("compile_mode", ["none", "xla"])
def test_the_probability_of_augmentation_is_part_of_a_checkpoint(config, images, monkeypatch, compile_mode):
    monkeypatch.setattr(augmentation, "IMAGES_TO_ONE", 20)
    monkeypatch.setattr(augmentation, "TARGET", -1.1)  # below every sign: it rises at each step
    config = replace(config, augment="translation,cutout", adaptive_augment=True, compile=compile_mode)
    ours, theirs = new_trainer(config), new_trainer(config)
    metrics = train_steps(ours, images, 2)
    assert float(metrics["augment_probability"]) == pytest.approx(2 * config.batch_size / 20)
    assert -1 <= float(metrics["d_sign"]) <= 1
    theirs.restore(ours.checkpoint())
    for trainer in (ours, theirs):
        train_steps(trainer, images)
    ours, theirs = ours.checkpoint(), theirs.checkpoint()
    assert ours["augment_probability"] == pytest.approx(3 * config.batch_size / 20)
    assert [name for name in ours if not np.array_equal(ours[name], theirs[name])] == []


def test_augmentations_are_rarely_applied_while_their_probability_is_low(config):
    noise = Noise(replace(config, batch_size=1000))
    for probability in (0.0, 0.3, 1.0):
        masks = noise.for_step(tf.constant(3, tf.int64), tf.constant(probability))
        real, fake = masks["applied_real"].numpy(), masks["applied_fake"].numpy()
        np.testing.assert_allclose([real.mean(axis=0), fake.mean(axis=0)], probability, atol=0.06)
        assert (real != fake).any() == (0 < probability < 1)


def test_a_checkpoint_holds_both_networks_both_optimizers_the_ema_weights_and_the_step(config):
    trainer = new_trainer(config)
    owners = {name.split("/")[0] for name in trainer.checkpoint()}
    assert owners == {
        "steps_done",
        "generator",
        "discriminator",
        "ema_generator",
        "generator_optimizer",
        "discriminator_optimizer",
    }
    size = sum(array.size for name, array in trainer.checkpoint().items() if name.startswith("generator_optimizer"))
    weights = sum(int(np.prod(variable.shape)) for variable in trainer.generator.trainable_variables)
    assert size == 2 * weights + 2  # two moments per weight, the iteration and the learning rate


@pytest.mark.parametrize("damage", ["missing", "shape"])
def test_a_checkpoint_of_other_networks_is_refused_and_nothing_changes(config, damage):
    trainer = new_trainer(config)
    state, before = trainer.checkpoint(), trainer.checkpoint()
    state["steps_done"] = np.array(9, np.int64)
    name = "discriminator/logit/kernel"
    state = {k: v for k, v in state.items() if k != name} if damage == "missing" else {**state, name: np.zeros(3)}
    with pytest.raises(UserError, match=name):
        trainer.restore(state)
    assert all(np.array_equal(before[name], array) for name, array in trainer.checkpoint().items())


def test_a_loss_is_handed_to_the_trainer(config, images):
    def least_squares(real_logits, fake_logits):
        d_loss = tf.reduce_mean(tf.square(real_logits - 1)) + tf.reduce_mean(tf.square(fake_logits))
        return d_loss, tf.reduce_mean(tf.square(fake_logits - 1))

    trainer, before = Trainer(config, SIZE, CHANNELS, loss=least_squares), new_trainer(config)
    metrics = train_steps(trainer, images)
    generated = before.generator(before.noise.latents(tf.constant(1), "latents"), training=True)
    real, fake = (before.discriminator(x, training=True).numpy() for x in (to_float(images), generated))
    assert float(metrics["d_loss"]) == pytest.approx(np.mean((real - 1) ** 2) + np.mean(fake**2), rel=1e-4)
    assert float(metrics["g_loss"]) == pytest.approx(np.mean((fake - 1) ** 2), rel=1e-4)
    assert trainer.objective == "least_squares"


def test_a_regularizer_adds_its_term_to_the_discriminators_loss_alone(config, images):
    def penalty(batch: DiscriminatorPass):
        gradients = batch.tape.gradient(batch.real_logits, batch.real)
        assert batch.fake.shape == batch.real.shape
        return 100 * tf.reduce_mean(tf.reduce_sum(tf.square(gradients), axis=(1, 2, 3)))

    plain, penalized = new_trainer(config), Trainer(config, SIZE, CHANNELS, regularizer=penalty)
    before = train_steps(plain, images)
    after = train_steps(penalized, images)
    discriminator = new_trainer(config).discriminator
    with tf.GradientTape() as tape:
        real = to_float(images)
        tape.watch(real)
        logits = discriminator(real, training=True)
    expected = 100 * np.mean(np.sum(np.square(tape.gradient(logits, real)), axis=(1, 2, 3)))
    assert float(after["d_loss"]) == pytest.approx(float(before["d_loss"]) + expected, rel=1e-4)
    assert float(after["g_loss"]) == pytest.approx(float(before["g_loss"]), rel=1e-5)
    assert penalized.objective == "non_saturating + penalty"


def test_networks_are_handed_to_the_trainer(config, images):
    def build_discriminator(image_size, channels, width, **options):
        image = keras.Input((*image_size, channels), name="image")
        features = keras.layers.Flatten()(keras.layers.Conv2D(width, 3, strides=2, name="own")(image))
        return keras.Model(image, keras.layers.Dense(1, name="logit")(features), name="discriminator")

    trainer = Trainer(config, SIZE, CHANNELS, loss=non_saturating, build_discriminator=build_discriminator)
    before = trainer.discriminator.get_layer("own").kernel.numpy()
    train_steps(trainer, images)
    trained = trainer.discriminator.get_layer("own").kernel.numpy()
    assert not np.array_equal(trained, before)
    assert np.array_equal(trainer.inference_discriminator().get_layer("own").kernel, trained)
