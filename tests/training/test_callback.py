"""A training that somebody watches, as a notebook does."""

import time

from dcgan import train
from tests.support.tiny_runs import tiny_config


def seen_by(config):
    """What a watcher finds in the run directory each time it is called: the last logged step, and how many grids."""
    seen = []

    def watch(run):
        seen.append((run.log_records()[-1]["step"], len(list(run.samples_dir.glob("step-*.png")))))

    train(config, watch=watch)
    return seen


def test_it_is_called_after_every_line_of_the_log_and_every_grid_and_at_the_end(tmp_path):
    """Six steps, a line each, a grid after every third."""
    lines = [(1, 0), (2, 0), (3, 0), (3, 1), (4, 1), (5, 1), (6, 1), (6, 2), (6, 2)]
    assert seen_by(tiny_config(tmp_path)) == lines


def test_it_is_shown_a_run_that_has_nothing_left_to_do(tmp_path):
    train(tiny_config(tmp_path))
    assert seen_by(tiny_config(tmp_path)) == [(6, 2)]


def test_it_takes_the_place_of_the_lines(tmp_path, capsys):
    seen_by(tiny_config(tmp_path))
    assert "D loss" not in capsys.readouterr().out


def test_the_time_it_takes_is_not_the_runs(tmp_path):
    run = train(tiny_config(tmp_path, steps=3), watch=lambda run: time.sleep(2))
    steps = [record["seconds"] for record in run.log_records()]
    assert steps[-1] - steps[0] < 2


def test_watching_changes_nothing_in_the_result(tmp_path):
    states = []
    for name, watch in (("alone", None), ("watched", lambda run: None)):
        run = train(tiny_config(tmp_path / name), watch=watch)
        states.append((run.checkpoints.folder / "step-00000006.npz").read_bytes())
    assert states[0] == states[1]
