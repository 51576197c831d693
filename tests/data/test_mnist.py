"""MNIST under the names of its files, the part of it in the package, and Stacked MNIST."""

import gzip
import sys
import tarfile
import types
import zipfile

import numpy as np
import pytest

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.data import load, mnist_files
from dcgan.data.mnist import MNIST10K, digit_triples, write_mnist10k
from tests.support.synthetic_datasets import encode_image, idx_bytes, random_digits, write_mnist


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


def write_csv(path, images, labels, header=True):
    names = ",".join(["label", *(f"pixel{n}" for n in range(784))])
    rows = np.column_stack([labels, images.reshape(len(images), -1)])
    np.savetxt(path, rows, "%d", ",", header=names if header else "", comments="")
    return path


def write_pngs(root, arrays):
    for split, (images, labels) in arrays.items():
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            folder = root / f"{split}ing" / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:03d}.png").write_bytes(encode_image(image))


def pack(folder, path, wrapper=""):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*.*")):
                archive.write(file, f"{wrapper}{file.relative_to(folder)}")
    else:
        with tarfile.open(path, "w:gz") as archive:
            archive.add(folder, wrapper or "data")
    return path


def as_found(form, folder, arrays):
    """Write MNIST in one of the forms that others pass on, and return what `--data-dir` names."""
    (train, train_labels), (test, test_labels) = arrays["train"], arrays["test"]
    data = folder / "data"
    data.mkdir()
    if form == "npz":
        np.savez(folder / "mnist.npz", x_train=train, y_train=train_labels, x_test=test, y_test=test_labels)
        return folder / "mnist.npz"
    if "csv" in form:
        write_csv(data / "mnist_train.csv", train, train_labels, "without" not in form)
        write_csv(data / "mnist_test.csv", test, test_labels, "without" not in form)
    elif "idx" in form:
        for name, (images, labels) in (("train", arrays["train"]), ("t10k", arrays["test"])):
            for content, array in (("images", images), ("labels", labels)):
                inner = data / f"{name}-{content}-idx{array.ndim}-ubyte"
                inner.mkdir()
                (inner / f"{name}-{content}.idx{array.ndim}-ubyte").write_bytes(idx_bytes(array))
    else:
        write_pngs(data, arrays)
    if "zip" in form:
        pack(data, folder / "archive.zip", "mnist/")
        return folder / "archive.zip"
    return pack(data, folder / "mnist.tar.gz") if "tar" in form else data


FORMS = ["npz", "csv", "csv without names", "csv zip", "idx zip", "idx tar", "png", "png zip", "png tar"]


@pytest.mark.parametrize("form", FORMS)
def test_mnist_is_read_in_the_forms_that_others_pass_on(tmp_path, form):
    arrays = {"train": random_digits(30), "test": random_digits(20, seed=1)}
    path = as_found(form, tmp_path, arrays)
    for split, (images, labels) in arrays.items():
        order = np.lexsort((np.arange(len(labels)), labels)) if "png" in form else slice(None)  # files are sorted
        read = load(DataConfig("mnist", data_dir=path), split)
        np.testing.assert_array_equal(read.images[..., 0], images[order])
        np.testing.assert_array_equal(read.labels, labels[order])
        assert read.class_names == tuple("0123456789")


@pytest.mark.parametrize("form", ["npz", "csv zip", "png"])
def test_stacked_mnist_stacks_digits_of_every_form(tmp_path, form):
    arrays = {"train": random_digits(30), "test": random_digits(20, seed=1)}
    digits = load(DataConfig("mnist", data_dir=as_found(form, tmp_path, arrays)))
    path = next(path for path in (tmp_path / "mnist.npz", tmp_path / "archive.zip", tmp_path / "data") if path.exists())
    stacked = load(DataConfig("stacked_mnist", data_dir=path))
    first = digit_triples(0, 1, 30)[0]
    np.testing.assert_array_equal(stacked.images[0], digits.images[first, ..., 0].transpose(1, 2, 0))


def test_a_folder_with_one_archive_of_mnist_stands_for_it(tmp_path):
    arrays = {"train": random_digits(30), "test": random_digits(20, seed=1)}
    path = as_found("idx zip", tmp_path, arrays)
    down = tmp_path / "down"
    down.mkdir()
    path.rename(down / path.name)
    assert len(load(DataConfig("fashion_mnist", data_dir=down))) == 30


def mnist_refused(path, problem, split="train"):
    with pytest.raises(UserError, match=problem) as caught:
        load(DataConfig("mnist", data_dir=path), split)
    return str(caught.value)


def test_what_a_form_of_mnist_lacks_is_named(tmp_path):
    images, labels = random_digits(12)
    table = write_csv(tmp_path / "train.csv", images, labels)
    mnist_refused(tmp_path, "no table of the test split, only train.csv", "test")
    assert len(load(DataConfig("mnist", data_dir=table))) == 12
    np.savetxt(tmp_path / "test.csv", images.reshape(12, -1), "%d", ",")
    mnist_refused(tmp_path, "images without labels", "test")
    np.savez(tmp_path / "x.npz", x_train=images)
    mnist_refused(tmp_path / "x.npz", "classes of .* are none")
    write_pngs(tmp_path / "png", {"train": (images, np.full(12, 3)), "test": (images, np.full(12, 3))})
    (tmp_path / "png/training/3").rename(tmp_path / "png/training/three")
    mnist_refused(tmp_path / "png", "not those of MNIST")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has 1 column instead"),
        ("label," + ",".join(["p"] * 784) + "\n", "has no images"),
        (",".join(["1"] * 785) + "\n" + ",".join(["1"] * 400), "damaged or cut off"),
        (",".join(["1", *["256"] * 784]), "damaged or cut off"),
        (",".join(["11", *["0"] * 784]), "has the label 11"),
        ("a,b,c\n1,2,3\n", "has 3 columns"),
    ],
)
def test_a_table_that_is_not_mnists_or_cut_off_is_refused(tmp_path, text, problem):
    (tmp_path / "train.csv").write_text(text)
    mnist_refused(tmp_path, problem)


@pytest.mark.parametrize("form", ["csv zip", "idx tar"])
def test_half_of_an_archive_of_mnist_is_refused(tmp_path, form):
    path = as_found(form, tmp_path, {"train": random_digits(30), "test": random_digits(20)})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    mnist_refused(path, "cut off|damaged")


def test_a_bomb_in_an_archive_of_mnist_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist_files, "_MAX_MEMBER_BYTES", 1 << 20)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train-images.idx3-ubyte").write_bytes(bytes(1 << 21))
    mnist_refused(pack(tmp_path / "data", tmp_path / "a.zip"), "larger than any file of MNIST")
