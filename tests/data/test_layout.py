"""What folders stand for: wrappers, splits, classes and shards."""

import unicodedata

import pytest

from dcgan.core.errors import UserError
from dcgan.data.layout import common_folder, find_layout, folder_classes


def named(*patterns):
    """Two files for each folder."""
    return [f"{pattern}/{number}.png" for pattern in patterns for number in range(2)]


@pytest.mark.parametrize(
    ("names", "wrapper"),
    [
        ([], ""),
        (["1.png"], ""),
        (["a/1.png"], "a/"),
        (["a/b/1.png", "a/b/2.png"], "a/b/"),
        (["a/b/1.png", "a/c/2.png"], "a/"),
        (["a/1.png", "ab/2.png"], ""),
        (["a/b/1.png", "a/b.png"], "a/"),
        (["cats/1.png", "cats1.png"], ""),
    ],
)
def test_a_wrapper_holds_every_file(names, wrapper):
    assert common_folder(names) == wrapper


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (["train", "test"], {"train": ("train",), "test": ("test",)}),
        (["Training", "Testing"], {"train": ("Training",), "test": ("Testing",)}),
        (["TRAIN", "VAL", "TEST"], {"train": ("TRAIN",), "validation": ("VAL",), "test": ("TEST",)}),
        (["train", "dev"], {"train": ("train",), "validation": ("dev",)}),
        (["train1", "train2", "test1"], {"train": ("train1", "train2"), "test": ("test1",)}),
        (["Training Set", "test-set"], {"train": ("Training Set",), "test": ("test-set",)}),
        (["entraînement", "validation"], {"train": ("entraînement",), "validation": ("validation",)}),
        (["訓練", "テスト"], {"train": ("訓練",), "test": ("テスト",)}),
        (["train", "unlabeled"], {"train": ("train",), "unlabeled": ("unlabeled",)}),
        (["train", "bus"], {}),
        (["test", "val"], {}),
        (["train"], {}),
        (["trainers", "tests"], {}),
    ],
)
def test_folders_are_splits_if_all_are_named_like_splits_and_one_like_a_training_split(folders, splits):
    for wrapper in ("", "data/", "archive/data/"):
        layout = find_layout(named(*(f"{wrapper}{folder}/a" for folder in folders)))
        assert layout.splits == splits
    if splits:
        assert layout.split_of(f"archive/data/{folders[0]}/a/0.png") == "train"


def test_an_image_beside_the_splits_makes_them_classes():
    assert find_layout([*named("train/a", "test/a"), "1.png"]).splits == {}


@pytest.mark.parametrize("wrapper", ["", "data/", "archive/data/"])
def test_first_level_folders_are_classes_below_any_wrapper(wrapper):
    found = folder_classes(named(f"{wrapper}dogs", f"{wrapper}cats/small"))
    assert found.names == ("cats", "dogs")
    assert found.labels == [1, 1, 0, 0]


def test_one_image_in_ten_may_lie_beside_the_class_folders():
    names = [f"{folder}/{number}.png" for folder in ("cats", "dogs") for number in range(9)]
    found = folder_classes([*names, "x.png", "y.png"])
    assert found.labels == [0] * 9 + [1] * 9 + [-1, -1]
    more = folder_classes([*names, "x.png", "y.png", "z.png"])
    assert more.labels is None
    assert more.remark == "no classes, as 3 lie beside the 2 folders (--labels folders takes them)"
    forced = folder_classes([*names, "x.png", "y.png", "z.png"], forced=True)
    assert forced.names == ("cats", "dogs")


def test_forced_classes_need_two_folders():
    with pytest.raises(UserError, match="at least two folders of images, and there are 1"):
        folder_classes(["a/1.png", "2.png"], forced=True)


SHARDS = {
    "thousands": [f"{n // 1000:02d}000/{n:05d}.png" for n in range(0, 70_000, 250)],
    "ffhq": [f"{n - n % 1000:05d}/{n:05d}.png" for n in range(0, 70_000, 250)],
    "quotients": [f"{n // 1000:03d}/img{n:08d}.png" for n in range(0, 12_000, 100)],
    "a partial copy": [f"{n // 1000:03d}/{n:06d}.png" for n in (0, 1, 2, 1000, 1001, 2500)],
    "hashes": [f"{n % 16:x}/{n % 16:x}{n * 2654435761 % 2**32:08x}.png" for n in range(40)],
    "all hexadecimal digits": [f"{n % 16:x}/photo {n}.png" for n in range(320)],
}
CLASSES = {
    "digits": [f"{n % 10}/{n:06d}.png" for n in range(200)],
    "digits in the names": [f"{n % 10}/{n % 10}_{n:05d}.png" for n in range(200)],
    "signs": [f"{n % 43:05d}/{n // 43:05d}_{n % 30:05d}.ppm" for n in range(43 * 9)],
    "letters": [f"{'abcdef'[n % 6]}/{n}.png" for n in range(60)],
    "uneven hexadecimal digits": [f"{n % 16:x}/{n}.png" for n in range(160)] + [f"a/x{n}.png" for n in range(90)],
    "characters by code": [f"{c:02x}/{c:02x}_{n}.png" for c in (0x30, 0x41, 0x5A, 0x7A) for n in range(5)],
    "years": [f"{year}/{n}.png" for year in (1999, 2004, 2010) for n in range(5)],
    "random numbers": [f"{n % 12:02d}/{n * 2654435761 % 10**6:06d}.png" for n in range(200)],
}


@pytest.mark.parametrize("kind", SHARDS)
def test_numbered_folders_that_spread_files_are_no_classes(kind):
    found = folder_classes(sorted(SHARDS[kind]))
    assert found.labels is None
    assert "numbered folders" in found.remark
    assert "--labels folders" in found.remark
    assert folder_classes(sorted(SHARDS[kind]), forced=True).labels is not None


@pytest.mark.parametrize("kind", CLASSES)
def test_numbered_folders_may_be_classes(kind):
    assert folder_classes(sorted(CLASSES[kind])).labels is not None


def test_class_names_have_one_unicode_form():
    mac, other = (unicodedata.normalize(form, "café") for form in ("NFD", "NFC"))
    assert mac != other
    found = folder_classes([f"{mac}/1.png", f"{other}/2.png", "thé/3.png"])
    assert found.names == (other, "thé")
    assert found.labels == [0, 0, 1]
