"""The parts of a dataset: disjoint, and described with their sizes."""

import numpy as np
import pytest
from PIL import Image

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.data import load
from dcgan.data.idx import write_idx
from dcgan.evaluation import splits as splits_module
from dcgan.evaluation.splits import digit_config, load_splits, random_subset


def write_images(folder, count):
    for number in range(count):
        path = folder / f"{'cats' if number < count // 2 else 'dogs'}/{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)


def write_digits(folder, **counts):
    """Write splits of random digits as MNIST's files."""
    for split, count in counts.items():
        random = np.random.default_rng(count)
        stem = {"train": "train", "test": "t10k"}[split]
        write_idx(folder / f"{stem}-images-idx3-ubyte.gz", random.integers(0, 256, (count, 28, 28), np.uint8))
        write_idx(folder / f"{stem}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8) % 10)


def parts_of(splits):
    return [splits.classifier, splits.reference, splits.validation, splits.held_out]


def numbers(part):
    """The numbers of images that `write_images` wrote."""
    return set(part.images[:, 0, 0, 0].tolist())


def test_a_dataset_without_a_test_split_is_divided_at_random_and_described_so(tmp_path):
    write_images(tmp_path / "images", 101)
    config = DataConfig("folder", tmp_path / "images", image_size=8, cache_dir=tmp_path / "cache")
    splits = load_splits(config)
    assert [len(part) for part in parts_of(splits)] == [41, 20, 20, 20]
    assert len(set.union(*map(numbers, parts_of(splits)))) == 101  # no image is in two parts
    assert all(20 < 100 * np.mean(part.labels) < 80 for part in parts_of(splits))  # of both classes
    assert "no test split: 20 of its 101 images" in splits.description
    assert "a run has been trained on them" in splits.description
    assert "20 are the real reference, 41 train the classifier, and 20 serve for validation" in splits.description
    assert len({part.fingerprint for part in (*parts_of(splits), load(config))}) == 5
    assert load_splits(config).held_out.fingerprint == splits.held_out.fingerprint
    assert numbers(splits.training) == set(range(101)) - numbers(splits.held_out)
    assert splits.held_out_is_seen
    assert len(splits.seen) == 101


def test_a_training_split_is_divided_where_there_is_a_test_split(tmp_path, monkeypatch):
    write_digits(tmp_path, train=100, test=30)
    splits = load_splits(DataConfig("mnist", tmp_path))
    assert [len(part) for part in parts_of(splits)] == [47, 33, 20, 30]
    training = [{image.tobytes() for image in part.images} for part in parts_of(splits)[:3]]
    assert len(set.union(*training)) == 100
    assert set.union(*training) == {image.tobytes() for image in load(DataConfig("mnist", tmp_path)).images}
    assert splits.held_out.fingerprint == load(DataConfig("mnist", tmp_path), "test").fingerprint
    assert "30 test images are held out, which a run has not been trained on" in splits.description
    assert "Of its 100 training images, 33 are the real reference, 47 train the classifier" in splits.description
    assert splits.training is splits.seen
    assert not splits.held_out_is_seen
    monkeypatch.setattr(splits_module, "MAX_REFERENCE", 7)
    assert [len(part) for part in parts_of(load_splits(DataConfig("mnist", tmp_path)))] == [86, 7, 7, 30]


@pytest.mark.parametrize("has_test_split", [True, False])
def test_the_classifier_of_stacked_digits_is_trained_on_none_of_the_digits_that_it_measures_with(
    tmp_path, has_test_split, monkeypatch
):
    monkeypatch.setattr(splits_module, "STACKED_REFERENCE", 300)
    monkeypatch.setattr(splits_module, "STACKED_COUNT", {"train": 400, "test": 200})
    write_digits(tmp_path, train=100, test=30)
    config = DataConfig("stacked_mnist", tmp_path if has_test_split else None)
    splits = load_splits(config)
    digits = [
        {image[..., channel].tobytes() for image in part.images for channel in range(part.channels)}
        for part in parts_of(splits)
    ]
    assert splits.classifier.channels == 1
    assert [len(part) for part in parts_of(splits)[1:3]] == [300, 200]
    assert sum(map(len, digits)) == len(set.union(*digits))
    if has_test_split:
        assert splits.held_out.fingerprint == load(config, "test").fingerprint
    else:
        assert len(splits.held_out) == 200
    assert splits.held_out_is_seen == (not has_test_split)
    assert "other triples" in splits.description or "test digits are held out" in splits.description
    assert splits.seen.fingerprint == load(config).fingerprint


def test_only_as_much_of_a_large_dataset_as_fits_into_memory_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(splits_module, "MAX_PART_BYTES", 5 * 8 * 8 * 3)
    write_images(tmp_path / "images", 50)
    splits = load_splits(DataConfig("folder", tmp_path / "images", image_size=8, cache_dir=tmp_path / "cache"))
    assert [len(part) for part in (*parts_of(splits), splits.training)] == [5] * 5
    assert not numbers(splits.training) & numbers(splits.held_out)
    assert len(splits.seen) == 50


def test_a_dataset_with_fewer_images_than_parts_is_refused(tmp_path):
    write_images(tmp_path / "images", 4)
    with pytest.raises(UserError, match=r"(?s)folder has 4 training images.*Use a dataset of 5 images or more"):
        load_splits(DataConfig("folder", tmp_path / "images", image_size=8, cache_dir=tmp_path / "cache"))


def test_wrong_options_are_not_mistaken_for_a_missing_test_split():
    with pytest.raises(UserError, match="needs `data_dir`"):
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
