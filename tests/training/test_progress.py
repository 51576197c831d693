"""Progress bar, lines and log of a run."""

import io
import re
import sys

import pytest

from dcgan import train
from dcgan.runs import Run
from dcgan.training.progress import Progress
from tests.support.tiny_runs import tiny_config

METRICS = {"d_loss": 0.5, "g_loss": 1.5, "d_real": 0.8, "d_fake": 0.25}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_without_a_terminal_every_logged_step_is_a_plain_line(tmp_path, capsys):
    train(tiny_config(tmp_path))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step ")]
    assert len(lines) == 6
    assert re.fullmatch(
        r"step 6/6  D loss \d+\.\d+  G loss \d+\.\d+  D\(x\) \d\.\d+  D\(G\(z\)\) \d\.\d+  \d+ images/s  00:00 left",
        lines[-1],
    )


def test_on_a_terminal_there_is_a_progress_bar_with_metrics_and_no_lines(tmp_path, monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    train(tiny_config(tmp_path))
    assert "6/6" in terminal.getvalue()
    assert "D(G(z))" in terminal.getvalue()
    assert not [line for line in capsys.readouterr().out.splitlines() if line.startswith("step ")]


def test_the_first_lines_introduce_the_run_and_the_last_says_what_to_do_next(tmp_path, capsys):
    train(tiny_config(tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("folder: 12 images of 8x8x3 on ")
    assert "new run of 6 steps" in lines[1]
    assert lines[-1].startswith("Generate new images: python -m dcgan generate --run-dir ")


def test_resuming_reports_the_step(tmp_path, capsys):
    train(tiny_config(tmp_path, steps=4))
    capsys.readouterr()
    train(tiny_config(tmp_path))
    assert "resuming after step 4, up to step 6" in capsys.readouterr().out


@pytest.mark.parametrize("log_every", [2, 4])
def test_metrics_are_logged_at_their_interval_and_at_every_checkpoint_and_at_the_end(tmp_path, log_every):
    run = train(tiny_config(tmp_path, log_every=log_every, save_every=3, steps=7))
    expected = {step for step in range(1, 8) if step % log_every == 0 or step % 3 == 0 or step == 7}
    assert [record["step"] for record in run.log_records()] == sorted(expected)


def test_the_first_speed_leaves_out_the_steps_in_which_the_graph_was_traced(tmp_path, monkeypatch, capsys):
    clock = iter([100.0, 130.0, 132.0, 133.0])  # start; two steps, traced; four more; now
    monkeypatch.setattr("time.monotonic", lambda: next(clock, 133.0))
    run = Run(tmp_path)
    config = tiny_config(tmp_path, steps=1000, tensorboard=False)
    with Progress(run, config, first=1, last=1000) as progress:
        progress.count(2)
        progress.log(6, METRICS)
    assert run.log_records()[0]["images_per_second"] == 4 * config.batch_size / 2
    assert run.log_records()[0]["seconds"] == 32
    assert "08:17 left" in capsys.readouterr().out
