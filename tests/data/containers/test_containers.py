"""Files with many images: what the formats' own libraries write is read as those libraries and Pillow decode it."""

import importlib.util
import io
import json
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

import dcgan
from dcgan.config import DataConfig, GenerateConfig
from dcgan.core.errors import UserError
from dcgan.data import load
from dcgan.data.containers.common import class_labels, group_names
from dcgan.data.listing import open_image_files
from tests.support.container_files import (
    random_images,
    write_hdf5,
    write_npy,
    write_npz,
    write_parquet,
    write_tfrecord,
    write_webdataset,
)
from tests.support.synthetic_datasets import encode_image

WITHOUT_PYARROW = pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="pyarrow is an extra")
WRITERS = {
    "npy": write_npy,
    "npz": write_npz,
    "hdf5": write_hdf5,
    "parquet": write_parquet,
    "tfrecord": write_tfrecord,
    "webdataset": write_webdataset,
}
FORMATS = [pytest.param(name, marks=WITHOUT_PYARROW if name == "parquet" else ()) for name in WRITERS]


def options(data_dir, tmp_path, **changes):
    return {"dataset": "folder", "data_dir": data_dir, "image_size": "20x24", "cache_dir": tmp_path / "cache"} | changes


def loaded(data_dir, tmp_path, split="train", **changes):
    return load(DataConfig(**options(data_dir, tmp_path, **changes)), split)


def refused(data_dir, tmp_path, problem, **changes):
    with pytest.raises(UserError, match=problem) as caught:
        loaded(data_dir, tmp_path, **changes)
    return str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_pixels_and_labels_that_its_library_wrote(tmp_path, name):
    path, images, names = WRITERS[name](tmp_path)
    dataset = loaded(path, tmp_path)
    np.testing.assert_array_equal(dataset.images, images)
    found = None if dataset.labels is None else [dataset.class_names[label] for label in dataset.labels]
    assert found == names


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_trained_on(tmp_path, name):
    path, _, names = WRITERS[name](tmp_path)
    tiny = {"batch_size": 8, "generator_width": 8, "discriminator_width": 8, "latent_dim": 16, "steps": 2}
    rest = {"compile": "none", "tensorboard": False, "health_checks": False, "run_dir": tmp_path / "run"}
    run = dcgan.train(dcgan.TrainConfig(**options(path, tmp_path, image_size="16", **tiny, **rest)))
    assert run.checkpoints.latest_step() == 2
    assert (tmp_path / "run" / "classes.json").exists() == (names is not None)


@pytest.mark.parametrize("name", FORMATS)
def test_half_of_a_file_is_refused_in_words_or_its_images_are_skipped(tmp_path, name):
    path, _, _ = WRITERS[name](tmp_path)
    for file in [path] if path.is_file() else [found for found in path.rglob("*") if found.is_file()]:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2 + 7])
    refused(path, tmp_path, r"damaged|cut off|can't be used|not a complete")


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_what_generate_writes_can_be_trained_on(tmp_path, ending):
    out = tmp_path / f"generated.{ending}"
    dcgan.generate(GenerateConfig(num=20, out=out))
    images = np.load(out)
    dataset = loaded(out, tmp_path, image_size="28", channels=1)
    np.testing.assert_array_equal(dataset.images, images if ending == "npy" else images["images"])
    assert (dataset.labels is not None) == (ending == "npz" and "labels" in images)


def save(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    return tmp_path / "x.npy"


IMAGES = random_images(12)[0]
READ = {
    "grey": IMAGES[..., 0],
    "grey with an axis": IMAGES[..., :1],
    "Fortran order": np.asfortranarray(IMAGES),
    "channels first": IMAGES.transpose(0, 3, 1, 2),
}
WRONG = {
    "flat": (IMAGES[:, :14, :19].reshape(12, -1)[:, :784], r"reshape\(-1, 28, 28\)"),
    "[0, 1]": (IMAGES / 255, r"\(255 \* x\)\.round\(\)\.astype\(np\.uint8\)"),
    "int64": (IMAGES.astype(np.int64), r"x\.astype\(np\.uint8\)"),
    "a single image": (IMAGES[0], "single image"),
    "five channels": (np.zeros((9, 20, 20, 5), np.uint8), "has 5 channels"),
    "no images": (IMAGES[:0], "holds no array of images"),
    "objects": (np.array([1, "a", None], object), "pickled objects"),
    "records": (np.zeros(3, [("a", "u1"), ("b", "f4")]), "holds no array of images"),
}


@pytest.mark.parametrize("name", READ)
def test_arrays_of_every_usual_shape_are_read(tmp_path, name):
    expected = READ[name].transpose(0, 2, 3, 1) if name == "channels first" else READ[name].reshape(12, 20, 24, -1)
    dataset = loaded(save(tmp_path, READ[name]), tmp_path, channels=expected.shape[-1])
    np.testing.assert_array_equal(dataset.images, expected)


@pytest.mark.parametrize("name", WRONG)
def test_an_array_that_holds_no_images_is_refused_with_what_to_do(tmp_path, name):
    array, problem = WRONG[name]
    refused(save(tmp_path, array), tmp_path, problem)


def test_splits_of_an_archive_of_arrays_are_splits_with_the_same_classes(tmp_path):
    images, labels = random_images(30)
    test_labels = np.full(10, 2)
    np.savez(tmp_path / "x.npz", x_train=images, y_train=labels, x_test=images[::3], y_test=test_labels)
    train, test = (loaded(tmp_path / "x.npz", tmp_path, split) for split in ("train", "test"))
    np.testing.assert_array_equal(train.images, images)
    np.testing.assert_array_equal(test.images, images[::3])
    assert (train.labels.tolist(), test.labels.tolist()) == (labels.tolist(), [2] * 10)
    assert train.class_names == test.class_names == ("0", "1", "2")


def test_of_several_arrays_the_one_of_a_usual_name_is_read_and_else_all_are_named(tmp_path, capsys):
    images, labels = random_images()
    np.savez(tmp_path / "one.npz", images=images, masks=images[..., 0], labels=labels)
    assert len(loaded(tmp_path / "one.npz", tmp_path)) == 24
    assert "images from images; not read: 1 other array" in capsys.readouterr().err
    np.savez(tmp_path / "two.npz", a=images, b=images)
    assert "b (uint8 24x20x24x3)" in refused(tmp_path / "two.npz", tmp_path, "several arrays of images")


def test_arrays_beside_each_other_in_a_folder_are_images_and_labels(tmp_path):
    images, labels = random_images()
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data/train_images.npy", images)
    np.save(tmp_path / "data/train_labels.npy", labels)
    dataset = loaded(tmp_path / "data", tmp_path)
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, labels)


def test_labels_that_differ_in_every_image_are_no_classes_and_none_turns_them_off(tmp_path):
    images, labels = random_images()
    np.savez(tmp_path / "ids.npz", images=images, label=np.arange(24))
    assert loaded(tmp_path / "ids.npz", tmp_path).labels is None
    np.savez(tmp_path / "x.npz", images=images, label=labels)
    assert loaded(tmp_path / "x.npz", tmp_path, labels="none").labels is None


def test_numbers_are_classes_in_their_order_and_names_in_that_of_the_alphabet():
    labels, names, remark = class_labels(np.array([10, 9, 10, -1, 9, -1]), "y")
    assert (labels.tolist(), names, remark) == ([2, 1, 2, 0, 1, 0], ("-1", "9", "10"), "")
    labels, names, _ = class_labels([b"owl", "cat", b"owl", "cat"], "y")
    assert (labels.tolist(), names) == ([1, 0, 1, 0], ("cat", "owl"))
    assert class_labels(["a", None, "a"], "y") == (None, (), "y labels 2 of the images and is not used")
    with pytest.raises(UserError, match="has a slash"):
        class_labels(["a/b", "a/b"], "y")


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"], ["", ""]),
        (["train-00000-of-00001.parquet", "test-00000-of-00001.parquet"], ["train/", "test/"]),
        (["mnist-train.tfrecord-00000-of-00002", "mnist-test.tfrecord-00000-of-00001"], ["train/", "test/"]),
        (["x-000.tar", "x-001.tar"], ["", ""]),
        (["cats.tar.gz", "dogs.tar.gz"], ["cats/", "dogs/"]),
        (["train/0000.parquet", "train/0001.parquet", "test/0000.parquet"], ["train/", "train/", "test/"]),
        (["00000.tar", "00001.tar"], ["", ""]),
    ],
)
def test_the_files_of_one_part_of_a_dataset_are_found_by_their_names(names, groups):
    assert group_names([Path("data", name) for name in names]) == groups


def test_listing_and_reading_containers_does_not_import_tensorflow(tmp_path):
    path, _, _ = write_npz(tmp_path)
    program = (
        "import sys; from pathlib import Path; from dcgan.data.listing import open_image_files\n"
        f"with open_image_files(Path({str(path)!r})) as files: files.read(files.entries[0])\n"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras', 'h5py', 'pyarrow')))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3]).returncode == 0


def test_an_uncompressed_archive_of_arrays_is_mapped_and_not_unpacked(tmp_path, monkeypatch):
    images, _ = random_images()
    np.savez(tmp_path / "x.npz", images=images)
    monkeypatch.setattr("tempfile.TemporaryDirectory", None)
    with open_image_files(tmp_path / "x.npz") as files:
        np.testing.assert_array_equal(files.read(files.entries[7]), images[7])


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "x.parquet").write_bytes(b"PAR1" + bytes(600))
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert "pip install 'dcgan[parquet]'" in refused(tmp_path / "x.parquet", tmp_path, "needs pyarrow")


@WITHOUT_PYARROW
def test_splits_of_parquet_files_are_told_by_their_names_and_null_images_are_skipped(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    images, _ = random_images()
    files = [encode_image(image) for image in images]
    folder = tmp_path / "data"
    folder.mkdir()
    for split, part in (("train", files), ("test", files[:6])):
        column = [{"bytes": data, "path": None} for data in part]
        column[3] = {"bytes": None, "path": "elsewhere.png"} if split == "train" else column[3]
        pq.write_table(
            pa.table({"img": column, "fine": list(range(len(part)))}), folder / f"{split}-00000-of-00001.parquet"
        )
    train, test = (loaded(folder, tmp_path, split) for split in ("train", "test"))
    np.testing.assert_array_equal(train.images, np.delete(images, 3, 0))
    np.testing.assert_array_equal(test.images, images[:6])
    pq.write_table(pa.table({"a": files, "b": files}), tmp_path / "two.parquet")
    assert "a (binary), b (binary)" in refused(tmp_path / "two.parquet", tmp_path, "2 columns of images")
    pq.write_table(pa.table({"url": ["http://x"] * 9}), tmp_path / "no.parquet")
    refused(tmp_path / "no.parquet", tmp_path, "no column of images; its columns are url")


def test_a_tar_that_is_cut_off_between_its_files_is_said_to_be(tmp_path, capsys):
    path = write_webdataset(tmp_path)[0] / "train-000000.tar"
    with tarfile.open(path) as archive:
        end = archive.getmembers()[8].offset
    path.write_bytes(path.read_bytes()[:end])
    assert len(loaded(path, tmp_path)) == 4
    assert "no end marker, it may be cut off" in capsys.readouterr().err


def test_labels_of_a_webdataset_may_be_in_json_and_are_not_used_where_one_is_missing(tmp_path):
    images, labels = random_images()
    for missing in (0, 1):
        with tarfile.open(tmp_path / f"x{missing}.tar", "w") as archive:
            for number in range(24):
                label = json.dumps({"label": int(labels[number])}).encode()
                files = {"a/%d.seg.png": encode_image(images[number]), "a/%d.json": label}
                if missing and number == 9:
                    files.pop("a/%d.json")
                for name, data in files.items():
                    info = tarfile.TarInfo(name % (number + 10))
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
    np.testing.assert_array_equal(loaded(tmp_path / "x0.tar", tmp_path).labels, labels)
    assert loaded(tmp_path / "x1.tar", tmp_path).labels is None


def write_records(path, examples, compression=""):
    import tensorflow as tf

    def feature(value):
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=value))

    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression)) as writer:
        for example in examples:
            features = tf.train.Features(feature={name: feature(value) for name, value in example.items()})
            writer.write(tf.train.Example(features=features).SerializeToString())
    return path


def test_pixels_in_tfrecords_are_read_in_the_shape_of_their_record(tmp_path):
    images, labels = random_images()
    old = [
        {"image_raw": image.tobytes(), "height": [20], "width": [24], "depth": [3], "label": [-int(label)]}
        for image, label in zip(images, labels, strict=True)
    ]
    stylegan = [{"shape": [3, 20, 24], "data": image.transpose(2, 0, 1).tobytes()} for image in images]
    for name, examples in (("old", old), ("stylegan", stylegan)):
        dataset = loaded(write_records(tmp_path / f"{name}.tfrecords", examples), tmp_path)
        np.testing.assert_array_equal(dataset.images, images)
        assert dataset.class_names == (("-2", "-1", "0") if name == "old" else ())
    path = write_records(tmp_path / "text.tfrecords", [{"text": b"no image"}])
    refused(path, tmp_path, "Record 1 of .* holds no image; its features are text")


@pytest.mark.parametrize("compression", ["GZIP", "ZLIB"])
@pytest.mark.parametrize("name", ["x.tfrecords", "x.tfrecord.gz", "x.tfrecord-00000-of-00001.zlib"])
def test_tfrecords_that_tensorflow_compressed_are_read(tmp_path, compression, name):
    images, labels = random_images()
    examples = [
        {"image": encode_image(image), "label": [int(label)]} for image, label in zip(images, labels, strict=True)
    ]
    (tmp_path / "data").mkdir()
    path = write_records(tmp_path / "data" / name, examples, compression)
    for data_dir in (path, path.parent):
        dataset = loaded(data_dir, tmp_path)
        np.testing.assert_array_equal(dataset.images, images)
        assert dataset.labels.tolist() == labels.tolist()
    path.write_bytes(path.read_bytes()[:-9])
    refused(path, tmp_path, "cut off or damaged")


def test_the_length_of_a_record_may_look_like_the_header_of_zlib(tmp_path):
    example = {"image": encode_image(random_images(size=(8, 8))[0][0]), "pad": b""}
    path = write_records(tmp_path / "x.tfrecords", [example])
    while path.stat().st_size != 0x0178 + 16:
        example["pad"] += b"-"
        write_records(path, [example])
    assert path.read_bytes()[:2] == b"\x78\x01"
    assert len(loaded(path, tmp_path, image_size="8")) == 1


def test_damage_of_tfrecords_is_found(tmp_path):
    images, _ = random_images()
    path = write_records(tmp_path / "x.tfrecords", [{"image": encode_image(image)} for image in images])
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    second = 12 + length + 4
    for name, damaged, problem in (
        ("cut", data[:-30], "cut off at record 24"),
        ("length", data[:second] + b"\xff" * 8 + data[second + 8 :], "length of record 2 has a wrong checksum"),
        ("content", data[:12] + b"\xff" * 9 + data[21:], "a record holds no example"),
    ):
        (tmp_path / name).write_bytes(damaged)
        refused(tmp_path / name, tmp_path, problem)
