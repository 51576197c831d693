"""Held-out images: the test split, or half of the images."""

import numpy as np
import pytest
from PIL import Image

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.data import load
from dcgan.evaluation import splits as splits_module
from dcgan.evaluation.splits import digit_config, load_splits, random_subset


def write_images(folder, count):
    for number in range(count):
        path = folder / f"{'cats' if number < count // 2 else 'dogs'}/{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)


def test_a_dataset_without_a_test_split_is_halved_at_random_and_described_so(tmp_path):
    write_images(tmp_path / "images", 41)
    config = DataConfig("folder", tmp_path / "images", image_size=8, cache_dir=tmp_path / "cache")
    splits = load_splits(config)
    reds = [set(part.images[:, 0, 0, 0].tolist()) for part in (splits.training, splits.held_out)]
    assert [len(part) for part in reds] == [20, 20]
    assert not reds[0] & reds[1]
    assert all(20 < sum(part.labels) * 4 < 60 for part in (splits.training, splits.held_out))  # of both classes
    assert "no test split: 20 of its images" in splits.description
    assert splits.training.fingerprint != splits.held_out.fingerprint != load(config).fingerprint
    assert load_splits(config).held_out.fingerprint == splits.held_out.fingerprint


def test_only_as_much_of_a_large_dataset_as_fits_into_memory_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(splits_module, "MAX_HALF_BYTES", 5 * 8 * 8 * 3)
    write_images(tmp_path / "images", 30)
    splits = load_splits(DataConfig("folder", tmp_path / "images", image_size=8, cache_dir=tmp_path / "cache"))
    assert len(splits.training) == len(splits.held_out) == 5


def test_a_dataset_of_a_single_image_is_refused(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match="a single image"):
        load_splits(DataConfig("folder", tmp_path, image_size=8, cache_dir=tmp_path / "cache"))


def test_wrong_options_are_not_mistaken_for_a_missing_test_split():
    with pytest.raises(UserError, match="needs --data-dir"):
        load_splits(DataConfig("folder"))


def test_the_digits_of_stacked_mnist_are_those_it_is_built_from(tmp_path):
    assert digit_config(DataConfig("stacked_mnist", image_size=8)) == DataConfig("mnist10k", image_size=8, channels=1)
    assert digit_config(DataConfig("stacked_mnist", tmp_path)).dataset == "mnist"


def test_a_random_subset_keeps_its_labels_and_is_the_same_on_every_call(digits):
    images, labels = random_subset(digits.training, 300)
    again, _ = random_subset(digits.training, 300)
    np.testing.assert_array_equal(images, again)
    for image, label in zip(images[:5], labels, strict=False):
        at = (digits.training.images == image).all(axis=(1, 2, 3)).argmax()
        assert digits.training.labels[at] == label
