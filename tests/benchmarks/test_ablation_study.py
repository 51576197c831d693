"""The study of variants: what each changes, and the table."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import ablation_study
from benchmarks.baselines import Variant, variants
from benchmarks.baselines.variants import VariantTraining, build_trainer
from dcgan.config import DataConfig, TrainConfig
from dcgan.core import devices
from dcgan.evaluation.splits import load_splits
from dcgan.training.trainer import Trainer

SMALL = {"image_size": 8, "batch_size": 4, "latent_dim": 5, "generator_width": 4, "discriminator_width": 4}
SMALL |= {"compile": "none"}
WITHOUT_EFFECT = {"conditional": False, "clusters": 0, "generator_lr": 1e-4, "discriminator_lr": 1e-4}
"""Options that change nothing in whether one step of images without classes can be trained."""

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), dtype=np.uint8)


@pytest.fixture(scope="module", autouse=True)
def _deterministic():
    devices.configure_tensorflow(0)


def trainer_of(options=None, class_probabilities=(), **ideas):
    variant = Variant(SMALL | (options or {}), **ideas)
    config = TrainConfig(**variant.options).resolve()
    return build_trainer(variant, config, (8, 8), 1, class_probabilities=class_probabilities)


def logits(*values):
    return tf.constant(values, tf.float32)[:, None]


def train_one_step(trainer):
    metrics = trainer.train_steps(iter(tf.data.Dataset.from_tensors(IMAGES).repeat()), tf.constant(1))
    return {name: float(value) for name, value in metrics.items()}


def test_label_smoothing_is_cross_entropy_with_another_target():
    real, fake = np.array([2.0, -1.0]), np.array([0.5, 1.0])
    d_loss, _ = variants.smoothed(0.9)(logits(*real), logits(*fake))
    p, q = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
    expected = -np.mean(0.9 * np.log(p) + 0.1 * np.log(1 - p)) - np.mean(np.log(1 - q))
    assert float(d_loss) == pytest.approx(expected, rel=1e-5)


def test_the_hinge_loss_is_flat_where_the_discriminator_is_right_by_a_margin():
    d_loss, g_loss = variants.hinge(logits(2.0, 0.5), logits(-3.0, 0.0))
    assert float(d_loss) == pytest.approx(0.25 + 0.5)
    assert float(g_loss) == pytest.approx(1.5)


@pytest.mark.slow
def test_r1_changes_the_step():
    plain, penalized = train_one_step(trainer_of()), train_one_step(trainer_of(r1_gamma=200.0))
    assert np.isfinite(penalized["d_loss"])
    assert penalized["d_loss"] > plain["d_loss"]
    assert penalized["g_loss"] == plain["g_loss"]


def test_spectral_normalization_makes_the_largest_singular_value_one():
    trainer = trainer_of(spectral_norm=True)
    layer = trainer.discriminator.get_layer("down_0")
    image = tf.random.stateless_normal((1, 8, 8, 1), [1, 2])
    for _ in range(50):
        output = layer(image)
    norm = np.linalg.svd(layer.kernel.numpy().reshape(-1, 4), compute_uv=False)[0]
    np.testing.assert_allclose(output, tf.nn.conv2d(image, layer.kernel, 2, "SAME") / norm, rtol=1e-3, atol=1e-5)
    assert not [v for v in trainer.discriminator.variables if "norm" in v.path]


def test_every_layer_of_a_spectral_discriminator_has_a_norm_of_one_and_a_bias_and_is_trained():
    trainer = trainer_of(spectral_norm=True)
    before = [np.asarray(v) for v in trainer.discriminator.trainable_variables]
    assert np.isfinite(train_one_step(trainer)["d_loss"])
    with_weights = [layer for layer in trainer.discriminator.layers if layer.trainable_weights]
    assert with_weights[-1].name == "logit"
    for layer in with_weights:
        for _ in range(50):
            kernel = layer.normalized_kernel()
        largest = np.linalg.svd(tf.reshape(kernel, (-1, kernel.shape[-1])), compute_uv=False)[0]
        assert largest == pytest.approx(1, abs=1e-3)
        assert layer.bias is not None
    changed = [
        np.any(b != np.asarray(v)) for b, v in zip(before, trainer.discriminator.trainable_variables, strict=True)
    ]
    assert len(changed) == 2 * len(with_weights)
    assert all(changed)


def test_a_conditional_discriminator_can_have_spectral_normalization():
    trainer = trainer_of({"conditional": True}, class_probabilities=(0.5, 0.5), spectral_norm=True)
    assert trainer.discriminator([tf.zeros((2, 8, 8, 1)), tf.eye(2)]).shape == (2, 1)


def test_packing_concatenates_the_channels_of_consecutive_images():
    packed = variants.Pack(2)(tf.constant(IMAGES, tf.float32))
    np.testing.assert_array_equal(packed, np.concatenate([IMAGES[::2], IMAGES[1::2]], axis=3))


def test_a_packed_discriminator_returns_a_logit_per_group_and_is_trained():
    trainer = trainer_of(pack=2)
    assert trainer.discriminator.input_shape == (None, 8, 8, 1)
    images = tf.constant(IMAGES, tf.float32)
    inner = trainer.discriminator.get_layer("discriminator")
    assert inner.input_shape == (None, 8, 8, 2)
    together = tf.concat([images[::2], images[1::2]], axis=3)
    np.testing.assert_allclose(trainer.discriminator(images, training=True), inner(together, training=True), rtol=1e-5)
    assert np.isfinite(train_one_step(trainer)["d_loss"])


CHANGES = {
    "unconditional": {"conditional"},
    "conditional": {"conditional"},
    "learning rates": {"generator_lr", "discriminator_lr"},
    "G 2e-4, D 8e-4": {"discriminator_lr"},
    "batch": {"batch_size"},
    "width": {"generator_width", "discriminator_width"},
    "generator width": {"generator_width"},
    "discriminator width": {"discriminator_width"},
    "kernel": {"kernel"},
    "EMA": {"ema_decay"},
    "no EMA": {"ema_decay"},
    "latent dim": {"latent_dim"},
    "hidden units": {"discriminator_hidden"},
    "no hidden layer": {"discriminator_hidden"},
    "nearest upsampling": {"upsampling"},
    "transposed upsampling": {"upsampling"},
    "not compiled": {"compile"},
    "DiffAugment, translation": {"augment"},
    "DiffAugment, all": {"augment"},
    "adaptive, all": {"augment", "adaptive_augment"},
    "no augmentation": {"augment"},
    "label smoothing": {"real_target"},
    "spectral normalization": {"spectral_norm"},
    "R1, γ": {"r1_gamma"},
    "hinge": {"loss"},
    "packing": {"pack"},
    "clusters": {"clusters"},
    "no clusters": {"clusters"},
    "no discriminator norm": {"discriminator_norm"},
    "relativistic loss": {"loss"},
    "gradient penalty": {"gradient_penalty"},
}
"""What the words of a row's name, without its numbers, say that it changes."""

TWO_CHANGES = {
    "unconditional, no hidden layer": ("unconditional", "no hidden layer"),
    "transposed upsampling, no hidden layer": ("transposed upsampling", "no hidden layer"),
    "nearest upsampling, 256 hidden units": ("nearest upsampling", "256 hidden units"),
    "R1, γ 0.1, not compiled": ("R1, γ 0.1", "not compiled"),
    "unconditional, no clusters": ("unconditional", "no clusters"),
    "unconditional, 50 clusters": ("unconditional", "50 clusters"),
    "width 64, no hidden layer": ("width 64", "no hidden layer"),
    "nearest upsampling, width 64": ("nearest upsampling", "width 64"),
    "nearest upsampling, width 64, batch 64, no clusters": (
        "nearest upsampling",
        "width 64",
        "batch 64",
        "no clusters",
    ),
    "no discriminator norm, relativistic loss, gradient penalty 1": (
        "no discriminator norm",
        "relativistic loss",
        "gradient penalty 1",
    ),
    "no discriminator norm, relativistic loss, gradient penalty 0.01": (
        "no discriminator norm",
        "relativistic loss",
        "gradient penalty 0.01",
    ),
}
"""Rows that change several things, and the names of them."""

DIFFERENCE_OF_ROWS = {"R1, γ 0.1", "50 clusters", "gradient penalty 0.01", "gradient penalty 1"}
"""A change that has no row of its own, because it does not run alone: the difference of two rows."""


def named_changes(name):
    """Return the options and ideas that one change's name says it changes."""
    words = " ".join(word for word in name.split() if not word.replace(".", "").replace("e-", "").isdigit())
    return CHANGES.get(name) or CHANGES[words]


def changes(variant, base):
    """Return the options of the resolved configs, and the ideas beside them, in which two variants differ."""
    configs = [vars(TrainConfig(**each.options).resolve()) for each in (variant, base)]
    ideas = [{name: value for name, value in vars(each).items() if name != "options"} for each in (variant, base)]
    pairs = [*zip(*(config.items() for config in configs), strict=True)]
    pairs += [*zip(*(idea.items() for idea in ideas), strict=True)]
    return {name for (name, value), (_, other) in pairs if value != other}


@pytest.mark.parametrize("preset", ablation_study.PRESETS)
def test_every_variant_differs_from_its_preset_in_what_its_name_says_alone(preset):
    base, *others = ablation_study.PRESETS[preset].items()
    assert base[0] == preset
    expected = TrainConfig(image_size="64") if preset == "large" else TrainConfig(preset=preset)
    assert TrainConfig(**base[1].options).resolve() == expected.resolve()
    for name, variant in others:
        parts = TWO_CHANGES.get(name, (name,))
        assert changes(variant, base[1]) == set().union(*map(named_changes, parts)), name


@pytest.mark.parametrize("preset", ablation_study.PRESETS)
def test_both_changes_of_a_row_that_makes_two_have_a_row_of_their_own(preset):
    rows = ablation_study.PRESETS[preset]
    combined = [name for name in rows if name in TWO_CHANGES]
    assert len(combined) >= 2
    for name in combined:
        alone = set(TWO_CHANGES[name]) - DIFFERENCE_OF_ROWS
        assert alone
        assert alone <= set(rows)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ablation_study.PRESETS)
def test_every_variant_of_a_preset_can_train_a_step(preset):
    done = set()
    for variant in ablation_study.PRESETS[preset].values():
        small = Variant(**vars(variant) | {"options": variant.options | SMALL | WITHOUT_EFFECT})
        config = TrainConfig(**small.options).resolve()
        key = repr((config, vars(small) | {"options": None}))
        if key in done:  # it changes what SMALL decides for all
            continue
        done.add(key)
        trainer = build_trainer(small, config, (8, 8), 1)
        assert np.isfinite(list(train_one_step(trainer).values())).all()
    assert len(done) >= 8


@pytest.mark.slow
def test_a_training_is_evaluated_after_its_time():
    metrics = VariantTraining(Variant(SMALL), "mnist10k", None, seed=0, train_images=500, num=200).train(0.2)
    assert metrics["step"] == metrics["steps_done"] + 1 > 1
    assert metrics["frechet_distance"] > 0


def test_a_training_is_evaluated_on_images_that_it_is_not_trained_on(monkeypatch):
    training_images = []

    def batches(trainer, images, last, labels=None):
        training_images.append(images)
        return iter(tf.data.Dataset.from_tensors(images[:4]).repeat())

    monkeypatch.setattr(Trainer, "batches", batches)
    monkeypatch.setattr(variants, "Evaluator", lambda config, part: None)  # it is not called
    unconditional = Variant(SMALL | {"conditional": False, "clusters": 0})
    VariantTraining(unconditional, "mnist10k", None, seed=0, train_images=None, num=200)
    held_out = load_splits(DataConfig(image_size=8)).held_out.images
    assert len(training_images[0]) == 8000
    assert not {image.tobytes() for image in training_images[0]} & {image.tobytes() for image in held_out}


def metrics_of(*distances):
    return [{"frechet_distance": distance, "step": 100} for distance in distances]


def test_the_table_has_mean_deviation_and_the_ratio_to_the_first_row():
    results = {"paper": [metrics_of(9, 4), metrics_of(11, 6)], "better": [metrics_of(5, 1), metrics_of(5, 2)]}
    lines = ablation_study.report(results, [2, 4]).splitlines()
    assert "10 ± 1.4" in lines[2]
    assert "5 ± 1.4" in lines[2]
    assert "0.30" in lines[3]


def test_the_error_of_a_variant_that_fails_is_in_the_report():
    results = {"paper": [metrics_of(9)], "broken": ["no such thing"]}
    assert "no such thing" in ablation_study.report(results, [2])


def test_a_seed_that_fails_is_named_and_left_out_of_the_mean():
    results = {"paper": [metrics_of(9), metrics_of(11)], "broken": [metrics_of(5), "out of memory", metrics_of(5)]}
    printed = ablation_study.report(results, [2])
    assert "5 ± 0" in printed
    assert "0.50" in printed
    assert "broken, seed 1, failed and is not in its row: out of memory" in printed


def test_every_variant_is_trained_with_every_seed(monkeypatch, capsys):
    trained = []

    def train(baseline, minutes):
        trained.append((baseline.name, baseline.options["seed"]))
        return metrics_of(*(1.0 for _ in minutes))

    monkeypatch.setattr(ablation_study, "train_variant", train)
    ablation_study.main(["--only", "batch, hinge", "--seeds", "2", "--minutes", "1", "2"])
    names = ["paper", "batch 64", "batch 32", "hinge"]
    assert sorted(trained) == sorted((name, seed) for name in names for seed in (0, 1))
    assert "hinge" in capsys.readouterr().out


def test_options_can_be_common_to_all_trainings(monkeypatch):
    trained = []

    def train(baseline, minutes):
        trained.append(baseline.options["variant"].options)
        return metrics_of(*(1.0 for _ in minutes))

    monkeypatch.setattr(ablation_study, "train_variant", train)
    ablation_study.main(["--preset", "large", "--only", "kernel", "--common", "conditional=False", "--seeds", "1"])
    assert trained == [
        {"image_size": "64", "conditional": False},
        {"image_size": "64", "kernel": 6, "conditional": False},
    ]
