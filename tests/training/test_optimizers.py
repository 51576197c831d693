"""The generator's learning rate, and loss scaling when the gradients of a single replica overflow."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from dcgan.runs import Run
from dcgan.training.optimizers import DecayingAdam, current_learning_rate
from dcgan.training.trainer import Trainer
from tests.support.tiny_runs import tiny_config
from tests.support.workers import finish, start_workers

MODES = {
    "plain": {"compile": "none", "precision": "float32"},
    "partly compiled": {"compile": "auto", "precision": "float32"},
    "compiled": {"compile": "xla", "precision": "float32"},
    "float16": {"compile": "none", "precision": "mixed_float16"},
}
STEPS = 3
INITIAL_SCALE = 2.0**15


@pytest.fixture
def config(tmp_path):
    every = {"log_every": 1, "save_every": STEPS, "sample_every": STEPS}
    return tiny_config(tmp_path, image_size="16", batch_size=8, steps=STEPS, precision="mixed_float16", **every)


def trained_weights(config, calls, checkpoint=None):
    """Return a trainer after calls of so many steps on one batch, and what both networks' weights were after each."""
    trainer, weights = Trainer(config, (16, 16), 3), []
    if checkpoint is not None:
        trainer.restore(checkpoint)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    for count in calls:
        trainer.train_steps(trainer.batches(pixels, 100), count)
        weights.append({name: value for name, value in trainer.arrays() if "optimizer" not in name})
    return trainer, weights


def test_the_rate_falls_in_inverse_proportion_to_the_step_down_to_a_fifth():
    weight = tf.Variable(1.0)
    adam = DecayingAdam(1e-3, decay_start=3)
    adam.build([weight])
    rates, moves = [], []
    for _ in range(20):
        before = float(weight)
        rates.append(current_learning_rate(adam))
        adam.apply([tf.constant(2.0)])
        moves.append(before - float(weight))
    assert rates == pytest.approx([1e-3 * max(0.2, min(1, 3 / step)) for step in range(1, 21)])
    assert moves == pytest.approx(rates, rel=1e-3)  # Adam moves by its rate where the gradient is constant


@pytest.mark.slow
@pytest.mark.parametrize("options", MODES.values(), ids=MODES.keys())
def test_a_falling_rate_scales_the_generators_updates_and_not_the_discriminators(config, options):
    config = replace(config, **options)
    (_, constant), (trainer, falling) = (
        trained_weights(replace(config, generator_lr_decay_start=start), [1, 1]) for start in (0, 1)
    )
    assert current_learning_rate(trainer.generator_optimizer) == pytest.approx(config.generator_lr / 3)
    assert current_learning_rate(trainer.discriminator_optimizer) == pytest.approx(config.discriminator_lr)
    for name, first in constant[0].items():
        np.testing.assert_array_equal(falling[0][name], first, err_msg=name)
        expected = constant[1][name]
        if name in {f"generator/{variable.path}" for variable in trainer.generator.trainable_variables}:
            expected = (first + expected) / 2
        if not name.startswith("ema_generator"):
            np.testing.assert_allclose(falling[1][name], expected, atol=2e-7, err_msg=name)


@pytest.mark.slow
def test_a_resumed_run_has_the_rates_of_an_uninterrupted_one(config):
    config = replace(config, generator_lr_decay_start=2, compile="none")
    whole, _ = trained_weights(config, [6])
    half, _ = trained_weights(config, [3])
    resumed, _ = trained_weights(config, [3], half.checkpoint())
    theirs = whole.checkpoint()
    assert [name for name, value in resumed.arrays() if not np.array_equal(value, theirs[name])] == []


def test_a_rollback_halves_a_rate_that_has_fallen(config):
    trainer, _ = trained_weights(replace(config, generator_lr_decay_start=2), [3])
    assert trainer.scale_learning_rates(0.5) == pytest.approx((config.generator_lr / 4, config.discriminator_lr / 2))
    trainer.train_steps(trainer.batches(np.zeros((8, 16, 16, 3), np.uint8), 100), 1)
    assert current_learning_rate(trainer.generator_optimizer) == pytest.approx(config.generator_lr / 5)


def assert_every_step_was_skipped(config, outputs):
    """Compare what `overflow.py` printed, and the last checkpoint, to steps that only halve the loss scales."""
    for output in outputs:
        result = json.loads(output.strip().splitlines()[-1])
        assert result["unchanged"], output
        assert set(result["scales"]) == {INITIAL_SCALE / 2**STEPS}
    checkpoint = Run(config.run_dir).checkpoints.latest()
    assert checkpoint["steps_done"] == STEPS
    assert checkpoint["generator_optimizer/dynamic_scale"] == INITIAL_SCALE / 2**STEPS


@pytest.mark.slow
def test_an_overflow_in_the_second_replica_skips_the_step_in_both(config, start):
    config = replace(config, strategy="mirrored")
    codes, outputs = finish([start(config, "tests/support/overflow.py", "2")])
    assert codes == [0], outputs
    assert_every_step_was_skipped(config, outputs)


@pytest.mark.slow
def test_an_overflow_in_the_second_worker_skips_the_step_on_both(config, start):
    workers = start_workers(start, config, config, command=("tests/support/overflow.py", "1"))
    codes, outputs = finish(workers, timeout=120)
    assert codes == [0, 0], outputs
    assert_every_step_was_skipped(config, outputs)
