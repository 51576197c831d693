"""MNIST under the names of its files, the part of it in the package, and Stacked MNIST."""

import gzip
import sys
import types

import numpy as np
import pytest

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.data import load
from dcgan.data.mnist import MNIST10K, digit_triples, write_mnist10k
from tests.support.synthetic_datasets import idx_bytes, random_digits, write_mnist


def test_mnist10k_is_ten_thousand_digits_with_labels_and_needs_no_file():
    images = load(DataConfig())
    assert images.images.shape == (10_000, 28, 28, 1)
    assert images.images.dtype == np.uint8
    assert images.labels.dtype == np.int64
    assert images.class_names == tuple("0123456789")
    # The start of MNIST's training set is known from its documentation.
    assert images.labels[:20].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7, 2, 8, 6, 9]
    assert (images.image_size, images.channels, len(images)) == ((28, 28), 1, 10_000)


def test_the_packaged_files_stay_small_and_carry_their_license():
    assert sum(path.stat().st_size for path in MNIST10K.iterdir()) < 1_800_000
    assert "CC BY-SA 3.0" in (MNIST10K / "README.md").read_text()


def test_the_packaged_files_are_the_start_of_the_originals_and_identical_each_time(tmp_path):
    arrays = write_mnist(tmp_path / "originals", train=20)["train"]
    for target in ("one", "two"):
        write_mnist10k(tmp_path / "originals", tmp_path / target, count=7)
    for name, array in zip(("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"), arrays, strict=True):
        one, two = ((tmp_path / target / name).read_bytes() for target in ("one", "two"))
        assert one == two
        assert gzip.decompress(one) == idx_bytes(array[:7])


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("names", ["{}-idx{}-ubyte", "{}-idx{}-ubyte.gz", "{}.idx{}-ubyte", "{}.idx{}-ubyte.gz"])
def test_the_four_files_are_found_under_each_of_their_names(tmp_path, dataset, names):
    arrays = write_mnist(tmp_path, names=names)
    for split, (images, labels) in arrays.items():
        read = load(DataConfig(dataset, data_dir=tmp_path), split)
        np.testing.assert_array_equal(read.images[..., 0], images)
        np.testing.assert_array_equal(read.labels, labels)
        assert len(read.class_names) == 10


def test_the_files_are_found_where_torchvision_and_kaggle_put_them(tmp_path):
    write_mnist(tmp_path / "torchvision/MNIST/raw")
    assert len(load(DataConfig("mnist", data_dir=tmp_path / "torchvision"))) == 12
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / "kaggle" / name).mkdir(parents=True)
    images, labels = random_digits(4)
    (tmp_path / "kaggle/train-images-idx3-ubyte/train-images-idx3-ubyte").write_bytes(idx_bytes(images))
    (tmp_path / "kaggle/train-labels-idx1-ubyte/train-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    assert len(load(DataConfig("mnist", data_dir=tmp_path / "kaggle"))) == 4


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no train-images-idx3-ubyte\.gz"):
        load(DataConfig("mnist", data_dir=tmp_path))
    with pytest.raises(UserError, match="does not exist"):
        load(DataConfig("mnist", data_dir=tmp_path / "nowhere"))


def test_different_numbers_of_images_and_labels_are_refused(tmp_path):
    write_mnist(tmp_path, names="{}-idx{}-ubyte")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(11)))
    with pytest.raises(UserError, match=r"12 images, but .* 11 labels"):
        load(DataConfig("mnist", data_dir=tmp_path))


def test_a_label_above_nine_is_refused(tmp_path):
    write_mnist(tmp_path, names="{}-idx{}-ubyte")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.full(12, 26)))
    with pytest.raises(UserError, match="label 26"):
        load(DataConfig("mnist", data_dir=tmp_path))


def test_images_of_a_size_that_no_network_supports_are_refused(tmp_path):
    write_mnist(tmp_path, side=30)
    with pytest.raises(UserError, match="30x30"):
        load(DataConfig("mnist", data_dir=tmp_path))


@pytest.fixture
def fake_keras(monkeypatch):
    """Replaces the module of Keras that downloads."""

    def place(dataset, load_data):
        module = types.ModuleType(f"keras.datasets.{dataset}")
        module.load_data = load_data
        for name in ("keras", "keras.datasets"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.setitem(sys.modules, module.__name__, module)

    return place


@pytest.mark.parametrize(
    ("dataset", "shape", "labels"),
    [("mnist", (28, 28), (5,)), ("fashion_mnist", (28, 28), (5,)), ("cifar10", (32, 32, 3), (5, 1))],
)
def test_without_a_folder_keras_downloads(fake_keras, dataset, shape, labels):
    train, test = ((np.full((5, *shape), n, np.uint8), np.full(labels, n, np.uint8)) for n in (1, 2))
    fake_keras(dataset, lambda: (train, test))
    for split, value in (("train", 1), ("test", 2)):
        images = load(DataConfig(dataset), split)
        assert images.images.shape == (5, *shape, 1)[:4]
        assert (images.images == value).all()
        assert images.labels.tolist() == [value] * 5


def test_a_failed_download_points_to_data_dir(fake_keras):
    def refuse():
        raise Exception("URL fetch failure on https://…: None -- [Errno -3] name resolution")

    fake_keras("mnist", refuse)
    with pytest.raises(UserError, match="could not be downloaded: URL fetch failure") as caught:
        load(DataConfig("mnist"))
    assert "--data-dir" in caught.value.hint


def test_stacked_mnist_has_three_digits_in_three_channels_and_labels_of_three_digits(tmp_path):
    images, labels = write_mnist(tmp_path)["train"]
    dataset = load(DataConfig("stacked_mnist", data_dir=tmp_path))
    assert dataset.images.shape == (60_000, 28, 28, 3)
    assert dataset.class_names[507] == "507"
    number_of = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    for image, label in zip(dataset.images[:200], dataset.labels[:200].tolist(), strict=True):
        red, green, blue = (number_of[image[..., channel].tobytes()] for channel in range(3))
        assert label == 100 * int(red) + 10 * int(green) + int(blue)
    assert load(DataConfig("stacked_mnist", data_dir=tmp_path), "test").images.shape == (10_000, 28, 28, 3)


def test_an_image_of_stacked_mnist_is_a_function_of_its_index_alone():
    first = digit_triples(0, 100, 10_000)
    np.testing.assert_array_equal(digit_triples(0, 50, 10_000), first[:50])
    for n in (1, 37, 99):
        np.testing.assert_array_equal(digit_triples(n, 1, 10_000), first[n : n + 1])


def test_the_thousand_classes_of_stacked_mnist_are_about_equally_frequent():
    dataset = load(DataConfig("stacked_mnist"))
    counts = np.bincount(dataset.labels, minlength=1000)
    assert dataset.images.shape == (60_000, 28, 28, 3)
    assert counts.min() > 20
    assert counts.max() < 130  # 60 on average; the digits themselves are not equally frequent
