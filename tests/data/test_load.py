"""One call for every data set: the options that shape the images, and those that contradict each other."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dcgan.config import DATASETS, DataConfig, PrepareConfig
from dcgan.core.errors import UserError
from dcgan.data import ImageDataset, dataset_cache, load, prepare, stacked_mnist
from tests.support.made_data import plain, write_files, write_mnist, write_zip

CLASSES = {"cats/1.png": plain((10, 0, 0)), "dogs/a/2.png": plain((20, 0, 0)), "cats/b/c/3.jpg": plain((30, 0, 0))}


def folder(root, **options):
    return PrepareConfig("folder", data_dir=root, cache_dir=root.parent / "stores", **options)


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_the_first_folders_of_a_tree_are_its_classes(tmp_path, packed):
    root = write_zip(tmp_path / "p.zip", CLASSES) if packed else write_files(tmp_path / "p", CLASSES)
    pictures = load(folder(root))
    assert pictures.images.shape == (3, 64, 64, 3)
    assert pictures.images[:, 0, 0, 0].tolist() == [10, 30, 20]
    assert pictures.class_names == ("cats", "dogs")
    assert pictures.labels.tolist() == [0, 0, 1]
    assert pictures.labels.dtype == np.int64


@pytest.mark.parametrize(
    "files", [{"1.png": 1, "2.png": 1}, {"a/1.png": 1, "a/b/2.png": 1}, {"a/1.png": 1, "b/2.png": 1, "3.png": 1}]
)
def test_fewer_than_two_folders_or_a_picture_outside_them_means_no_labels(tmp_path, files):
    pictures = load(folder(write_files(tmp_path / "p", dict.fromkeys(files, plain()))))
    assert pictures.labels is None
    assert pictures.class_names == ()


def test_a_class_keeps_its_label_when_pictures_before_it_are_skipped(tmp_path):
    files = {f"b/{n}.png": plain() for n in range(15)} | {"a/broken.png": b"", "c/1.png": plain()}
    pictures = load(folder(write_files(tmp_path / "p", files)))
    assert [pictures.class_names[label] for label in pictures.labels] == ["b"] * 15 + ["c"]


def test_a_class_folder_whose_name_is_no_text_is_refused_before_anything_is_prepared(tmp_path):
    root = write_files(tmp_path / "p", {"tea/1.png": plain(), "caf\udce9/2.png": plain()})
    with pytest.raises(UserError, match=r"class folder b'caf\\xe9' is no UTF-8") as caught:
        load(folder(root))
    str(caught.value).encode("ascii")
    assert not (tmp_path / "stores").exists()


def test_the_fingerprint_is_the_contents_and_neither_paths_nor_times(tmp_path):
    one, two = (load(folder(write_files(tmp_path / name / "p", CLASSES))) for name in "xy")
    assert one.fingerprint == two.fingerprint
    changed = load(folder(write_files(tmp_path / "z/p", CLASSES | {"dogs/a/2.png": plain((21, 0, 0))})))
    relabelled = load(folder(write_files(tmp_path / "w/p", {f"all/{name}": data for name, data in CLASSES.items()})))
    assert len({one.fingerprint, changed.fingerprint, relabelled.fingerprint}) == 3


def test_preparing_says_where_the_store_is_and_what_was_skipped(tmp_path, capsys):
    files = {f"{n:02d}.png": plain() for n in range(40)} | {f"x{n}.png": b"" for n in range(4)}
    prepared = prepare(folder(write_files(tmp_path / "p", files)))
    where, skipped = capsys.readouterr().out.splitlines()
    assert where.startswith(str(tmp_path / "stores"))
    assert where.endswith("40 images of 64x64x3.")
    assert skipped.startswith("4 skipped: x0.png (it is no picture of a known format); x1.png")
    assert skipped.endswith("…")
    assert load(folder(tmp_path / "p")).fingerprint == prepared.fingerprint


def test_loading_says_what_was_skipped_whether_the_store_is_new_or_ready(tmp_path, capsys):
    files = {f"{n:02d}.png": plain() for n in range(40)} | {f"x{n}.png": b"" for n in range(4)}
    root = write_files(tmp_path / "p", files)
    told = f"{root}: 4 of 44 pictures skipped: x0.png (it is no picture of a known format); x1.png"
    for _ in "new", "ready":
        load(folder(root))
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith(told)
        assert last.endswith(" …")
        dataset_cache.report_skipped.cache_clear()  # as another process begins
    load(folder(root))
    load(folder(root))  # for the evaluation of the same training
    assert capsys.readouterr().err.count("skipped") == 1


def test_small_sets_need_no_preparing(capsys):
    assert len(prepare(PrepareConfig())) == 10_000
    assert "needs no preparation" in capsys.readouterr().out


@pytest.mark.parametrize(("size", "channels", "shape"), [("32", None, (32, 32, 1)), ("24x32", 3, (24, 32, 3))])
def test_mnist_can_be_had_in_other_sizes_and_in_colour(tmp_path, size, channels, shape):
    write_mnist(tmp_path)
    digits = load(DataConfig("mnist", data_dir=tmp_path, image_size=size, channels=channels))
    assert digits.images.shape == (12, *shape)


def test_a_crop_without_a_size_is_resized_to_the_sets_own(tmp_path):
    images, _ = write_mnist(tmp_path)["train"]
    digits = load(DataConfig("mnist", data_dir=tmp_path, crop=14, image_size="14"))
    np.testing.assert_array_equal(digits.images[..., 0], images[:, 7:21, 7:21])
    assert load(DataConfig("mnist", data_dir=tmp_path, crop=20)).image_size == (28, 28)


def test_stacked_mnist_is_three_digits_in_three_channels_and_their_number_in_a_thousand(tmp_path):
    images, labels = write_mnist(tmp_path)["train"]
    sets = load(DataConfig("stacked_mnist", data_dir=tmp_path))
    assert sets.images.shape == (60_000, 28, 28, 3)
    assert sets.class_names[507] == "507"
    number_of = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    for image, label in zip(sets.images[:200], sets.labels[:200].tolist(), strict=True):
        red, green, blue = (number_of[image[..., channel].tobytes()] for channel in range(3))
        assert label == 100 * int(red) + 10 * int(green) + int(blue)
    assert load(DataConfig("stacked_mnist", data_dir=tmp_path), "test").images.shape == (10_000, 28, 28, 3)


def test_an_item_of_stacked_mnist_is_a_function_of_its_number_alone():
    first = stacked_mnist.triples(0, 100, 10_000)
    np.testing.assert_array_equal(stacked_mnist.triples(0, 50, 10_000), first[:50])
    for n in (1, 37, 99):
        np.testing.assert_array_equal(stacked_mnist.triples(n, 1, 10_000), first[n : n + 1])


def test_stacked_mnist_draws_all_thousand_classes_about_equally_often():
    sets = load(DataConfig("stacked_mnist"))
    counts = np.bincount(sets.labels, minlength=1000)
    assert sets.images.shape == (60_000, 28, 28, 3)
    assert counts.min() > 20
    assert counts.max() < 130  # 60 on average; the digits themselves are not equally frequent


CONTRADICTIONS = [
    ({"dataset": "mnist", "attribute": "Smiling"}, "--attribute belongs to --dataset celeba"),
    ({"dataset": "folder"}, "folder needs --data-dir"),
    ({"data_dir": Path("x")}, "reads no --data-dir"),
    ({"dataset": "stacked_mnist", "channels": 1}, "--channels 1 leaves no room"),
    ({"image_size": "30"}, "No network has the image size 30x30"),
    ({"image_size": "twelve"}, "neither N nor HxW"),
    ({"dataset": "folder", "data_dir": Path("x"), "crop": 108, "image_size": "96x64"}, "--crop cuts a square"),
    ({"dataset": "folder", "data_dir": Path("x")}, "x does not exist"),
    ({"crop": 100}, "--crop 100 is more than the 28x28"),
]


@pytest.mark.parametrize(("options", "complaint"), CONTRADICTIONS)
def test_options_that_contradict_each_other_are_refused(options, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        load(DataConfig(**options))
    assert len(str(caught.value).splitlines()) <= 2


def test_a_set_that_an_option_makes_too_large_for_memory_is_refused_before_it_is_made():
    with pytest.raises(UserError, match="10000 images of 1024x1024x1 would take 10 GiB"):
        load(DataConfig("stacked_mnist", image_size="1024"))


@pytest.mark.parametrize("dataset", ["mnist", "cifar10", "celeba", "folder"])
def test_a_path_that_no_system_takes_is_refused(dataset):
    with pytest.raises(UserError, match="File name too long"):
        load(DataConfig(dataset, data_dir=Path("x" * 5000)))


@pytest.mark.parametrize("dataset", ["mnist10k", "folder", "stacked_mnist"])
def test_a_split_that_the_source_lacks_is_refused(tmp_path, dataset):
    config = DataConfig(dataset, data_dir=tmp_path if dataset == "folder" else None)
    with pytest.raises(UserError, match="has no test split"):
        load(config, "test")
    with pytest.raises(UserError, match="no split 'validation'"):
        load(config, "validation")


def test_every_data_set_of_the_command_line_is_known_here(tmp_path):
    for dataset in DATASETS[1:]:
        with pytest.raises(UserError):
            load(DataConfig(dataset, data_dir=tmp_path))


def test_an_image_set_is_not_changed_by_accident():
    images = load(DataConfig())
    assert isinstance(images, ImageDataset)
    with pytest.raises(ValueError, match="read-only"):
        images.images[0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        images.name = "other"


def test_reading_data_does_not_import_tensorflow(tmp_path):
    program = "import sys, dcgan.data; from dcgan.config import DataConfig; dcgan.data.load(DataConfig());"
    program += "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras')))"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2]).returncode == 0
