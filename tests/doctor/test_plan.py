"""What a training that is planned consists of, and what that adds up to."""

import dataclasses

import numpy as np
import pytest

from dcgan.config import TrainConfig
from dcgan.doctor.evaluation import EvaluationCosts
from dcgan.doctor.measure import Costs
from dcgan.doctor.plan import count_events, plan_disk, plan_end, plan_seconds
from dcgan.doctor.sample import Sample
from dcgan.training.schedule import Schedule


def counted_by_the_schedule(config, start, last):
    """Go through a training step by step."""
    schedule = Schedule(config, start, last, health_checks=config.health_checks)
    counts = dict.fromkeys(("steps", "log", "sample", "checkpoint", "diversity", "evaluate"), 0)
    while not schedule.finished:
        schedule.advance(1, False)
        counts["steps"] += 1
        for name in ("log", "sample", "checkpoint", "evaluate"):
            counts[name] += schedule.due(name)
        counts["diversity"] += config.health_checks and schedule.due("diversity", "checkpoint")
    return counts


@pytest.mark.parametrize("seed", range(20))
def test_events_are_those_of_the_training_schedule(seed):
    random = np.random.default_rng(seed)
    every = {name: int(random.integers(1, 400)) for name in ("log_every", "sample_every", "save_every")}
    evaluate = int(random.integers(1, 400)) if seed % 2 else None
    config = TrainConfig(**every, evaluate_every=evaluate, health_checks=bool(seed % 3)).resolve()
    start, last = int(random.integers(0, 500)), int(random.integers(500, 2000))
    assert dataclasses.asdict(count_events(config, start, last)) == counted_by_the_schedule(config, start, last)


def test_a_plan_of_billions_of_steps_is_counted_at_once():
    config = TrainConfig(log_every=1).resolve()
    assert count_events(config, 0, 2**31 - 1).log == 2**31 - 1
    assert count_events(config, 7, 7).checkpoint == 0


def test_the_time_is_the_sum_of_all_parts():
    costs = Costs(
        build=1, first_step=20, step=0.1, events_once=3, diversity=2, sample=4, checkpoint=5, log=0.5, report=7
    )
    sample = Sample(
        total=1000,
        images=np.zeros((10, 8, 8, 3), np.uint8),
        labels=None,
        class_names=(),
        class_counts=np.zeros(0, np.int64),
        seconds_per_image=0.01,
        load_seconds=0.25,
    )
    config = TrainConfig(steps=1000).resolve()
    events = count_events(config, 0, 1000)
    seconds = plan_seconds(costs, events, sample, before=6.0)
    assert seconds["start"] == 6.25
    assert seconds["preparing images"] == 10
    assert seconds["steps"] == pytest.approx(99.9)
    assert seconds["sample grids"] == 4 * 4
    assert seconds["checkpoints"] == 2 * 5
    assert seconds["health checks"] == 4 * 2
    assert seconds["log"] == 20 * 0.5
    assert seconds["compilation"] == 24
    cached = dataclasses.replace(sample, is_cached=True)
    assert plan_seconds(costs, events, cached, before=6.0)["preparing images"] == 0


def test_evaluations_take_the_time_of_their_parts_as_often_as_they_happen():
    costs = Costs(generated_image=0.01, recalibration=0.5)
    sample = Sample(10, np.zeros((10, 8, 8, 3), np.uint8), None, (), np.zeros(0, np.int64))
    config = TrainConfig(steps=1000, evaluate_every=300).resolve()
    seconds = plan_seconds(costs, count_events(config, 0, 1000), sample, 0.0, EvaluationCosts(200, 40.0, 7.0, 3.0))
    assert seconds["classifier"] == 40
    assert seconds["features of real images"] == 7
    assert seconds["evaluations"] == pytest.approx(4 * (0.5 + 200 * 0.01 + 3))  # 300, 600, 900, 1000
    assert plan_end(1.0, 1000, seconds)[0] == pytest.approx(40 + 7 + seconds["evaluations"])  # 18 of 60 seconds
    without = plan_seconds(costs, count_events(config, 0, 1000), sample, 0.0)
    assert without["classifier"] == without["features of real images"] == 0


def test_checkpoints_that_are_removed_take_no_disk():
    costs = Costs(checkpoint_bytes=100, sample_bytes=10, log_bytes=1, other_bytes=50)
    config = TrainConfig(steps=5000, keep_checkpoints=3).resolve()
    disk = plan_disk(costs, count_events(config, 0, 5000), config)
    assert disk["checkpoints"] == 300
    assert disk["checkpoint that is being written"] == 100
    assert disk["sample grids"] == 20 * 10
    assert disk["log"] == 100
    evaluated = dataclasses.replace(count_events(config, 0, 5000), evaluate=2)  # `best.keras` is one more generator
    costs.generator_bytes = 7
    assert plan_disk(costs, evaluated, config)["other files"] == disk["other files"] + 7
    short = TrainConfig(steps=100).resolve()
    assert plan_disk(costs, count_events(short, 0, 100), short)["checkpoints"] == 100


def test_a_training_that_ends_by_the_clock_is_planned_up_to_there():
    seconds = {"start": 10.0, "preparing images": 5.0, "compilation": 20.0, "steps": 400.0, "checkpoints": 40.0}
    seconds["report"] = 7.0
    assert plan_end(None, 1000, seconds) == (482.0, 1000)
    assert plan_end(60.0, 1000, seconds) == (482.0, 1000)
    total, steps = plan_end(2.0, 1000, seconds)
    assert total == 10 + 5 + 120 + 7
    assert steps == round(1000 * (120 - 20) / (400 + 40))
    assert plan_end(0.1, 1000, seconds)[1] == 1
