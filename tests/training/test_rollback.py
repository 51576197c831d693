"""Runs that are made to go wrong."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dcgan import runs, train
from dcgan.core.errors import UserError
from dcgan.training import health, loop
from dcgan.training.trainer import Trainer
from tests.support.tiny_runs import tiny_config


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A run that is looked at after every step."""
    monkeypatch.setattr(health, "NUMBERS_EVERY", 1)
    monkeypatch.setattr(health, "PICTURES_EVERY", 1)
    return tiny_config(tmp_path, save_every=1, sample_every=1, steps=8)


def test_an_absurd_learning_rate_is_noticed_explained_and_stopped_after_three_remedies(config, capsys):
    absurd = replace(config, generator_lr=1e30)
    with pytest.raises(UserError, match=r"(?s)diverged.*gone back and halved both learning rates 3 times") as error:
        train(absurd)
    assert "keeps its last good state" in str(error.value)
    told = [line for line in capsys.readouterr().out.splitlines() if "Going back to step " in line]
    assert len(told) == 3
    assert "remedy 3 of 3" in told[2]
    run = runs.Run(config.run_dir)
    rates = [event["remedy"].split("now ")[1] for event in run.health_events()]
    assert rates == ["5e+29 and 0.00025", "2.5e+29 and 0.000125", "1.25e+29 and 6.25e-05"]
    assert all(np.isfinite(array).all() for array in run.checkpoints.latest().values() if array.dtype.kind == "f")


def test_a_collapse_goes_back_to_the_last_state_that_was_well_and_trains_on(config, monkeypatch, capsys):
    looks = iter([*[1.0] * 3, *[0.1] * 3, *[1.0] * 100])
    monkeypatch.setattr(health, "diversity", lambda pictures, real: next(looks))
    run = train(config)
    assert run.checkpoints.latest()["steps_done"] == 8
    (event,) = run.health_events()
    assert (event["step"], event["back_to"]) == (6, 3)
    assert "collapsed" in capsys.readouterr().out
    # The steps that were given up are not in the log twice, and the lower rate is in the state.
    assert [record["step"] for record in run.log_records()] == list(range(1, 9))
    state = run.checkpoints.latest()
    assert float(state["generator_optimizer/learning_rate"]) == pytest.approx(config.generator_lr / 2)
    assert float(state["discriminator_optimizer/learning_rate"]) == pytest.approx(config.discriminator_lr / 2)


def test_a_collapse_that_began_before_a_stop_goes_back_to_the_state_that_was_well(config, monkeypatch):
    looks = iter([*[1.0] * 3, *[0.1] * 2])
    monkeypatch.setattr(health, "diversity", lambda pictures, real: next(looks))
    stopped = replace(config, keep_checkpoints=1)
    train(replace(stopped, steps=5))
    looks = iter([0.1, *[1.0] * 100])
    run = train(stopped)
    (event,) = run.health_events()
    assert (event["step"], event["back_to"]) == (6, 3)
    assert [record["step"] for record in run.log_records()] == list(range(1, 9))


def test_pictures_that_never_differed_are_not_gone_back_to(config, monkeypatch):
    monkeypatch.setattr(health, "GRACE", 3)
    looks = iter([*[0.0] * 6, *[1.0] * 100])
    monkeypatch.setattr(health, "diversity", lambda pictures, real: next(looks))
    (event,) = train(config).health_events()
    assert (event["step"], event["back_to"]) == (6, 0)


@pytest.mark.parametrize("every", [1, 3, 8])
def test_how_often_is_logged_drawn_and_saved_does_not_decide_what_is_noticed(config, monkeypatch, every):
    real, seen = health.HealthMonitor.look_at_numbers, []
    monkeypatch.setattr(
        health.HealthMonitor, "look_at_numbers", lambda self, numbers: seen.append(1) or real(self, numbers)
    )
    monkeypatch.setattr(health, "NUMBERS_EVERY", 2)
    train(replace(config, log_every=every, sample_every=every, save_every=every))
    assert len(seen) == 4


def test_trouble_again_before_the_next_healthy_save_goes_back_further(config, monkeypatch):
    looks = iter([*[1.0] * 3, *[0.1] * 6, *[1.0] * 100])
    monkeypatch.setattr(health, "diversity", lambda pictures, real: next(looks))
    run = train(config)
    assert [event["back_to"] for event in run.health_events()] == [3, 2]
    assert float(run.checkpoints.latest()["generator_optimizer/learning_rate"]) == pytest.approx(
        config.generator_lr / 4
    )


def test_a_run_that_was_treated_goes_on_with_its_lower_rates(config, monkeypatch):
    looks = iter([*[1.0] * 3, *[0.1] * 3, *[1.0] * 100])
    monkeypatch.setattr(health, "diversity", lambda pictures, real: next(looks))
    train(config)
    run = train(replace(config, steps=10))
    assert float(run.checkpoints.latest()["generator_optimizer/learning_rate"]) == pytest.approx(
        config.generator_lr / 2
    )


def test_without_the_guard_nothing_is_looked_at(config, monkeypatch):
    monkeypatch.setattr(loop, "HealthMonitor", None)
    run = train(replace(config, health_checks=False))
    assert run.health_events() == []
    assert "diversity" not in run.log_records()[-1]


def test_the_guard_changes_nothing_of_a_healthy_run(tmp_path):
    states = []
    for guard in (True, False):
        run = train(tiny_config(tmp_path / str(guard), health_checks=guard))
        states.append([(run.checkpoints.folder / "step-00000006.npz").read_bytes(), run.generator_file.read_bytes()])
    assert states[0] == states[1]


def test_what_was_noticed_is_noted_whole_lines_only(tmp_path):
    run = runs.Run(tmp_path)
    run.log_health_event({"step": 1, "message": "first"})
    with run.health_file.open("a") as file:
        file.write('{"step": 2, "wha')
    run.log_health_event({"step": 3, "message": "third"})
    assert [json.loads(line)["step"] for line in run.health_file.read_text().splitlines()] == [1, 3]


def test_the_pictures_it_looks_at_are_the_trained_weights_and_leave_the_average_alone(config):
    trainer = Trainer(config, (8, 8), 3)
    for variable in trainer.generator.trainable_variables:
        variable.assign(variable + 0.5)
    before = trainer.state()
    pictures = trainer.pictures(6)
    assert pictures.shape == (6, 8, 8, 3)
    assert all(np.array_equal(value, before[name]) for name, value in trainer.state().items())
    batch = trainer.generator(trainer.draws.latents(0, "statistics"), training=True).numpy()
    np.testing.assert_allclose(pictures[:4].astype(float), (batch + 1) * 127.5, atol=0.51)
