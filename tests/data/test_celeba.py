"""CelebA in all layouts: where it is found, how it is cropped, and its annotation files."""

import numpy as np
import pytest
from PIL import Image

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.data import image_files, load
from tests.support.synthetic_datasets import encode_image, write_files, write_zip

COUNT = 6
NAMES = [f"{n:06d}.jpg" for n in range(1, COUNT + 1)]


def face(number):
    """178x218 pixels: one gray per face, and white above and below the central square."""
    pixels = np.full((218, 178, 3), 255, np.uint8)
    pixels[20:198] = 30 * number
    return encode_image(pixels, "JPEG", quality=100, subsampling=0)


FACES = {name: face(number) for number, name in enumerate(NAMES, 1)}
SMILING, YOUNG = [-1, 1, 1, -1, 1, -1], [1, 1, -1, -1, 1, -1]
ATTRIBUTES_TXT = f"{COUNT}\nSmiling Young \n" + "".join(
    f"{name} {smiling: d}  {young}\n" for name, smiling, young in zip(NAMES, SMILING, YOUNG, strict=True)
)
ATTRIBUTES_CSV = "image_id,Smiling,Young\n" + "".join(
    f"{name},{smiling},{young}\n" for name, smiling, young in zip(NAMES, SMILING, YOUNG, strict=True)
)
PARTITION = [0, 0, 1, 2, 0, 2]
PARTITION_TXT = "".join(f"{name} {part}\n" for name, part in zip(NAMES, PARTITION, strict=True))
PARTITION_CSV = "image_id,partition\n" + PARTITION_TXT.replace(" ", ",")


def celeba(root, **options):
    options = {"cache_dir": root.parent / "caches", "image_size": "64"} | options
    return DataConfig("celeba", data_dir=root, **options)


def as_zip(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return write_zip(
        folder / "img_align_celeba.zip", {f"img_align_celeba/{name}": data for name, data in FACES.items()}
    )


def as_folder(root, under="img_align_celeba"):
    return write_files(root, {f"{under}/{name}": data for name, data in FACES.items()})


LAYOUTS = {
    "the zip": lambda root: as_zip(root),
    "the folder of the zip": lambda root: as_zip(root).parent,
    "the official folder": lambda root: as_zip(root / "Img").parents[1],
    "the folder of the JPEGs": lambda root: as_folder(root) / "img_align_celeba",
    "its parent": lambda root: as_folder(root),
    "Kaggle's folder in a folder": lambda root: as_folder(root, "img_align_celeba/img_align_celeba"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_faces(tmp_path, layout):
    faces = load(celeba(LAYOUTS[layout](tmp_path / "d")))
    assert faces.images.shape == (COUNT, 64, 64, 3)
    assert faces.labels is None
    assert faces.class_names == ()
    assert faces.images[:, 32, 32, 0].tolist() == [30 * n for n in range(1, COUNT + 1)]


def test_the_fingerprint_is_the_same_for_a_zip_and_a_folder(tmp_path):
    zipped = load(celeba(as_zip(tmp_path / "a")))
    assert load(celeba(as_folder(tmp_path / "b"))).fingerprint == zipped.fingerprint


def test_by_default_the_largest_square_is_cropped_and_crop_108_is_the_older_preprocessing(tmp_path):
    root = as_zip(tmp_path / "d")
    largest = load(celeba(root)).images[0]
    assert (largest == 30).all()  # 178x178, exactly between the white bars
    tall = load(celeba(root, image_size="96x64")).images[0]
    assert (tall[0] > 200).all()
    assert (tall[-1] > 200).all()
    older = load(celeba(root, crop=108)).images[0]
    assert (older == 30).all()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list_attr_celeba.txt", ATTRIBUTES_TXT),
        ("list_attr_celeba.csv", ATTRIBUTES_CSV),
        ("Anno/list_attr_celeba.txt", ATTRIBUTES_TXT),
    ],
)
@pytest.mark.parametrize("make", [as_zip, as_folder])
def test_an_attribute_becomes_the_label(tmp_path, name, text, make):
    make(tmp_path / "d")
    write_files(tmp_path / "d", {name: text.encode()})
    faces = load(celeba(tmp_path / "d", attribute="Smiling"))
    assert faces.labels.tolist() == [0, 1, 1, 0, 1, 0]
    assert faces.class_names == ("not Smiling", "Smiling")
    young = load(celeba(tmp_path / "d", attribute="Young"))
    assert young.labels.tolist() == [1, 1, 0, 0, 1, 0]
    assert young.fingerprint != faces.fingerprint


def test_an_attribute_needs_no_second_cache_and_skipped_faces_have_no_label(tmp_path):
    faces = {f"{n:06d}.jpg": face(1) for n in range(1, 21)} | {"000002.jpg": b"broken"}
    write_files(tmp_path / "d/img_align_celeba", faces)
    rows = "".join(f"{name},{1 if name == '000003.jpg' else -1}\n" for name in faces)
    write_files(tmp_path / "d", {"list_attr_celeba.csv": f"image_id,Smiling\n{rows}".encode()})
    load(celeba(tmp_path / "d"))
    labels = load(celeba(tmp_path / "d", attribute="Smiling")).labels
    assert labels.tolist() == [0, 1] + [0] * 17
    assert len([path for path in (tmp_path / "caches").iterdir() if path.is_dir()]) == 1


@pytest.mark.parametrize("name", ["list_eval_partition.txt", "list_eval_partition.csv", "Eval/list_eval_partition.txt"])
def test_the_partition_file_defines_the_splits(tmp_path, name):
    as_zip(tmp_path / "d")
    write_files(tmp_path / "d", {name: (PARTITION_CSV if name.endswith("csv") else PARTITION_TXT).encode()})
    train, test = (load(celeba(tmp_path / "d"), split) for split in ("train", "test"))
    assert train.images[:, 0, 0, 0].tolist() == [30, 60, 150]
    assert test.images[:, 0, 0, 0].tolist() == [120, 180]


def refused(config, problem, split="train"):
    with pytest.raises(UserError, match=problem) as caught:
        load(config, split)
    assert len(str(caught.value).splitlines()) <= 2
    return caught.value


def test_without_the_partition_file_there_is_no_test_split(tmp_path):
    refused(celeba(as_zip(tmp_path / "d")), "list_eval_partition.txt, which is not beside", "test")


def test_a_partition_of_other_images_is_refused(tmp_path):
    as_zip(tmp_path / "d")
    write_files(tmp_path / "d", {"list_eval_partition.txt": b"999999.jpg 0\n"})
    refused(celeba(tmp_path / "d"), "no image of the train split")


def test_without_celeba_the_error_says_where_to_get_it(tmp_path):
    for config in (DataConfig("celeba"), celeba(tmp_path / "nowhere"), celeba(tmp_path)):
        hint = refused(config, "needs `data_dir`|does not exist|holds neither").hint
        assert "mmlab.ie.cuhk.edu.hk" in hint
        assert "jessicali9530/celeba-dataset" in hint


def test_other_images_are_not_accepted_as_celeba(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("ship.jpg", "frog 12.jpg"):
        Image.new("RGB", (178, 218)).save(folder / name)
    with pytest.raises(UserError, match="is not CelebA") as caught:
        load(DataConfig(dataset="celeba", data_dir=folder, image_size=16))
    assert "--dataset folder" in str(caught.value.hint)


def test_a_quota_notice_saved_as_the_zip_is_recognized(tmp_path):
    page = b"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head></html>"
    refused(celeba(write_files(tmp_path, {"img_align_celeba.zip": page})), "Google Drive, which says")


def test_the_error_for_an_unknown_attribute_lists_known_ones(tmp_path):
    root = as_zip(tmp_path / "d")
    refused(celeba(root, attribute="Smiling"), "needs list_attr_celeba.txt")
    write_files(tmp_path / "d", {"list_attr_celeba.txt": ATTRIBUTES_TXT.encode()})
    assert "Smiling, Young" in refused(celeba(root, attribute="smiling"), "no attribute 'smiling'").hint


def test_an_unknown_attribute_is_reported_before_anything_is_prepared(tmp_path):
    root = as_zip(tmp_path / "d")
    write_files(tmp_path / "d", {"list_attr_celeba.txt": ATTRIBUTES_TXT.encode()})
    refused(celeba(root, attribute="Happy"), "no attribute")
    assert not (tmp_path / "caches").exists()


TABLES = {"list_attr_celeba.csv": ATTRIBUTES_CSV.encode(), "list_eval_partition.txt": PARTITION_TXT.encode()}


def test_a_copy_with_fewer_images_than_rows_is_read_and_says_what_is_missing(tmp_path, capsys):
    write_files(tmp_path / "d/img_align_celeba", {name: FACES[name] for name in NAMES[:4]})
    write_files(tmp_path / "d", TABLES)
    faces = load(celeba(tmp_path / "d", attribute="Smiling"))
    assert faces.images[:, 0, 0, 0].tolist() == [30, 60]
    assert faces.labels.tolist() == [0, 1]
    said = capsys.readouterr().err
    assert "2 images in 2 classes" in said
    assert "it is a partial copy, without 2 of the 6 images in list_eval_partition.txt" in said
    assert "not read: 2 images of other splits" in said


def test_images_without_a_row_are_left_out_and_counted(tmp_path, capsys):
    faces = {f"{number:06d}.jpg": face(number % 7) for number in range(1, 23)}
    rows = [name for name in faces if name not in ("000003.jpg", "000021.jpg")]
    write_files(tmp_path / "d/img_align_celeba", faces)
    write_files(
        tmp_path / "d", {"list_eval_partition.csv": ("image_id,partition\n" + ",0\n".join(rows) + ",0").encode()}
    )
    assert len(load(celeba(tmp_path / "d"))) == 20
    assert "not read: 2 images without a row in list_eval_partition.csv" in capsys.readouterr().err
    (tmp_path / "d/list_eval_partition.csv").unlink()
    write_files(tmp_path / "d", {"list_attr_celeba.csv": ("image_id,Young\n" + ",1\n".join(rows) + ",-1").encode()})
    dataset = load(celeba(tmp_path / "d", attribute="Young"))
    assert dataset.labels.tolist() == [1] * 19 + [0]
    said = capsys.readouterr().err
    assert "without list_eval_partition.txt, all of them are for training" in said
    assert "not read: 2 images without a row in list_attr_celeba.csv" in said


def test_png_files_have_the_rows_of_the_jpeg_files(tmp_path, capsys):
    """The PNG version comes with the tables of the JPEG version."""
    images = {name.replace("jpg", "png"): encode_image(np.full((218, 178, 3), 9, np.uint8)) for name in NAMES[1:]}
    write_files(tmp_path / "d/img_align_celeba_png", images)
    write_files(tmp_path / "d", TABLES)
    train, test = (load(celeba(tmp_path / "d", attribute="Smiling"), split) for split in ("train", "test"))
    assert (train.labels.tolist(), test.labels.tolist()) == ([1, 1], [0, 0])
    assert "without 1 of the 6 images in list_eval_partition.txt" in capsys.readouterr().err


def test_a_copy_without_a_table_says_which_one_is_missing_and_where_to_get_it(tmp_path):
    as_folder(tmp_path / "d")
    for name, options, problem in (
        ("list_attr_celeba.csv", {}, "list_eval_partition.txt, which is not beside"),
        ("list_eval_partition.txt", {"attribute": "Young"}, r"needs list_attr_celeba.txt \(or .csv\)"),
    ):
        write_files(tmp_path / "d", {name: TABLES[name]})
        assert "kaggle" in refused(celeba(tmp_path / "d", **options), problem, "test").hint.lower()
        (tmp_path / "d" / name).unlink()


BROKEN = {
    "is empty": "",
    "5 lines of data instead of 6": "\n".join(ATTRIBUTES_TXT.splitlines()[:-1]),
    "0 lines of data instead of 6": "6\n",
    "damaged or cut off at '000006.jpg'": ATTRIBUTES_TXT[: ATTRIBUTES_TXT.rindex(".jpg") + 4],
    "damaged or cut off at '000001.jpg x": ATTRIBUTES_TXT.replace("000001.jpg -1", "000001.jpg x"),
    "has no row for 1 of the 6 images, such as 000001.jpg": ATTRIBUTES_TXT.replace("000001.jpg", "999999.jpg"),
    "no attribute 'Smiling'": "<!DOCTYPE html>\n<html></html>",
}


@pytest.mark.parametrize("problem", BROKEN)
def test_a_broken_attribute_file_is_refused(tmp_path, problem):
    root = as_zip(tmp_path / "d")
    write_files(tmp_path / "d", {"list_attr_celeba.txt": BROKEN[problem].encode()})
    refused(celeba(root, attribute="Smiling"), problem)


def test_an_attribute_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "MAX_TABLE_BYTES", 10)
    root = as_zip(tmp_path / "d")
    write_files(tmp_path / "d", {"list_attr_celeba.txt": bytes(11)})
    refused(celeba(root, attribute="Smiling"), "too large")


def test_faces_can_be_smaller_and_grayscale(tmp_path):
    faces = load(celeba(as_zip(tmp_path / "d"), image_size="32", channels=1))
    assert faces.images.shape == (COUNT, 32, 32, 1)


def test_a_face_of_another_size_is_cropped_by_the_same_rule(tmp_path):
    write_files(tmp_path / "d", {"000001.jpg": encode_image(Image.new("RGB", (90, 300), (9, 9, 9)), "JPEG")})
    assert load(celeba(tmp_path / "d")).images.shape == (1, 64, 64, 3)
