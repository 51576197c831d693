"""The dataset `folder`: splits, labels from folders and files, and the line that says what is read."""

import json

import pytest

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.data import load
from dcgan.data.load import report_line
from tests.support.synthetic_datasets import solid_image, write_files, write_zip


def images(*names, value=0):
    return {name: solid_image((value + n, 0, 0)) for n, name in enumerate(names)}


def folder(root, **options):
    return DataConfig("folder", data_dir=root, image_size=8, cache_dir=root.parent / "caches", **options)


CLASSES = ("cats/1.png", "cats/2.png", "dogs/1.png")
SPLITS = [f"{split}/{name}" for split in ("train", "val", "test") for name in CLASSES]


@pytest.fixture(params=["folder", "zip"])
def write(request, tmp_path):
    """Write files into a folder or zip."""
    return lambda files: (write_zip if request.param == "zip" else write_files)(tmp_path / "data", files)


def said(capsys):
    return capsys.readouterr().err.partition("data: ")[2].partition("\n")[0]


@pytest.fixture(autouse=True)
def _say_it_again():
    report_line.cache_clear()


def test_folders_of_splits_are_splits_and_the_folders_in_them_classes(write, capsys):
    root = write(images(*SPLITS))
    train, test = load(folder(root)), load(folder(root), "test")
    assert train.class_names == test.class_names == ("cats", "dogs")
    assert train.images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert test.images[:, 0, 0, 0].tolist() == [6, 7, 8]
    assert test.labels.tolist() == [0, 0, 1]
    assert said(capsys) == "3 images in 2 classes (cats 2, dogs 1); not read: 6 images in test/ and val/"


def test_what_training_leaves_out_is_not_said_of_the_test_split(write, capsys):
    load(folder(write(images(*SPLITS, "test/cover.png"))), "test")
    assert capsys.readouterr().err.partition("(test split): ")[2].partition("\n")[0] == (
        "4 images"  # a quarter of them lies beside the folders
        "; no classes, as 1 lies beside the 2 folders (--labels folders takes them)"
    )


def test_a_validation_split_is_the_test_split_where_there_is_no_other(write):
    root = write(images("train/1.png", "train/2.png", "val/1.png"))
    assert load(folder(root), "test").images[:, 0, 0, 0].tolist() == [2]


def test_a_test_split_has_the_class_numbers_of_the_training_split(write):
    names = ("train/a/1.png", "train/c/1.png", "test/b/1.png", "test/c/1.png", "test/c/2.png")
    test = load(folder(write(images(*names))), "test")
    assert test.class_names == ("a", "c")
    assert test.labels.tolist() == [1, 1]


def test_without_a_folder_of_it_there_is_no_test_split(write):
    root = write(images(*CLASSES))
    with pytest.raises(UserError, match="has no test split"):
        load(folder(root), "test")


def test_splits_are_classes_where_folders_are_asked_for(write):
    assert load(folder(write(images(*SPLITS)), labels="folders")).class_names == ("test", "train", "val")


def test_labels_can_be_left_out(write):
    assert load(folder(write(images(*CLASSES)), labels="none")).labels is None


def test_images_beside_the_class_folders_are_left_out_and_counted(write, capsys):
    names = [f"{name}/{n}.png" for name in ("cats", "dogs") for n in range(5)]
    dataset = load(folder(write(images(*names, "cover.png"))))
    assert len(dataset) == 10
    assert dataset.labels.tolist() == [0] * 5 + [1] * 5
    assert said(capsys).endswith("(cats 5, dogs 5); not read: 1 image beside the class folders")


def test_a_file_labels_the_images_that_it_names(write, tmp_path, capsys):
    table = tmp_path / "breeds.csv"
    table.write_text("id,breed\n1,pug\n2,collie\n")
    dataset = load(folder(write(images("1.png", "2.png", "3.png")), labels=str(table)))
    assert dataset.class_names == ("collie", "pug")
    assert dataset.labels.tolist() == [1, 0]
    assert "not read: 1 image without a label in" in said(capsys)


def test_a_file_of_labels_in_the_root_is_found_by_its_name(write):
    table = b"file,color,size\n1.png,red,big\n2.png,blue,big\n"
    root = write({**images("top/1.png", "top/2.png"), "top/table.csv": table})
    assert load(folder(root, labels="table.csv:color")).class_names == ("blue", "red")


def test_stylegans_dataset_json_is_used_unasked(write, capsys):
    names = [f"{n // 2:05d}/img{n:08d}.png" for n in range(4)]
    table = json.dumps({"labels": [[name, n % 2] for n, name in enumerate(names)]})
    dataset = load(folder(write({**images(*names), "dataset.json": table.encode()})))
    assert dataset.class_names == ("0", "1")
    assert dataset.labels.tolist() == [0, 1, 0, 1]
    assert "labels from dataset.json" in said(capsys)


def test_a_table_that_labels_some_images_only_is_not_used_unasked(write, capsys):
    table = b"file,label\n1.png,red\n2.png,blue\n"
    dataset = load(folder(write({**images("1.png", "2.png", "3.png", "4.png"), "labels.csv": table})))
    assert dataset.labels is None
    assert "labels.csv labels 2 of the images and is not used (--labels labels.csv does)" in said(capsys)


def test_captions_are_no_labels(write):
    table = b"file_name,text\n" + b"".join(b"%d.png,caption %d\n" % (n, n) for n in range(8))
    assert load(folder(write({**images(*(f"{n}.png" for n in range(8))), "metadata.csv": table}))).labels is None


def test_a_missing_file_of_labels_is_refused(write, tmp_path):
    with pytest.raises(UserError, match="neither none nor folders, and there is no such file"):
        load(folder(write(images(*CLASSES)), labels="tabel.csv"))
    with pytest.raises(UserError, match="is not a file"):
        load(folder(tmp_path / "data", labels=str(tmp_path)))


def test_the_images_that_splits_leave_out_are_said_once(write, capsys):
    root = write(images(*SPLITS))
    load(folder(root))
    load(folder(root))
    assert capsys.readouterr().err.count("3 images in 2 classes") == 1
