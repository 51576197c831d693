"""kill -9 at any moment loses at most the steps since the last checkpoint, and the result stays the same."""

import random
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dcgan import data, runs, train
from dcgan.config.parser import to_yaml
from dcgan.data.batches import batches
from tests.support.tiny_runs import tiny_config

CHECKOUT = Path(__file__).parents[2]
STEPS, SAVE_EVERY = 200, 20


def start(config, folder):
    """Start `python train.py` on the config."""
    file = folder / "config.yaml"
    file.write_text(to_yaml(config))
    command = [sys.executable, "train.py", "--config", str(file)]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def kill_after_step(process, run, step, delay):
    """Send kill -9 `delay` seconds after the log has reached `step`."""
    while process.poll() is None and not any(record["step"] >= step for record in run.log_records()):
        time.sleep(0.02)
    time.sleep(delay)
    process.kill()
    process.communicate()


def next_batch(config, step):
    images = data.load(config)
    return next(iter(batches(images.images, config.batch_size, config.seed, range(step, step + 1)))).numpy()


@pytest.mark.slow
def test_200_steps_with_kills_at_random_moments_equal_200_uninterrupted_steps(tmp_path):
    config = tiny_config(tmp_path, steps=STEPS, save_every=SAVE_EVERY, sample_every=50, log_every=10, compile="auto")
    straight = train(config)
    killed = replace(config, run_dir=tmp_path / "killed")
    run, dice = runs.Run(killed.run_dir), random.Random()
    moments = sorted(dice.sample(range(1, STEPS), 3))
    for moment in moments:
        delay = dice.uniform(0, 0.05)
        kill_after_step(start(killed, tmp_path), run, moment, delay)
        reached = run.log_records()[-1]["step"]
        saved = int((run.checkpoints.latest() or {"steps_done": 0})["steps_done"])
        assert reached - saved <= SAVE_EVERY, f"moments {moments}, delay {delay}"
    last = start(killed, tmp_path)
    output, _ = last.communicate()
    assert last.returncode == 0, output

    assert straight.generator_file.read_bytes() == run.generator_file.read_bytes(), f"moments {moments}"
    ours, theirs = straight.checkpoints.latest(), run.checkpoints.latest()
    assert list(ours) == list(theirs)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours), f"moments {moments}"
    assert np.array_equal(next_batch(config, STEPS + 1), next_batch(killed, STEPS + 1))
    assert [record["step"] for record in run.log_records()] == list(range(10, STEPS + 1, 10))
    assert not list(run.path.rglob(".writing-*"))


@pytest.mark.slow
def test_a_second_training_in_the_same_run_directory_is_refused(tmp_path):
    config = tiny_config(tmp_path, steps=100_000)
    first = start(config, tmp_path)
    try:
        while not runs.Run(config.run_dir).log_records():
            assert first.poll() is None, first.stdout.read()
            time.sleep(0.05)
        second = start(config, tmp_path)
        output, _ = second.communicate()
        assert second.returncode == 2
        assert f"Process {first.pid} on {socket.gethostname()} is training in" in output
        assert "Traceback" not in output
        first.terminate()
        output, _ = first.communicate()
        assert first.returncode == 0, output
        assert "The same command resumes from here" in output
    finally:
        first.kill()
