"""CIFAR-10's binary files, unpacked or in their archive, but never a pickle."""

import contextlib
import gzip
import io
import os
import pickle
import tarfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.data import cifar10, load
from tests.support.synthetic_datasets import cifar10_files, tar_bytes, write_files

FILES, ARRAYS = cifar10_files()
ARCHIVE = "cifar-10-binary.tar.gz"


def write_layout(root, layout):
    """Write CIFAR-10 in one of its layouts; returns its --data-dir."""
    if layout == "the folder of the files":
        return write_files(root / "cifar-10-batches-bin", FILES)
    if layout == "its parent":
        write_files(root / "cifar-10-batches-bin", FILES)
        return root
    write_files(root, {ARCHIVE: tar_bytes(FILES)})
    return root / ARCHIVE if layout == "the archive" else root


@pytest.mark.parametrize("layout", ["the folder of the files", "its parent", "the archive", "the archive's folder"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_images_and_labels_are_those_of_the_files(tmp_path, layout, split):
    read = load(DataConfig("cifar10", data_dir=write_layout(tmp_path, layout)), split)
    images, labels = ARRAYS[split]
    np.testing.assert_array_equal(read.images, images)
    np.testing.assert_array_equal(read.labels, labels)
    assert read.class_names[3] == "cat"


def test_the_archive_is_read_without_writing_anything(tmp_path):
    load(DataConfig("cifar10", data_dir=write_layout(tmp_path, "the archive")))
    assert [path.name for path in tmp_path.iterdir()] == [ARCHIVE]


def refused(path, problem):
    with pytest.raises(UserError, match=problem) as caught:
        load(DataConfig("cifar10", data_dir=path))
    assert len(str(caught.value).splitlines()) <= 2
    return caught.value


class Pickled:
    """A pickle that creates a folder when it is read."""

    def __reduce__(self):
        return os.mkdir, ("owned",)


@pytest.mark.parametrize("archived", [False, True], ids=["folder", "archive"])
def test_the_python_version_is_recognized_and_its_pickles_are_not_read(tmp_path, archived):
    files = {"data_batch_1": pickle.dumps(Pickled())}
    if archived:
        root = write_files(tmp_path, {"any.tar.gz": tar_bytes(files, "cifar-10-batches-py")}) / "any.tar.gz"
    else:
        root = write_files(tmp_path / "cifar-10-batches-py", files)
    assert ARCHIVE in refused(root, "Python version").hint
    assert not (tmp_path / "owned").exists()


def test_missing_files_are_named(tmp_path):
    write_files(tmp_path, {"data_batch_1.bin": FILES["data_batch_1.bin"]})
    refused(tmp_path, r"lacks data_batch_2\.bin, .*data_batch_5\.bin")
    refused(tmp_path / "nowhere", "does not exist")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "does not hold CIFAR-10")


def test_damaged_files_are_named(tmp_path):
    for data, problem in ((b"", "damaged"), (bytes(3072), "not a multiple"), (b"\x0a" + bytes(3072), "label 10")):
        write_files(tmp_path, FILES | {"data_batch_2.bin": data})
        refused(tmp_path, f"data_batch_2.bin .*{problem}")
    (tmp_path / "data_batch_2.bin").unlink()
    (tmp_path / "data_batch_2.bin").mkdir()
    refused(tmp_path, "data_batch_2.bin can't be read")


@pytest.mark.parametrize("length", [0, 1, 30, -20, -4])
def test_a_truncated_archive_is_refused(tmp_path, length):
    write_files(tmp_path, {ARCHIVE: tar_bytes(FILES)[:length]})
    refused(tmp_path, "cut off, damaged")


def test_the_size_that_a_small_archive_unpacks_to_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "_MAX_ARCHIVE_BYTES", 1 << 16)
    write_files(tmp_path, {ARCHIVE: gzip.compress(bytes(1 << 20)), "big.tar.gz": tar_bytes({"x": bytes(1 << 20)})})
    refused(tmp_path / "big.tar.gz", "more than CIFAR-10 holds")
    monkeypatch.setattr(cifar10, "_MAX_FILE_BYTES", 1 << 10)
    write_files(tmp_path, {ARCHIVE: tar_bytes(FILES)})
    refused(tmp_path / ARCHIVE, "larger than any file")


def test_links_in_the_archive_are_ignored(tmp_path):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        link = tarfile.TarInfo("data_batch_1.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    write_files(tmp_path, {ARCHIVE: target.getvalue()})
    refused(tmp_path, "lacks data_batch_1.bin")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 6 * 512), byte=st.integers(0, 255), length=st.integers(0, 1 << 15))
def test_any_damage_to_the_archive_is_a_user_error_or_harmless(tmp_path, position, byte, length):
    tar = bytearray(gzip.decompress(tar_bytes(FILES)))
    tar[position] = byte
    write_files(tmp_path, {ARCHIVE: gzip.compress(bytes(tar[:length] if length % 2 else tar), compresslevel=1)})
    with contextlib.suppress(UserError):
        load(DataConfig("cifar10", data_dir=tmp_path))
