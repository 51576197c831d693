"""Paths as people write them: as text, and with `~`."""

import re
from pathlib import Path

import pytest

from dcgan import find_run
from dcgan.config import GenerateConfig, TrainConfig
from dcgan.core.atomic_io import parse_paths
from dcgan.core.errors import UserError
from dcgan.core.paths import to_path
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
