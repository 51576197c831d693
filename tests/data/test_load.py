"""Loading any dataset: the options that shape the images, and those that contradict each other."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dcgan.config import DATASETS, DataConfig, PrepareConfig
from dcgan.core.errors import UserError
from dcgan.data import ImageDataset, dataset_cache, load, prepare
from tests.support.synthetic_datasets import solid_image, write_files, write_mnist, write_zip

CLASSES = {
    "cats/1.png": solid_image((10, 0, 0)),
    "dogs/a/2.png": solid_image((20, 0, 0)),
    "cats/b/c/3.jpg": solid_image((30, 0, 0)),
}


def folder(root, **options):
    return PrepareConfig("folder", data_dir=root, cache_dir=root.parent / "caches", **options)


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_the_first_level_folders_are_the_classes(tmp_path, zipped):
    root = write_zip(tmp_path / "p.zip", CLASSES) if zipped else write_files(tmp_path / "p", CLASSES)
    dataset = load(folder(root))
    assert dataset.images.shape == (3, 64, 64, 3)
    assert dataset.images[:, 0, 0, 0].tolist() == [10, 30, 20]
    assert dataset.class_names == ("cats", "dogs")
    assert dataset.labels.tolist() == [0, 0, 1]
    assert dataset.labels.dtype == np.int64


@pytest.mark.parametrize(
    "files", [{"1.png": 1, "2.png": 1}, {"a/1.png": 1, "a/b/2.png": 1}, {"a/1.png": 1, "b/2.png": 1, "3.png": 1}]
)
def test_fewer_than_two_folders_or_an_image_outside_them_means_no_labels(tmp_path, files):
    dataset = load(folder(write_files(tmp_path / "p", dict.fromkeys(files, solid_image()))))
    assert dataset.labels is None
    assert dataset.class_names == ()


def test_labels_stay_with_their_images_when_others_are_skipped(tmp_path):
    files = {f"b/{n}.png": solid_image() for n in range(15)} | {"a/broken.png": b"", "c/1.png": solid_image()}
    dataset = load(folder(write_files(tmp_path / "p", files)))
    assert [dataset.class_names[label] for label in dataset.labels] == ["b"] * 15 + ["c"]


def test_a_class_folder_whose_name_is_not_utf_8_is_refused_before_anything_is_prepared(tmp_path):
    root = write_files(tmp_path / "p", {"tea/1.png": solid_image(), "caf\udce9/2.png": solid_image()})
    with pytest.raises(UserError, match=r"class folder caf\\udce9 is not valid UTF-8") as caught:
        load(folder(root))
    str(caught.value).encode("ascii")
    assert not (tmp_path / "caches").exists()


def test_a_class_folder_of_a_zip_whose_name_is_too_long_for_a_folder_is_refused(tmp_path):
    write_zip(tmp_path / "p.zip", {f"{name}/1.png": solid_image() for name in ("a", 256 * "b")})
    with pytest.raises(UserError, match="bbb is longer than 255 characters"):
        load(folder(tmp_path / "p.zip"))


def test_the_fingerprint_depends_on_content_and_labels_and_not_on_paths_or_times(tmp_path):
    one, two = (load(folder(write_files(tmp_path / name / "p", CLASSES))) for name in "xy")
    assert one.fingerprint == two.fingerprint
    changed = load(folder(write_files(tmp_path / "z/p", CLASSES | {"dogs/a/2.png": solid_image((21, 0, 0))})))
    relabelled = load(
        folder(write_files(tmp_path / "w/p", {name.replace("/", ""): data for name, data in CLASSES.items()}))
    )
    assert len({one.fingerprint, changed.fingerprint, relabelled.fingerprint}) == 3


def test_preparing_prints_the_cache_folder_and_the_skipped_images(tmp_path, capsys):
    files = {f"{n:02d}.png": solid_image() for n in range(40)} | {f"x{n}.png": b"" for n in range(4)}
    prepared = prepare(folder(write_files(tmp_path / "p", files)))
    where, skipped = capsys.readouterr().out.splitlines()
    assert where.startswith(str(tmp_path / "caches"))
    assert where.endswith("40 images of 64x64x3.")
    assert skipped == "4 skipped: x0.png and 3 more (the file is empty)"
    assert load(folder(tmp_path / "p")).fingerprint == prepared.fingerprint


def test_loading_reports_skipped_images_once_per_process_whether_the_cache_is_new_or_not(tmp_path, capsys):
    files = {f"{n:02d}.png": solid_image() for n in range(40)} | {f"x{n}.png": b"" for n in range(4)}
    root = write_files(tmp_path / "p", files)
    expected = f"{root}: 4 of 44 images skipped: x0.png and 3 more (the file is empty)"
    for _ in "new", "ready":
        load(folder(root))
        assert capsys.readouterr().err.splitlines()[-1] == expected
        dataset_cache.report_skipped.cache_clear()  # as in a new process
    load(folder(root))
    load(folder(root))  # for the evaluation of the same training
    assert capsys.readouterr().err.count("images skipped") == 1


def test_datasets_in_memory_need_no_preparation(capsys):
    assert len(prepare(PrepareConfig())) == 10_000
    assert "needs no preparation" in capsys.readouterr().out


@pytest.mark.parametrize(("size", "channels", "shape"), [("32", None, (32, 32, 1)), ("24x32", 3, (24, 32, 3))])
def test_mnist_can_be_resized_and_converted_to_color(tmp_path, size, channels, shape):
    write_mnist(tmp_path)
    digits = load(DataConfig("mnist", data_dir=tmp_path, image_size=size, channels=channels))
    assert digits.images.shape == (12, *shape)


def test_a_crop_without_a_size_is_resized_to_the_size_of_the_dataset(tmp_path):
    images, _ = write_mnist(tmp_path)["train"]
    digits = load(DataConfig("mnist", data_dir=tmp_path, crop=14, image_size="14"))
    np.testing.assert_array_equal(digits.images[..., 0], images[:, 7:21, 7:21])
    assert load(DataConfig("mnist", data_dir=tmp_path, crop=20)).image_size == (28, 28)


CONTRADICTIONS = [
    ({"dataset": "mnist", "attribute": "Smiling"}, "--attribute belongs to --dataset celeba"),
    ({"dataset": "folder"}, "folder needs --data-dir"),
    ({"data_dir": Path("x")}, "reads no --data-dir"),
    ({"dataset": "stacked_mnist", "channels": 1}, "--channels 1 does not fit stacked_mnist"),
    ({"image_size": "30"}, "No network has the image size 30x30"),
    ({"image_size": "twelve"}, "neither N nor HxW"),
    ({"dataset": "folder", "data_dir": Path("x"), "crop": 108, "image_size": "96x64"}, "--crop 108 crops a square"),
    ({"dataset": "folder", "data_dir": Path("x")}, "x does not exist"),
    ({"crop": 100}, "--crop 100 is more than the 28x28"),
]


@pytest.mark.parametrize(("options", "problem"), CONTRADICTIONS)
@pytest.mark.usefixtures("command_line")
def test_options_that_contradict_each_other_are_refused(options, problem):
    with pytest.raises(UserError, match=problem) as caught:
        load(DataConfig(**options))
    assert len(str(caught.value).splitlines()) <= 2


def test_a_size_that_does_not_fit_into_memory_is_refused_before_anything_is_resized():
    with pytest.raises(UserError, match="10000 images of 1024x1024x1 would take 10 GiB"):
        load(DataConfig("stacked_mnist", image_size="1024"))


@pytest.mark.parametrize("dataset", ["mnist", "cifar10", "celeba", "folder"])
def test_a_path_that_the_system_does_not_accept_is_refused(dataset):
    with pytest.raises(UserError, match="File name too long"):
        load(DataConfig(dataset, data_dir=Path("x" * 5000)))


@pytest.mark.parametrize("dataset", ["mnist10k", "folder", "stacked_mnist"])
def test_a_split_that_the_source_lacks_is_refused(tmp_path, dataset):
    write_files(tmp_path, {"1.png": solid_image()})
    config = DataConfig(dataset, data_dir=tmp_path if dataset == "folder" else None)
    with pytest.raises(UserError, match="has no test split"):
        load(config, "test")
    with pytest.raises(UserError, match="no split 'validation'"):
        load(config, "validation")


def test_every_dataset_reports_an_empty_folder(tmp_path):
    for dataset in DATASETS[1:]:
        with pytest.raises(UserError):
            load(DataConfig(dataset, data_dir=tmp_path))


def test_a_dataset_can_not_be_changed_by_accident():
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
