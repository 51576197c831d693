"""MNIST in its files, under the names they go by, and the part of it that comes with the package."""

import gzip
import sys
import types

import numpy as np
import pytest

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.data import embed_mnist, load
from dcgan.data.mnist import HERE
from tests.support.made_data import digits, idx_bytes, write_mnist


def test_mnist10k_is_ten_thousand_digits_with_labels_and_needs_no_file():
    images = load(DataConfig())
    assert images.images.shape == (10_000, 28, 28, 1)
    assert images.images.dtype == np.uint8
    assert images.labels.dtype == np.int64
    assert images.class_names == tuple("0123456789")
    # The start of MNIST's training set is the best known list of labels there is.
    assert images.labels[:20].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7, 2, 8, 6, 9]
    assert (images.image_size, images.channels, len(images)) == ((28, 28), 1, 10_000)


def test_the_packaged_files_stay_small_and_carry_their_licence():
    assert sum(path.stat().st_size for path in HERE.iterdir()) < 1_800_000
    assert "CC BY-SA 3.0" in (HERE / "README.md").read_text()


def test_the_packaged_files_are_the_start_of_the_originals_byte_for_byte_the_same_each_time(tmp_path, monkeypatch):
    arrays = write_mnist(tmp_path / "originals", train=20)["train"]
    monkeypatch.setattr(embed_mnist, "COUNT", 7)
    for target in ("one", "two"):
        embed_mnist.main(tmp_path / "originals", tmp_path / target)
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


def test_the_files_are_found_where_torchvision_and_kaggle_leave_them(tmp_path):
    write_mnist(tmp_path / "torchvision/MNIST/raw")
    assert len(load(DataConfig("mnist", data_dir=tmp_path / "torchvision"))) == 12
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / "kaggle" / name).mkdir(parents=True)
    images, labels = digits(4)
    (tmp_path / "kaggle/train-images-idx3-ubyte/train-images-idx3-ubyte").write_bytes(idx_bytes(images))
    (tmp_path / "kaggle/train-labels-idx1-ubyte/train-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    assert len(load(DataConfig("mnist", data_dir=tmp_path / "kaggle"))) == 4


def test_a_folder_without_the_files_is_told_which_one_is_missing(tmp_path):
    with pytest.raises(UserError, match=r"no train-images-idx3-ubyte\.gz"):
        load(DataConfig("mnist", data_dir=tmp_path))
    with pytest.raises(UserError, match="does not exist"):
        load(DataConfig("mnist", data_dir=tmp_path / "nowhere"))


def test_images_and_labels_of_different_number_are_refused(tmp_path):
    write_mnist(tmp_path, names="{}-idx{}-ubyte")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(11)))
    with pytest.raises(UserError, match=r"12 images, but .* 11 labels"):
        load(DataConfig("mnist", data_dir=tmp_path))


def test_a_label_above_nine_is_refused(tmp_path):
    write_mnist(tmp_path, names="{}-idx{}-ubyte")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.full(12, 26)))
    with pytest.raises(UserError, match="label 26"):
        load(DataConfig("mnist", data_dir=tmp_path))


def test_images_of_a_size_that_no_network_has_are_refused(tmp_path):
    write_mnist(tmp_path, side=30)
    with pytest.raises(UserError, match="30x30"):
        load(DataConfig("mnist", data_dir=tmp_path))


@pytest.fixture
def keras_that(monkeypatch):
    """Stands in for the part of Keras that fetches, which a test must not."""

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
def test_without_a_folder_keras_is_asked(keras_that, dataset, shape, labels):
    train, test = ((np.full((5, *shape), n, np.uint8), np.full(labels, n, np.uint8)) for n in (1, 2))
    keras_that(dataset, lambda: (train, test))
    for split, value in (("train", 1), ("test", 2)):
        images = load(DataConfig(dataset), split)
        assert images.images.shape == (5, *shape, 1)[:4]
        assert (images.images == value).all()
        assert images.labels.tolist() == [value] * 5


def test_without_a_network_the_user_is_told_of_data_dir(keras_that):
    def refuse():
        raise Exception("URL fetch failure on https://…: None -- [Errno -3] name resolution")

    keras_that("mnist", refuse)
    with pytest.raises(UserError, match="could not be downloaded: URL fetch failure") as caught:
        load(DataConfig("mnist"))
    assert "--data-dir" in caught.value.hint
