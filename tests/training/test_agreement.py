"""What the workers of a distributed job agree on: real processes, on the loopback address."""

from dataclasses import replace

import keras
import pytest
import tensorflow as tf

from dcgan import train
from dcgan.core.errors import UserError
from dcgan.runs import Run
from dcgan.training import agreement, health, schedule
from dcgan.training.distributed import Job
from tests.support.tiny_runs import make_images, tiny_config
from tests.support.workers import distance, finish, start_workers


@pytest.fixture
def config(tmp_path):
    every = {"save_every": 5, "sample_every": 20, "log_every": 5}
    return tiny_config(tmp_path, image_size="16", batch_size=8, steps=20, discriminator_hidden=0, **every)


def test_workers_agree_on_everything_that_decides_results_or_when_they_wait_for_each_other(config):
    options = agreement.options_to_agree_on(config)
    assert {"seed", "batch_size", "steps", "log_every", "sample_every", "save_every", "evaluate_every"} <= set(options)
    assert not {"run_dir", "data_dir", "cache_dir"} & set(options)


@pytest.mark.slow
def test_workers_with_different_options_are_refused(config, start):
    codes, outputs = finish(start_workers(start, config, replace(config, log_every=4)))
    assert codes == [2, 2], outputs
    assert all("The workers have different options." in output for output in outputs)


@pytest.mark.slow
def test_workers_with_different_images_are_refused(config, start, tmp_path):
    other = make_images(tmp_path / "others" / "images")
    first, second = sorted(other.iterdir())[:2]
    exchanged = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(exchanged)
    codes, outputs = finish(start_workers(start, config, replace(config, data_dir=other)))
    assert codes == [2, 2], outputs
    assert all("The workers have different images." in output for output in outputs)


@pytest.mark.slow
def test_the_chief_evaluates_with_several_workers(config, start, tmp_path):
    features = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    features.save(tmp_path / "features.keras")
    options = {"features": str(tmp_path / "features.keras"), "evaluate_num": 8}
    enough = make_images(tmp_path / "enough", count=24, side=16)  # at least four in each part of the dataset
    config = replace(config, data_dir=enough, steps=10, evaluate_every=5, **options)
    codes, (chief, other) = finish(start_workers(start, config, config))
    assert codes == [0, 0], (chief, other)
    assert [record["step"] for record in Run(config.run_dir).log_records() if "frechet_distance" in record] == [5, 10]
    assert Run(config.run_dir).best_file.exists()


@pytest.mark.slow
def test_a_collapse_rolls_back_every_worker_as_it_does_a_single_process(config, start, monkeypatch):
    config = replace(config, steps=8, save_every=1, log_every=1)
    shared = replace(config, run_dir=config.run_dir.with_name("two"))
    workers = start_workers(start, shared, shared, command=("tests/support/collapsing.py",))
    codes, (chief, other) = finish(workers)
    assert codes == [0, 0], (chief, other)
    values = iter([*[1.0] * 3, *[0.1] * 3, *[1.0] * 100])
    monkeypatch.setattr(health, "diversity", lambda images, real: next(values))
    monkeypatch.setattr(schedule, "LOSS_CHECK_INTERVAL", 1)
    monkeypatch.setattr(schedule, "DIVERSITY_CHECK_INTERVAL", 1)
    alone, together = train(config), Run(shared.run_dir)
    events = [(event["step"], event["rolled_back_to"]) for event in together.health_events()]
    assert events == [(6, 3)]
    assert "rolled back to step 3" in chief
    assert [record["step"] for record in together.log_records()] == list(range(1, 9))
    rate = "generator_optimizer/learning_rate"
    assert together.checkpoints.latest()[rate] == alone.checkpoints.latest()[rate] == pytest.approx(2.5e-4)
    assert distance(together, alone) < 2e-4


@pytest.mark.slow
def test_nan_ends_every_worker_after_three_rollbacks(config, start):
    config = replace(config, generator_lr=1e30, save_every=1)
    workers = start_workers(start, config, config, command=("tests/support/collapsing.py",))
    codes, (chief, other) = finish(workers)
    assert codes == [2, 2], (chief, other)
    assert "rolled back 3 times before" in chief
    assert "Worker 0 ended the training." in other
    assert "lost the connection" not in other


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Collective ops must be configured at program startup"),
        tf.errors.InvalidArgumentError(None, None, "shapes do not match"),
        tf.errors.ResourceExhaustedError(None, None, "out of memory"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_another_cause_is_not_explained_as_a_lost_worker(error):
    with pytest.raises(type(error)), agreement.explain_lost_workers(Job("multi_worker", 0, 2)):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.UnavailableError(None, None, "Socket closed"),
        tf.errors.InternalError(None, None, "/job:worker/replica:0/task:1 heartbeat timeout."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_lost_worker_is_explained_only_where_there_are_several(error):
    with (
        pytest.raises(UserError, match="lost the connection"),
        agreement.explain_lost_workers(Job("multi_worker", 0, 2)),
    ):
        raise error
    with pytest.raises(type(error)), agreement.explain_lost_workers(Job()):
        raise error
