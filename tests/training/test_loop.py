"""What a training resolves before it begins: its options, and the step at which it ends, in exact arithmetic."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from dcgan.config import TrainConfig
from dcgan.runs import open_run
from dcgan.training.loop import last_step as last_step_of
from dcgan.training.loop import resolve_config

EPOCHS = ("0.1", "0.3", "0.7", "1", "1.1", "1.5", "2.2", "3.3", "4.35", "9.9", "12.34")


def last_step(epochs, count, batch_size):
    return last_step_of(TrainConfig(epochs=float(epochs), batch_size=batch_size, steps=10**9).resolve(), count)


def test_1_1_epochs_of_10_steps_are_11_steps():
    assert 1.1 * 100 / 10 > 11  # in floating point
    assert last_step("1.1", count=100, batch_size=10) == 11


@pytest.mark.parametrize("batches", [1, 3, 7, 10, 30, 49, 1000])
@pytest.mark.parametrize("epochs", EPOCHS)
def test_a_run_ends_at_the_first_step_at_which_the_decimal_number_of_epochs_is_complete(epochs, batches):
    for batch_size in (10, 64):
        assert last_step(epochs, batch_size * batches, batch_size) == math.ceil(Fraction(epochs) * batches)


def test_a_fraction_of_a_step_counts_as_a_step():
    assert last_step("1", count=65, batch_size=64) == 2
    assert last_step("1e-9", count=64, batch_size=64) == 1
    assert last_step(str(1 / 3), count=60, batch_size=2) == 10


def test_epochs_and_steps_end_a_run_whichever_is_earlier():
    assert last_step_of(TrainConfig(epochs=2.0, batch_size=4, steps=5).resolve(), 8) == 4
    assert last_step_of(TrainConfig(epochs=3.0, batch_size=4, steps=5).resolve(), 8) == 5
    assert last_step_of(TrainConfig(batch_size=4, steps=5).resolve(), 8) == 5


def test_epochs_alone_decide_where_a_run_ends():
    assert last_step_of(TrainConfig(epochs=25.0, batch_size=4).resolve(), 8000) == 50_000
    assert last_step_of(TrainConfig(batch_size=4).resolve(), 8000) == 4000


def test_a_run_resumed_on_another_type_of_device_keeps_the_networks_that_the_first_one_decided(tmp_path):
    given = TrainConfig(dataset="folder", data_dir=tmp_path, run_dir=tmp_path / "run", seed=1)
    assert resolve_config(given, on_gpu=True).generator_width == 64
    with open_run(resolve_config(given, on_gpu=False)) as run:
        run.checkpoints.save(3, {"steps_done": np.array(3)}, keep=1)
    on_gpu = resolve_config(given, on_gpu=True)
    assert (on_gpu.generator_width, on_gpu.discriminator_width) == (32, 32)
    assert resolve_config(replace(given, generator_width=64), on_gpu=True).generator_width == 64  # is refused later
    assert resolve_config(replace(given, seed=2), on_gpu=True).seed == 2
