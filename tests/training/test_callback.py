"""The callback of training, as a notebook uses it."""

import time
from types import SimpleNamespace

from dcgan import train
from dcgan.training import progress
from tests.support.tiny_runs import tiny_config


def calls_of(config):
    """Return the last logged step and the number of grids at each call."""
    calls = []

    def callback(run):
        calls.append((run.log_records()[-1]["step"], len(list(run.samples_dir.glob("step-*.png")))))

    train(config, callback=callback)
    return calls


def test_it_is_called_after_every_logged_step_and_every_grid_and_at_the_end(tmp_path):
    """Six steps, a line each, a grid after every third."""
    lines = [(1, 0), (2, 0), (3, 0), (3, 1), (4, 1), (5, 1), (6, 1), (6, 2), (6, 2)]
    assert calls_of(tiny_config(tmp_path)) == lines


def test_it_is_called_for_a_run_that_is_already_complete(tmp_path):
    train(tiny_config(tmp_path))
    assert calls_of(tiny_config(tmp_path)) == [(6, 2)]


def test_it_replaces_the_lines(tmp_path, capsys):
    calls_of(tiny_config(tmp_path))
    assert "D loss" not in capsys.readouterr().out


def test_its_time_is_not_training_time(tmp_path, monkeypatch):
    slept = [0.0]

    def sleep(run):
        slept[0] += 10_000.0

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + slept[0])
    monkeypatch.setattr(progress, "time", clock)
    run = train(tiny_config(tmp_path, steps=3), callback=sleep)
    steps = [record["seconds"] for record in run.log_records()]
    assert slept[0] >= 30_000
    assert steps[-1] - steps[0] < 10_000


def test_a_callback_does_not_change_the_result(tmp_path):
    results = []
    for name, callback in (("without", None), ("with", lambda run: None)):
        run = train(tiny_config(tmp_path / name), callback=callback)
        results.append((run.checkpoints.folder / "step-00000006.npz").read_bytes())
    assert results[0] == results[1]
