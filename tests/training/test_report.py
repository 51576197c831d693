"""What a training says before its first step."""

import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from dcgan.config import TrainConfig
from dcgan.data.image_dataset import dataset_from_arrays
from dcgan.runs import Run
from dcgan.training import report
from dcgan.training.distributed import Job
from dcgan.training.trainer import Trainer


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of programs, and a Python in it that runs nothing."""
    folder = tmp_path / "its own/bin"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    return folder


def program(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def said(count, capsys, **options):
    """The lines that a training of `count` pictures begins with."""
    config = TrainConfig(run_dir=Path("some runs/new"), batch_size=2, generator_width=2, discriminator_width=2)
    config = TrainConfig(**vars(config) | options).resolve()
    images = dataset_from_arrays("folder", np.zeros((count, 8, 8, 1), np.uint8), None, ())
    run = Run(config.run_dir)
    run.path.mkdir(parents=True, exist_ok=True)
    report.print_introduction(run, images, Trainer(config, (8, 8), 1), 10, "CPU", Job())
    return capsys.readouterr().out.splitlines()


def test_tensorboard_is_told_as_this_shell_starts_it(place, tmp_path, monkeypatch, capsys):
    def told():
        (line,) = [line for line in said(2, capsys) if line.startswith("Watch it in a browser: ")]
        assert line.endswith(" --logdir 'some runs'")
        return line.removeprefix("Watch it in a browser: ").removesuffix(" --logdir 'some runs'")

    assert told() == f"'{place}/python' -m tensorboard.main"
    program(place / "tensorboard")
    assert told() == "'its own/bin/tensorboard'"
    program(tmp_path / "elsewhere/tensorboard")  # of another Python
    assert told() == "'its own/bin/tensorboard'"
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert told() == f"'{place}/tensorboard'"
    monkeypatch.setenv("PATH", str(place))
    assert told() == "tensorboard"


def test_few_pictures_are_warned_of(capsys):
    assert "Only 1 picture: expect copies of it; see --augment." in said(1, capsys)
    assert "Only 99 pictures: expect copies of them; see --augment." in said(99, capsys)
    assert "Only 99 pictures: expect copies of them." in said(99, capsys, augment="color")
    assert not any(line.startswith("Only") for line in said(100, capsys))
