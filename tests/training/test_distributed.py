"""Training on several devices or machines: real processes, on the loopback address."""

import json
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dcgan import train
from dcgan.config import TrainConfig
from dcgan.core.errors import UserError
from dcgan.runs import Run
from dcgan.training import distributed
from tests.support.tiny_runs import tiny_config
from tests.support.workers import distance, finish, start_workers

CHECKOUT = Path(__file__).parents[2]
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
    assert other.strip().endswith("\nworker 1 of 2; worker 0 reports progress")
    assert "step " not in other
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
        ('{"cluster": 1}', "is not valid"),
        ('{"cluster": {"chief": ["a:1"]}, "task": 1}', "is not valid"),
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
    with pytest.raises(UserError, match=complaint) as caught:
        distributed.resolve_job(TrainConfig())
    assert "--strategy single" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"cluster": {}, "environment": "cloud", "task": {}}',
        '{"cluster": null, "task": null}',
        '{"cluster": {"worker": []}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"chief": ["a:1"]}, "environment": "cloud", "task": {"type": "chief", "index": 0}}',
        '{"cluster": {"master": ["a:1"]}, "task": {"type": "master", "index": "0"}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": {"0": "a:1"}}, "task": {"type": "worker"}}',
    ],
)
def test_a_platform_that_names_one_machine_or_none_trains_on_it_alone(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    assert distributed.resolve_job(TrainConfig()) == distributed.Job("single")


def test_a_worker_whose_port_is_in_use_says_so(config, start):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        workers = [f"127.0.0.1:{other.getsockname()[1]}", "127.0.0.1:1"]
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": 0}}
        codes, (output,) = finish([start(config, TF_CONFIG=json.dumps(task))])
    assert codes == [2], output
    assert "can't listen on its address in TF_CONFIG: Could not start gRPC server." in output


def test_a_process_that_has_used_tensorflow_already_can_not_join_other_workers(monkeypatch):
    import tensorflow as tf

    tf.zeros(1)
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": 1}}))
    with pytest.raises(UserError, match=r"can't join the other workers.*\n.*in a new process"):
        distributed.build_strategy(distributed.Job("multi_worker", 1, 2), 8)


@pytest.mark.parametrize(
    ("batch_size", "available", "min_images", "expected"),
    [
        *[(64, devices, 1, most) for devices, most in ((1, 1), (2, 2), (3, 2), (5, 4), (6, 4), (7, 4), (8, 8))],
        (7, 4, 1, 1),
        (60, 8, 1, 6),
        (1024, 8, 512, 2),
        (1023, 2, 512, 1),
        (1536, 4, 512, 3),
    ],
)
def test_a_batch_is_shared_by_the_most_devices_that_divide_it_and_get_enough_images(
    batch_size, available, min_images, expected
):
    assert distributed.num_sharing(batch_size, available, min_images) == expected


STRATEGIES = """
import tensorflow as tf
from dcgan.training.distributed import Job, build_strategy
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)
for job, batch_size in ((Job("mirrored"), 64), (Job("mirrored", min_images=512), 1024),
                        (Job("mirrored", min_images=512), 1536), (Job("mirrored", min_images=512), 64)):
    print(build_strategy(job, batch_size).num_replicas_in_sync)
"""


def test_a_line_says_how_many_devices_share_the_batch_and_why_not_all():
    result = subprocess.run([sys.executable, "-c", STRATEGIES], cwd=CHECKOUT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    slower = "more would get fewer than 512 images each and be slower. --strategy mirrored shares a batch of any size."
    assert result.stdout.splitlines() == [
        "Training on 2 of 3 devices: no larger number divides --batch-size 64 evenly.",
        "2",
        "Training on 2 of 3 devices: no larger number divides --batch-size 1024 evenly.",
        "2",
        "3",
        f"Training on 1 of 3 devices: with --batch-size 64, {slower}",
        "1",
    ]


@pytest.mark.slow
def test_three_devices_train_on_a_batch_that_two_of_them_divide(config, start):
    config = replace(config, strategy="mirrored", steps=5)
    codes, (output,) = finish([start(config, "tests/support/replicas.py", "3")])
    assert codes == [0], output
    assert "Training on 2 of 3 devices: no larger number divides --batch-size 8 evenly." in output
    alone = train(replace(config, strategy="single", run_dir=config.run_dir.with_name("one")))
    assert distance(Run(config.run_dir), alone) < 2e-4


def test_a_batch_that_cannot_be_divided_evenly_among_workers_is_refused():
    with pytest.raises(UserError, match="`batch_size=64` can't be divided evenly among 3 workers"):
        distributed.build_strategy(distributed.Job("multi_worker", 0, 3), 64)


def test_only_auto_asks_for_a_minimum_of_images_per_gpu(monkeypatch):
    import tensorflow as tf

    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda device_type: ["GPU:0", "GPU:1"])
    auto, mirrored = (distributed.resolve_job(TrainConfig(strategy=name)) for name in ("auto", "mirrored"))
    assert auto == distributed.Job("mirrored", min_images=distributed.MIN_IMAGES_PER_REPLICA)
    assert mirrored == distributed.Job("mirrored")


@pytest.mark.slow
def test_xla_is_refused_before_training_when_replicas_share_a_batch(config, start):
    config = replace(config, strategy="mirrored", compile="xla")
    codes, (output,) = finish([start(config, "tests/support/replicas.py", "2")])
    assert codes == [1], output  # the program does not catch it
    assert 'UserError: `compile="xla"` can\'t compile a step that 2 replicas share.' in output
    assert not config.run_dir.exists()
