"""Paths as people write them: as text, and with `~`."""

import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from dcgan import find_run
from dcgan.config import GenerateConfig, TrainConfig
from dcgan.core import paths
from dcgan.core.atomic_io import parse_paths
from dcgan.core.errors import UserError
from dcgan.core.paths import command_line, to_path, typed_path
from dcgan.runs import Run


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


def test_a_leading_tilde_is_the_home_folder(home):
    assert to_path("~/images") == to_path(Path("~/images")) == home / "images"
    assert to_path("~") == home
    for other in ("a/~/b", "~a", "./~", "a~", ""):
        assert to_path(other) == Path(other)


def test_paths_may_be_text_everywhere(home):
    config = TrainConfig(data_dir="~/images", run_dir="runs/a")
    assert (config.data_dir, config.run_dir) == (home / "images", Path("runs/a"))
    assert GenerateConfig(out=Path("~/grid.png")).out == home / "grid.png"
    assert parse_paths("~/a.png, b.png") == [home / "a.png", Path("b.png")]
    assert Run("~/run").log_file == home / "run" / "log.jsonl"
    assert Run("run", output_dir="~").output_dir == home
    with pytest.raises(UserError, match=re.escape(str(home / "absent"))):
        find_run("~/absent")


@pytest.mark.parametrize(
    ("path", "typed"),
    [
        ("checkpoints/run", "checkpoints/run"),
        ("My Drive/run", "'My Drive/run'"),
        ("it's", "'it'\"'\"'s'"),
        ("$(touch x);`y`", "'$(touch x);`y`'"),
        ("-run", "./-run"),
        ("~run", "'./~run'"),
        ("-my run", "'./-my run'"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="quotes of POSIX shells")
def test_a_path_can_be_pasted_into_a_shell(path, typed):
    assert typed_path(Path(path)) == typed
    shown = subprocess.run(["sh", "-c", f"printf %s {typed}"], capture_output=True, text=True, check=True).stdout
    assert Path(shown) == Path(path)


def test_commands_of_windows_have_double_quotes(monkeypatch):
    monkeypatch.setattr(paths, "os", SimpleNamespace(name="nt", sep="\\"))
    assert command_line(["python", "--run-dir", "C:\\My Runs\\one"]) == 'python --run-dir "C:\\My Runs\\one"'
