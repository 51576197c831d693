"""The study of recipes: what each changes, and the table."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import ablation_study
from benchmarks.baselines import variants as trainings
from benchmarks.baselines.variants import Candidate, Recipe, Training
from dcgan.config import DataConfig, TrainConfig
from dcgan.core import devices
from dcgan.evaluation.splits import load_splits

SMALL = {"image_size": 8, "batch_size": 4, "latent_dim": 5, "generator_width": 4, "discriminator_width": 4}
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), dtype=np.uint8)


@pytest.fixture(scope="module", autouse=True)
def _deterministic():
    devices.configure_tensorflow(0)


def candidate(**recipe):
    made = Recipe(options=SMALL | {"compile": "none"}, **recipe)
    return Candidate(made, TrainConfig(**made.options), (8, 8), 1)


def logits(*values):
    return tf.constant(values, tf.float32)[:, None]


def step(trainer):
    metrics = trainer.update(iter(tf.data.Dataset.from_tensors(IMAGES).repeat()), tf.constant(1))
    return {name: float(value) for name, value in metrics.items()}


def test_smoothing_is_cross_entropy_with_another_target():
    real, fake = np.array([2.0, -1.0]), np.array([0.5, 1.0])
    d_loss, _ = candidate(target=0.9)._losses(logits(*real), logits(*fake))
    p, q = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
    expected = -np.mean(0.9 * np.log(p) + 0.1 * np.log(1 - p)) - np.mean(np.log(1 - q))
    assert float(d_loss) == pytest.approx(expected, rel=1e-5)


def test_hinge_is_flat_where_the_discriminator_is_right_by_a_margin():
    d_loss, g_loss = candidate(loss="hinge")._losses(logits(2.0, 0.5), logits(-3.0, 0.0))
    assert float(d_loss) == pytest.approx(0.25 + 0.5)
    assert float(g_loss) == pytest.approx(1.5)


def test_r1_is_half_gamma_times_the_squared_slope_on_real_images():
    trainer = candidate(penalty=2.0)
    real = tf.constant(np.random.default_rng(1).uniform(-1, 1, (4, 8, 8, 1)), tf.float32)
    trainer._judge(real, real, None, {})
    with tf.GradientTape() as tape:
        tape.watch(real)
        judged = trainer.discriminator(real, training=True)
    slopes = tape.gradient(judged, real).numpy()
    assert float(trainer._penalty) == pytest.approx((slopes**2).sum() / 4, rel=1e-4)
    assert np.isfinite(step(candidate(penalty=2.0))["d_loss"])


def test_spectral_normalisation_brings_the_largest_singular_value_to_one():
    trainer = candidate(spectral=True)
    layer = trainer.discriminator.get_layer("down_0")
    image = tf.random.stateless_normal((1, 8, 8, 1), [1, 2])
    for _ in range(50):
        output = layer(image)
    norm = np.linalg.svd(layer.kernel.numpy().reshape(-1, 4), compute_uv=False)[0]
    np.testing.assert_allclose(output, tf.nn.conv2d(image, layer.kernel, 2, "SAME") / norm, rtol=1e-3, atol=1e-5)
    assert not [v for v in trainer.discriminator.variables if "norm" in v.path]


def test_every_layer_of_a_normalised_discriminator_has_a_norm_of_one_and_a_bias_and_learns():
    trainer = candidate(spectral=True)
    before = [np.asarray(v) for v in trainer.discriminator.trainable_variables]
    assert np.isfinite(step(trainer)["d_loss"])
    weighted = [layer for layer in trainer.discriminator.layers if layer.trainable_weights]
    assert weighted[-1].name == "logit"
    for layer in weighted:
        for _ in range(50):
            kernel = layer.normalised()
        largest = np.linalg.svd(tf.reshape(kernel, (-1, kernel.shape[-1])), compute_uv=False)[0]
        assert largest == pytest.approx(1, abs=1e-3)
        assert layer.bias is not None
    changed = [
        np.any(b != np.asarray(v)) for b, v in zip(before, trainer.discriminator.trainable_variables, strict=True)
    ]
    assert len(changed) == 2 * len(weighted)
    assert all(changed)


def test_a_conditional_discriminator_can_be_normalised():
    made = Recipe(options=SMALL | {"compile": "none", "conditional": True}, spectral=True)
    trainer = Candidate(made, TrainConfig(**made.options), (8, 8), 1, shares=(0.5, 0.5))
    assert trainer.discriminator([tf.zeros((2, 8, 8, 1)), tf.eye(2)]).shape == (2, 1)


def test_packing_judges_images_side_by_side_in_the_channels():
    trainer = candidate(pack=2)
    assert trainer.discriminator.input_shape == (None, 8, 8, 2)
    images = tf.constant(IMAGES, tf.float32)
    real, _ = trainer._judge(images, images, None, {})
    together = tf.concat([images[::2], images[1::2]], axis=3)
    np.testing.assert_allclose(real, trainer.discriminator(together, training=True), rtol=1e-5)


@pytest.mark.parametrize("set_", ablation_study.SETS)
def test_every_recipe_of_a_set_is_a_step_that_can_be_done(set_):
    for recipe in ablation_study.SETS[set_].values():
        options = {"options": recipe.get("options", {}) | SMALL | {"compile": "none"}}
        made = Recipe(**recipe | options)
        trainer = Candidate(made, TrainConfig(**made.options), (8, 8), 1)
        assert np.isfinite(list(step(trainer).values())).all()


def test_a_training_is_judged_after_its_time():
    recipe = {"options": SMALL | {"compile": "none"}}
    answer = Training(recipe, "mnist10k", None, seed=0, few=500, pictures=200).train(0.2)
    assert answer["step"] > 1
    assert answer["frechet_distance"] > 0


def test_what_judges_a_training_is_no_image_that_it_learns_from(monkeypatch):
    fed = []

    def feed(trainer, images, last, labels=None):
        fed.append(images)
        return iter(tf.data.Dataset.from_tensors(images[:4]).repeat())

    monkeypatch.setattr(Candidate, "feed", feed)
    monkeypatch.setattr(trainings, "Evaluator", lambda config: None)  # it is not asked
    recipe = {"options": SMALL | {"compile": "none", "conditional": False}}
    Training(recipe, "mnist10k", None, seed=0, few=None, pictures=200)
    held_out = load_splits(DataConfig(image_size=8)).held_out.images
    assert len(fed[0]) == 5000
    assert not {image.tobytes() for image in fed[0]} & {image.tobytes() for image in held_out}


def answers(*distances):
    return [{"frechet_distance": distance, "step": 100} for distance in distances]


def test_the_table_has_mean_spread_and_the_ratio_to_the_first():
    results = {"paper": [answers(9, 4), answers(11, 6)], "better": [answers(5, 1), answers(5, 2)]}
    lines = ablation_study.report(results, [2, 4]).splitlines()
    assert "10 ± 1.4" in lines[2]
    assert "5 ± 1.4" in lines[2]
    assert "0.30" in lines[3]


def test_a_recipe_that_fails_is_a_row_that_says_why():
    results = {"paper": [answers(9)], "broken": ["no such thing"]}
    assert "no such thing" in ablation_study.report(results, [2])


def test_one_seed_that_fails_is_named_and_leaves_the_others_mean():
    results = {"paper": [answers(9), answers(11)], "broken": [answers(5), "out of memory", answers(5)]}
    printed = ablation_study.report(results, [2])
    assert "5 ± 0" in printed
    assert "0.50" in printed
    assert "broken, seed 1, failed and is not in its row: out of memory" in printed


def test_every_recipe_is_trained_with_every_seed(monkeypatch, capsys):
    trained = []

    def train(baseline, minutes, seed):
        trained.append((baseline.name, seed))
        return answers(*(1.0 for _ in minutes))

    monkeypatch.setattr(ablation_study, "_train", train)
    ablation_study.main(["--only", "batch, hinge", "--seeds", "2", "--minutes", "1", "2"])
    names = ["paper", "batch 64", "batch 32", "hinge"]
    assert sorted(trained) == sorted((name, seed) for name in names for seed in (0, 1))
    assert "hinge" in capsys.readouterr().out
