"""What training says before it starts: one line for what matters, and nothing where all is well."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dcgan.data.image_dataset import dataset_from_arrays
from dcgan.runs import Run
from dcgan.training import preflight as module
from dcgan.training.preflight import (
    augmentation_note,
    checkpoints_bytes,
    class_balance_warning,
    format_bytes,
    preflight,
)
from dcgan.training.trainer import Trainer
from tests.support.tiny_runs import tiny_config


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    return Trainer(tiny_config(tmp_path_factory.mktemp("preflight")), (8, 8), 3)


def dataset(channels_differ=True, labels=None):
    images = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 3), np.uint8)
    images = images if channels_differ else images[..., :1].repeat(3, axis=3)
    return dataset_from_arrays("folder", images, labels, ("cats", "dogs") if labels is not None else ())


def test_nothing_is_said_where_all_is_well(trainer, tmp_path):
    even = np.arange(100) % 2
    assert preflight(Run(tmp_path), dataset(labels=even), trainer, True) == []


def test_uneven_classes_are_named_in_a_conditional_run_only(trainer, tmp_path):
    labels = np.zeros(100, np.int64)
    labels[:4] = 1
    (line,) = preflight(Run(tmp_path), dataset(labels=labels), trainer, True)
    assert "cats has 96 images, dogs 4" in line
    assert preflight(Run(tmp_path), dataset(labels=labels), trainer, False) == []


def test_gray_images_in_color_are_noted(trainer, tmp_path):
    (line,) = preflight(Run(tmp_path), dataset(channels_differ=False), trainer, False)
    assert "--channels 1" in line


def test_stronger_augmentation_is_named_for_few_images_in_color_with_the_default_one_only():
    assert "--augment color,translation,cutout" in augmentation_note(999, 3, True)
    assert augmentation_note(999, 3, False) == ""
    assert augmentation_note(999, 1, True) == ""
    assert augmentation_note(1000, 3, True) == ""


def test_few_color_images_are_noted_before_training(trainer, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "config", replace(trainer.config, augment="translation"))
    (line,) = preflight(Run(tmp_path), dataset(), trainer, False)
    assert line.startswith("100 color images are few")


def test_a_disk_that_is_nearly_full_is_named_with_both_sizes(trainer, tmp_path, monkeypatch):
    needed = checkpoints_bytes(trainer)
    for free, word in ((needed // 2, "is too full"), (needed * 3 // 2, "nearly full")):
        monkeypatch.setattr(module.shutil, "disk_usage", lambda path, free=free: SimpleNamespace(free=free))
        (line,) = preflight(Run(tmp_path), dataset(), trainer, False)
        assert word in line
        assert format_bytes(free) in line
        assert format_bytes(needed) in line


def test_the_size_of_checkpoints_is_that_of_their_arrays(trainer):
    size = sum(array.nbytes for array in trainer.checkpoint().values())
    assert checkpoints_bytes(trainer) == pytest.approx(size * (trainer.config.keep_checkpoints + 1), rel=0.02)


def test_classes_are_uneven_from_a_tenth_on():
    assert "a has 60 images, b 6" in class_balance_warning("ab", np.array([60, 6]))
    assert class_balance_warning("ab", np.array([60, 7])) == ""


@pytest.mark.parametrize(
    ("size", "text"), [(500, "500 bytes"), (1536, "1.5 KiB"), (3 << 20, "3 MiB"), (5 << 29, "2.5 GiB")]
)
def test_sizes_are_readable(size, text):
    assert format_bytes(size) == text
