"""What is held out: the test split, or half of the images."""

import numpy as np
import pytest
from PIL import Image

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.data import load
from dcgan.evaluation import splits
from dcgan.evaluation.splits import digit_config, load_splits, random_subset


def write_pictures(folder, count):
    for number in range(count):
        path = folder / f"{'cats' if number < count // 2 else 'dogs'}/{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)


def test_without_a_test_split_the_images_are_halved_at_random_and_it_is_said(tmp_path):
    write_pictures(tmp_path / "pictures", 41)
    config = DataConfig("folder", tmp_path / "pictures", image_size=8, cache_dir=tmp_path / "store")
    real = load_splits(config)
    reds = [set(part.images[:, 0, 0, 0].tolist()) for part in (real.training, real.held_out)]
    assert [len(part) for part in reds] == [20, 20]
    assert not reds[0] & reds[1]
    assert all(20 < sum(part.labels) * 4 < 60 for part in (real.training, real.held_out))  # of both classes
    assert "no test split: 20 of its images" in real.words
    assert real.training.fingerprint != real.held_out.fingerprint != load(config).fingerprint
    assert load_splits(config).held_out.fingerprint == real.held_out.fingerprint


def test_of_a_large_set_only_as_much_as_fits_into_memory_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(splits, "MOST_BYTES", 5 * 8 * 8 * 3)
    write_pictures(tmp_path / "pictures", 30)
    real = load_splits(DataConfig("folder", tmp_path / "pictures", image_size=8, cache_dir=tmp_path / "store"))
    assert len(real.training) == len(real.held_out) == 5


def test_a_single_image_is_nothing_to_compare_with(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match="a single image"):
        load_splits(DataConfig("folder", tmp_path, image_size=8, cache_dir=tmp_path / "store"))


def test_mistakes_in_the_options_are_not_taken_for_a_missing_test_split():
    with pytest.raises(UserError, match="needs --data-dir"):
        load_splits(DataConfig("folder"))


def test_the_digits_of_stacked_mnist_are_those_it_is_made_of(tmp_path):
    assert digit_config(DataConfig("stacked_mnist", image_size=8)) == DataConfig("mnist10k", image_size=8, channels=1)
    assert digit_config(DataConfig("stacked_mnist", tmp_path)).dataset == "mnist"


def test_some_images_keep_their_labels_and_are_the_same_every_time(digits):
    images, labels = random_subset(digits.training, 300)
    again, _ = random_subset(digits.training, 300)
    np.testing.assert_array_equal(images, again)
    for image, label in zip(images[:5], labels, strict=False):
        at = (digits.training.images == image).all(axis=(1, 2, 3)).argmax()
        assert digits.training.labels[at] == label
