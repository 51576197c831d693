"""Runs that are made to go wrong, and how they recover."""

import contextlib
import json
from dataclasses import replace

import numpy as np
import pytest

from dcgan import runs, train
from dcgan.core.errors import UserError
from dcgan.training import health, health_checks, schedule
from dcgan.training.progress import Progress
from dcgan.training.trainer import Trainer
from tests.support.tiny_runs import tiny_config


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A run whose health is checked after every step."""
    monkeypatch.setattr(schedule, "LOSS_CHECK_INTERVAL", 1)
    monkeypatch.setattr(schedule, "DIVERSITY_CHECK_INTERVAL", 1)
    return tiny_config(tmp_path, save_every=1, sample_every=1, steps=8)


def test_an_absurd_learning_rate_is_detected_and_ends_training_after_three_rollbacks(config, capsys):
    absurd = replace(config, generator_lr=1e30)
    with pytest.raises(
        UserError, match=r"(?s)diverged.*rolled back 3 times before, each with half the learning rates"
    ) as error:
        train(absurd)
    assert "keeps its last healthy checkpoint" in str(error.value)
    lines = [line for line in capsys.readouterr().out.splitlines() if "rolled back to step " in line]
    assert len(lines) == 3
    assert "rollback 3 of 3" in lines[2]
    run = runs.Run(config.run_dir)
    rates = [event["action"].split("now ")[1] for event in run.health_events()]
    assert rates == ["5e+29 and 0.00025", "2.5e+29 and 0.000125", "1.25e+29 and 6.25e-05"]
    assert all(np.isfinite(array).all() for array in run.checkpoints.latest().values() if array.dtype.kind == "f")


def test_a_collapse_rolls_back_to_the_last_healthy_checkpoint_and_training_continues(config, monkeypatch, capsys):
    values = iter([*[1.0] * 3, *[0.1] * 3, *[1.0] * 100])
    monkeypatch.setattr(health, "diversity", lambda images, real: next(values))
    run = train(config)
    assert run.checkpoints.latest()["steps_done"] == 8
    (event,) = run.health_events()
    assert (event["step"], event["rolled_back_to"]) == (6, 3)
    assert "collapsed" in capsys.readouterr().out
    # The log holds no rolled back step twice, and the checkpoint the lower learning rates.
    assert [record["step"] for record in run.log_records()] == list(range(1, 9))
    checkpoint = run.checkpoints.latest()
    assert float(checkpoint["generator_optimizer/learning_rate"]) == pytest.approx(config.generator_lr / 2)
    assert float(checkpoint["discriminator_optimizer/learning_rate"]) == pytest.approx(config.discriminator_lr / 2)


def test_a_collapse_that_began_before_a_stop_rolls_back_to_the_healthy_checkpoint(config, monkeypatch):
    values = iter([*[1.0] * 3, *[0.1] * 2])
    monkeypatch.setattr(health, "diversity", lambda images, real: next(values))
    stopped = replace(config, keep_checkpoints=1)
    train(replace(stopped, steps=5))
    values = iter([0.1, *[1.0] * 100])
    run = train(stopped)
    (event,) = run.health_events()
    assert (event["step"], event["rolled_back_to"]) == (6, 3)
    assert [record["step"] for record in run.log_records()] == list(range(1, 9))


def test_a_checkpoint_with_low_diversity_is_not_rolled_back_to(config, monkeypatch):
    monkeypatch.setattr(health, "GRACE_STEPS", 3)
    values = iter([*[0.0] * 6, *[1.0] * 100])
    monkeypatch.setattr(health, "diversity", lambda images, real: next(values))
    (event,) = train(config).health_events()
    assert (event["step"], event["rolled_back_to"]) == (6, 0)


@pytest.mark.parametrize("every", [1, 3, 8])
def test_the_intervals_of_logging_sampling_and_saving_do_not_decide_what_is_detected(config, monkeypatch, every):
    real, seen = health.HealthMonitor.check_losses, []
    monkeypatch.setattr(
        health.HealthMonitor, "check_losses", lambda self, metrics: seen.append(1) or real(self, metrics)
    )
    monkeypatch.setattr(schedule, "LOSS_CHECK_INTERVAL", 2)
    train(replace(config, log_every=every, sample_every=every, save_every=every))
    assert len(seen) == 4


def test_another_issue_before_the_next_healthy_checkpoint_rolls_back_further(config, monkeypatch):
    values = iter([*[1.0] * 3, *[0.1] * 6, *[1.0] * 100])
    monkeypatch.setattr(health, "diversity", lambda images, real: next(values))
    run = train(config)
    assert [event["rolled_back_to"] for event in run.health_events()] == [3, 2]
    assert float(run.checkpoints.latest()["generator_optimizer/learning_rate"]) == pytest.approx(
        config.generator_lr / 4
    )


@pytest.fixture
def collapsing(config, monkeypatch):
    """A run whose generator collapses at step 4, again after its first rollback, and not after the second."""

    def sample_raw(trainer, count):
        rollbacks = round(np.log2(config.generator_lr / float(trainer.generator_optimizer.learning_rate)))
        return np.full((count, 1), trainer.step < 4 or rollbacks == 2)

    monkeypatch.setattr(Trainer, "sample_raw", sample_raw)
    monkeypatch.setattr(health, "diversity", lambda images, real: float(images.mean()))
    return replace(config, save_every=2, sample_every=10, evaluate_every=1, keep_checkpoints=1)


class Interruption(Exception):
    """What ends a training here at a moment that the test chooses."""


def distance(generator, classes):
    return {"frechet_distance": float(np.abs(generator.weights[0]).mean())}


def files(run):
    """Return what two equal runs have in common: all files but those with times in them, and the log without times."""
    times = "images_per_second", "seconds"
    records = [{name: value for name, value in record.items() if name not in times} for record in run.log_records()]
    kept = (run.generator_file, run.discriminator_file, run.best_file, run.best_report, run.health_file)
    contents = {file.name: file.read_bytes() for file in (*kept, *run.checkpoints.folder.iterdir())}
    return contents, records


@pytest.mark.slow
@pytest.mark.parametrize("stopped", [False, True], ids=["killed", "stopped"])
def test_a_run_that_was_rolled_back_and_interrupted_equals_an_uninterrupted_one(
    collapsing, tmp_path, monkeypatch, stopped
):
    real, calls = Trainer.train_steps, []

    def train_steps(self, batches, count):
        calls.append(self.step)
        if len(calls) == moment and not stopped:
            raise Interruption
        return real(self, batches, count)

    monkeypatch.setattr(Trainer, "train_steps", train_steps)
    if stopped:
        monkeypatch.setattr(Progress, "should_stop", property(lambda self: len(calls) + 1 == moment))
    moment = None  # in the first run
    straight = train(collapsing, evaluator=distance)
    assert [event.get("rolled_back_to") for event in straight.health_events()] == [2, 0]
    # Steps 1 to 6, then 3 to 6, then 1 to 8: before the first rollback, between the two, and after the second.
    assert len(calls) == 18
    for moment in (6, 8, 14):
        calls.clear()
        config = replace(collapsing, run_dir=tmp_path / str(moment))
        with contextlib.suppress(Interruption):
            train(config, evaluator=distance)
        assert len(calls) == moment, "it was not interrupted"
        resumed = train(config, evaluator=distance)
        assert files(resumed) == files(straight), f"interrupted after {moment - 1} steps"


def test_a_resumed_run_keeps_its_lower_learning_rates(config, monkeypatch):
    values = iter([*[1.0] * 3, *[0.1] * 3, *[1.0] * 100])
    monkeypatch.setattr(health, "diversity", lambda images, real: next(values))
    train(config)
    run = train(replace(config, steps=10))
    assert float(run.checkpoints.latest()["generator_optimizer/learning_rate"]) == pytest.approx(
        config.generator_lr / 2
    )


def test_without_health_checks_nothing_is_checked(config, monkeypatch):
    monkeypatch.setattr(health_checks, "HealthMonitor", None)
    run = train(replace(config, health_checks=False))
    assert run.health_events() == []
    assert "diversity" not in run.log_records()[-1]


def test_health_checks_change_nothing_of_a_healthy_run(tmp_path):
    results = []
    for checks in (True, False):
        run = train(tiny_config(tmp_path / str(checks), health_checks=checks))
        arrays = {name: array.tolist() for name, array in run.checkpoints.latest().items() if name != "health"}
        results.append([arrays, run.generator_file.read_bytes()])
    assert results[0] == results[1]


def test_health_events_are_written_as_whole_lines(tmp_path):
    run = runs.Run(tmp_path)
    run.log_health_event({"step": 1, "message": "first"})
    with run.health_file.open("a") as file:
        file.write('{"step": 2, "mess')
    run.log_health_event({"step": 3, "message": "third"})
    assert [json.loads(line)["step"] for line in run.health_file.read_text().splitlines()] == [1, 3]


def test_raw_samples_use_the_trained_weights_and_leave_the_ema_weights_unchanged(config):
    trainer = Trainer(config, (8, 8), 3)
    for variable in trainer.generator.trainable_variables:
        variable.assign(variable + 0.5)
    before = trainer.checkpoint()
    images = trainer.sample_raw(6)
    assert images.shape == (6, 8, 8, 3)
    assert all(np.array_equal(value, before[name]) for name, value in trainer.checkpoint().items())
    batch = trainer.generator(trainer.noise.latents(0, "statistics"), training=True).numpy()
    np.testing.assert_allclose(images[:4].astype(float), (batch + 1) * 127.5, atol=0.51)


def test_in_place_of_a_damaged_checkpoint_the_run_returns_to_the_one_before(config, monkeypatch, capsys):
    """Healthy after steps 1 to 3, collapsed in 4 to 6."""
    values = iter([*[1.0] * 3, *[0.1] * 3, *[1.0] * 100])

    def damage(images, real):
        if (value := next(values)) < 1.0:
            runs.Run(config.run_dir).checkpoints.file(3).write_bytes(b"damaged")
        return value

    monkeypatch.setattr(health, "diversity", damage)
    run = train(config)
    (event,) = run.health_events()
    assert (event["step"], event["rolled_back_to"]) == (6, 2)
    assert (
        "step-00000003.npz is missing or damaged: the run returns to the checkpoint before" in capsys.readouterr().out
    )
    assert run.checkpoints.latest()["steps_done"] == 8
