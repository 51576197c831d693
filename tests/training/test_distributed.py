"""Training on several devices or machines: real processes, on the loopback address."""

import json
import time
from dataclasses import replace

import pytest

from dcgan import train
from dcgan.config import TrainConfig
from dcgan.core.errors import UserError
from dcgan.runs import Run
from dcgan.training import distributed
from tests.support.tiny_runs import tiny_config
from tests.support.workers import distance, finish, start_workers

CLUSTER = {"worker": ["a:1", "b:1"]}


@pytest.fixture
def config(tmp_path):
    every = {"save_every": 5, "sample_every": 20, "log_every": 5}
    return tiny_config(tmp_path, image_size="16", batch_size=8, steps=20, discriminator_hidden=0, **every)


@pytest.mark.slow
# Rounding that decides on the side of a LeakyReLU grows: with a hidden layer of three, from 8e-8 at 10 to 7e-4 at 20.
@pytest.mark.parametrize(("hidden", "steps"), [(0, 20), (3, 10)])
def test_two_devices_compute_what_one_does_and_only_with_synchronized_batch_norm(config, start, hidden, steps):
    config = replace(config, steps=steps, discriminator_hidden=hidden)
    alone = train(config)
    mirrored, unsynchronized = (
        replace(config, strategy="mirrored", run_dir=config.run_dir.with_name(name)) for name in ("two", "own")
    )
    program = "tests/support/replicas.py"
    both = [start(mirrored, program, "2"), start(unsynchronized, program, "2", "--replicas-own-batch-norm")]
    codes, outputs = finish(both)
    assert codes == [0, 0], outputs
    assert distance(Run(mirrored.run_dir), alone) < 2e-4
    assert distance(Run(unsynchronized.run_dir), alone) > 2e-3


@pytest.mark.slow
def test_two_workers_compute_what_one_does_and_only_the_chief_writes(config, start):
    alone = train(config)
    shared = replace(config, run_dir=config.run_dir.with_name("two"))
    codes, (chief, other) = finish(start_workers(start, shared, shared))
    assert codes == [0, 0], (chief, other)
    assert distance(Run(shared.run_dir), alone) < 2e-4
    assert "step 20/20" in chief
    assert other.strip() == "worker 1 of 2; worker 0 reports progress"
    steps = [record["step"] for record in Run(shared.run_dir).log_records()]
    assert steps == [5, 10, 15, 20]


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1], ids=["chief", "other"])
def test_a_worker_that_dies_ends_the_job_and_the_next_start_resumes_from_the_newest_checkpoint(config, start, killed):
    config = replace(config, steps=100_000)
    run, workers = Run(config.run_dir), start_workers(start, config, config)
    while not run.checkpoints.exist():
        assert all(worker.poll() is None for worker in workers), finish(workers)
        time.sleep(0.1)
    workers[killed].kill()
    output = workers[1 - killed].communicate(timeout=300)[0]
    assert workers[1 - killed].returncode == 2
    assert "lost the connection to another one" in output
    assert "resumes from its newest checkpoint" in output
    assert "Traceback" not in output
    saved = int(run.checkpoints.latest()["steps_done"])
    assert run.log_records()[-1]["step"] - saved <= config.save_every

    codes, (chief, other) = finish(start_workers(start, *[replace(config, steps=saved + 5)] * 2))
    assert codes == [0, 0], (chief, other)
    assert f"resuming after step {saved}, up to step {saved + 5}" in chief
    assert int(run.checkpoints.latest()["steps_done"]) == saved + 5


@pytest.mark.slow
def test_a_signal_to_any_worker_stops_all_of_them_and_saves(config, start):
    run, workers = Run(config.run_dir), start_workers(start, *[replace(config, steps=100_000)] * 2)
    while not run.checkpoints.exist():
        assert all(worker.poll() is None for worker in workers), finish(workers)
        time.sleep(0.1)
    workers[1].terminate()
    codes, (chief, other) = finish(workers)
    assert codes == [0, 0], (chief, other)
    assert "Stopped and saved after step" in chief


def test_without_tf_config_the_job_is_one_process(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert distributed.resolve_job(TrainConfig()) == distributed.Job("single")
    with pytest.raises(UserError, match="needs TF_CONFIG"):
        distributed.resolve_job(TrainConfig(strategy="multi_worker"))


def test_tf_config_gives_a_process_its_role(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": 1}}))
    assert distributed.resolve_job(TrainConfig()) == distributed.Job("multi_worker", 1, 2)
    assert not distributed.resolve_job(TrainConfig()).is_chief
    assert distributed.resolve_job(TrainConfig(strategy="single")) == distributed.Job("single")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is not valid"),
        ("[]", "is not valid"),
        ("{}", "is not valid"),
        (json.dumps({"cluster": CLUSTER, "task": {"type": "worker"}}), "is not valid"),
        (json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": "x"}}), "is not valid"),
        (json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": 2}}), "no worker 2"),
        (json.dumps({"cluster": CLUSTER, "task": {"type": "ps", "index": 0}}), "tasks other than workers"),
        (
            json.dumps({"cluster": {**CLUSTER, "ps": ["c:1"]}, "task": {"type": "worker", "index": 0}}),
            "tasks other than workers",
        ),
    ],
)
def test_an_invalid_tf_config_is_refused(monkeypatch, text, complaint):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=complaint):
        distributed.resolve_job(TrainConfig())


def test_a_batch_that_cannot_be_divided_evenly_among_devices_is_refused():
    import tensorflow as tf

    class Three:
        num_replicas_in_sync = 3

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.distribute, "get_strategy", Three)
        with pytest.raises(UserError, match="64 can't be divided evenly among 3 devices"):
            distributed.build_strategy(distributed.Job(), 64)
