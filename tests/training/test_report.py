"""What training prints before its first step and writes after its last one."""

import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from dcgan import train
from dcgan.config import TrainConfig
from dcgan.core.classes import Classes
from dcgan.data.image_dataset import dataset_from_arrays
from dcgan.runs import Run
from dcgan.sampling.selection import default_selection
from dcgan.training import report
from dcgan.training.distributed import Job
from dcgan.training.report import matching_indices
from dcgan.training.trainer import Trainer
from dcgan.visualization import read_png
from tests.support.tiny_runs import tiny_config


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of programs with a Python in it that does nothing."""
    folder = tmp_path / "its own/bin"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    return folder


def program(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def introduction(count, capsys, **options):
    """Return the lines that training on `count` images begins with."""
    config = TrainConfig(run_dir=Path("some runs/new"), batch_size=2, generator_width=2, discriminator_width=2)
    config = TrainConfig(**vars(config) | options).resolve()
    images = dataset_from_arrays("folder", np.zeros((count, 8, 8, 1), np.uint8), None, ())
    run = Run(config.run_dir)
    run.path.mkdir(parents=True, exist_ok=True)
    report.print_introduction(run, images, Trainer(config, (8, 8), 1), 10, "CPU", Job())
    return capsys.readouterr().out.splitlines()


def test_the_tensorboard_command_is_the_one_that_this_shell_finds(place, tmp_path, monkeypatch, capsys):
    def command():
        (line,) = [line for line in introduction(2, capsys) if line.startswith("TensorBoard: ")]
        assert line.endswith(" --logdir 'some runs'")
        return line.removeprefix("TensorBoard: ").removesuffix(" --logdir 'some runs'")

    assert command() == f"'{place}/python' -m tensorboard.main"
    program(place / "tensorboard")
    assert command() == "'its own/bin/tensorboard'"
    program(tmp_path / "elsewhere/tensorboard")  # of another Python
    assert command() == "'its own/bin/tensorboard'"
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert command() == f"'{place}/tensorboard'"
    monkeypatch.setenv("PATH", str(place))
    assert command() == "tensorboard"


def test_few_images_give_a_warning(capsys):
    assert "Only 1 image: expect copies of it; see --augment." in introduction(1, capsys, augment="none")
    assert "Only 99 images: expect copies of them; see --augment." in introduction(99, capsys, augment="none")
    assert "Only 99 images: expect copies of them." in introduction(99, capsys, augment="color")
    assert not any(line.startswith("Only") for line in introduction(100, capsys))


def test_the_introduction_says_what_the_discriminator_sees_and_how_to_turn_it_off(capsys):
    def line(**options):
        return [line for line in introduction(100, capsys, **options) if "discriminator sees" in line]

    (fixed,) = line(augment="cutout,color")
    assert fixed == "Augmentation of what the discriminator sees: color, cutout; --augment none turns it off"
    (adaptive,) = line(augment="translation", adaptive_augment=True)
    assert "translation, with a probability that adapts;" in adaptive
    assert line(augment="none") == []


def test_a_run_ends_with_as_many_real_images_as_generated_ones_side_by_side(tmp_path):
    run = train(tiny_config(tmp_path))
    image, samples = read_png(run.path / "real-vs-generated.png"), read_png(run.sample_file(6))
    height, width = samples.shape[:2]
    np.testing.assert_array_equal(image[-height:, -width:], samples)
    assert image.shape[1] == 2 * width + 8
    first = np.asarray(image[-height:, :width])[2:10, 2:10]
    real = read_png(run.samples_dir / "real.png")
    np.testing.assert_array_equal(first, real[2:10, 2:10])


def test_with_classes_every_row_is_of_one_class():
    classes = Classes(("a", "b"), (0.5, 0.5))
    labels = np.array([1, 0, 0, 1, 0] * 9)
    indices = matching_indices(labels, len(labels), default_selection(classes))
    assert labels[indices].tolist() == [0] * 8 + [1] * 8
    assert len(set(indices.tolist())) == 16


def test_without_classes_images_are_evenly_spaced_and_few_occur_twice():
    assert matching_indices(None, 640, default_selection(None))[[0, -1]].tolist() == [0, 639]
    assert len(matching_indices(None, 12, default_selection(None))) == 64


@pytest.mark.parametrize(("device", "shown"), [("auto", True), ("cpu", False)])
def test_a_gpu_that_is_not_used_is_reported_unless_the_cpu_was_asked_for(device, shown, monkeypatch, capsys):
    reason = "NVIDIA H200 is not used: TensorFlow does not find the CUDA libraries."
    monkeypatch.setattr(report, "explain_missing_gpu", lambda: reason)
    assert (reason in introduction(2, capsys, device=device)) == shown
