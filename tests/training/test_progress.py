"""Progress bar, lines and log of a run."""

import errno
import io
import os
import re
import sys
from pathlib import Path

import pytest

from dcgan import train
from dcgan.core import atomic_io
from dcgan.core.errors import UserError
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


def test_the_first_lines_say_how_long_a_training_takes_that_ends_by_the_clock(tmp_path, capsys):
    train(tiny_config(tmp_path, steps=4, minutes=1))
    assert "new run of 4 steps or 1 minute;" in capsys.readouterr().out
    train(tiny_config(tmp_path, minutes=2.5))
    assert "resuming after step 4, up to step 6 or 2.5 minutes" in capsys.readouterr().out


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


def test_a_picture_that_can_not_be_written_does_not_end_training(tmp_path, monkeypatch, capsys):
    """As when an image viewer on Windows, or a synchronized folder, has the file open."""
    expected = train(tiny_config(tmp_path / "expected"))
    real = Path.replace

    def in_use(self, target):
        if Path(target).suffix == ".png":
            raise PermissionError(errno.EACCES, "The file is in use")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", in_use)
    monkeypatch.setattr(atomic_io, "_REPLACE_SECONDS", 0.0)
    run = train(tiny_config(tmp_path / "run"))
    output = capsys.readouterr().out
    for name in ("real.png", "step-00000003.png", "curves.png", "real-vs-generated.png"):
        assert f"{name} can't be written: The file is in use. Training continues without it." in output
    assert output.count("Latest samples: ") == 1  # those of the first run
    assert run.generator_file.read_bytes() == expected.generator_file.read_bytes()
    assert not list(run.path.rglob("*.png"))


def test_the_log_is_on_the_disk_before_the_checkpoint(tmp_path, monkeypatch):
    synced, real = [], os.fsync

    def fsync(file):
        path = Path(f"/proc/self/fd/{file}").readlink()
        synced.append("checkpoint" if path.suffix == ".npz" else path.name)
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    train(tiny_config(tmp_path))
    relevant = [name for name in synced if name in ("log.jsonl", "checkpoint")]
    assert relevant == ["log.jsonl", "checkpoint"] * 3


def test_a_log_that_can_not_be_written_is_named(tmp_path, monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Progress, "_open_log", lambda self: Full())
    with pytest.raises(UserError, match=r"log\.jsonl can't be written: No space left"):
        train(tiny_config(tmp_path))
