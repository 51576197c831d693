"""Small files that declare or unpack to huge ones are refused, or read within a bound of memory and disk."""

import importlib.util
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.data import archives, label_files
from dcgan.data.containers import hdf5
from dcgan.data.containers.common import MAX_IMAGES, most_images
from dcgan.data.containers.tfrecord import _masked_crc32c
from dcgan.data.label_files import read_label_file
from dcgan.data.listing import open_image_files
from tests.support.synthetic_datasets import solid_image, write_zip

MEGABYTE = 1 << 20
WITHOUT_PYARROW = pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="pyarrow is an extra")
READ_FIRST = """
import resource, sys
from pathlib import Path
from dcgan.core.errors import UserError
from dcgan.data.listing import open_image_files
for name in ("h5py", "pyarrow.parquet"):
    try:
        __import__(name)
    except ImportError:
        pass
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    with open_image_files(Path(sys.argv[1])) as files:
        print(len(files.read(files.entries[0])), len(files.read(files.entries[-1])), len(files.class_names))
except (UserError, ValueError) as error:
    print(str(error).splitlines()[0])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def read_first_and_last(path):
    """Return what reading the first and the last image of a file gives, and how many MiB it takes."""
    command = [sys.executable, "-c", READ_FIRST, str(path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    said, megabytes = done.stdout.splitlines()
    return said, int(megabytes)


def refused(path, problem):
    with pytest.raises(UserError, match=problem) as caught, open_image_files(path) as files:
        files.read(files.entries[0])
    assert caught.value.hint


def npy(shape, descr="|u1", version=1, header_bytes=None):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", header_bytes or len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header


def deflated(start, zeros):
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    parts = [compressor.compress(start), *(compressor.compress(bytes(MEGABYTE)) for _ in range(zeros // MEGABYTE))]
    return b"".join(parts) + compressor.flush()


def zip_of_one(path, name, content, size):
    """Write a zip of one compressed file that is said to have `size` bytes."""
    name = name.encode()
    sizes = struct.pack("<3I", 0, len(content), size)
    start = struct.pack("<4s5H", b"PK\3\4", 20, 0, 8, 0, 0) + sizes + struct.pack("<2H", len(name), 0) + name
    entry = struct.pack("<4s6H", b"PK\1\2", 20, 20, 0, 8, 0, 0) + sizes + struct.pack("<5H2I", len(name), *[0] * 6)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(entry + name), len(start + content), 0)
    path.write_bytes(start + content + entry + name + end)
    return path


def test_a_small_file_may_hold_a_million_images_and_a_large_one_as_many_as_have_16_bytes():
    assert most_images(100) == 1 << 20
    assert most_images(100 << 20) == 100 << 16
    assert most_images(1 << 40) == MAX_IMAGES


def test_a_header_that_declares_a_terabyte_is_refused(tmp_path):
    (tmp_path / "x.npy").write_bytes(npy((10**6, 1000, 1000)) + bytes(5000))
    refused(tmp_path / "x.npy", "the file is shorter")
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", npy((10**6, 1000, 1000)) + bytes(5000))
    refused(tmp_path / "x.npz", "the file is shorter")


def test_an_archive_of_arrays_that_declares_gigabytes_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    header = npy((3_000_000, 32, 32))
    content = deflated(header, 4 * MEGABYTE)
    path = zip_of_one(tmp_path / "x.npz", "images.npy", content, len(header) + 3_000_000 * 32 * 32)
    monkeypatch.setattr("tempfile.TemporaryDirectory", None)
    refused(path, r"3,072,000,000 bytes are more than a file of [\d,]+ bytes may unpack to")


def test_an_array_that_unpacks_to_more_than_the_bound_is_refused_and_its_temporary_file_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MAX_UNPACKED_BYTES", MEGABYTE)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    np.savez_compressed(tmp_path / "x.npz", images=np.zeros((4000, 32, 32), np.uint8), more=np.arange(99999))
    with open_image_files(tmp_path / "x.npz") as files, pytest.raises(UserError, match="unpacks to more than 1 MiB"):
        files.read(files.entries[0])
    assert list(tmp_path.iterdir()) == [tmp_path / "x.npz"]


def test_a_header_of_gigabytes_is_not_read(tmp_path):
    path = zip_of_one(
        tmp_path / "x.npz",
        "images.npy",
        deflated(npy((9, 9, 9), version=2, header_bytes=(1 << 32) - 1), 300 * MEGABYTE),
        (1 << 32) - 1,
    )
    said, megabytes = read_first_and_last(path)
    assert "damaged array of NumPy" in said
    assert megabytes < 100


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_pickled_objects_are_refused_and_not_run(tmp_path, ending):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trap"),)

    path = tmp_path / f"x.{ending}"
    (np.save if ending == "npy" else np.savez)(path, np.array([Trap(), None], object))
    refused(path, "pickled objects, which are not loaded for safety")
    assert not (tmp_path / "trap").exists()


def hdf5_file(path, shape, **options):
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("images", shape, "u1", fillvalue=7, **options)
    return path


def test_an_hdf5_file_that_declares_more_than_it_can_hold_is_refused(tmp_path):
    for shape, problem in (((10**9, 64, 64, 3), "may unpack to"), ((2_000_000, 5, 5), "2,000,000 images are more")):
        path = hdf5_file(tmp_path / "x.h5", shape, chunks=(1, *shape[1:]))
        assert path.stat().st_size < 10_000
        refused(path, problem)


def test_a_chunk_of_hdf5_has_a_bound(tmp_path):
    refused(hdf5_file(tmp_path / "x.h5", (300, 1024, 1024), chunks=(300, 1024, 1024)), "takes 300 MiB or more")


def test_a_chunk_of_hdf5_that_unpacks_to_more_than_it_should_is_refused(tmp_path):
    import h5py

    path = hdf5_file(tmp_path / "x.h5", (10, 16, 16), chunks=(10, 16, 16), compression="gzip")
    with h5py.File(path, "a") as file:
        compressor = zlib.compressobj(9)
        data = b"".join(compressor.compress(bytes(MEGABYTE)) for _ in range(300)) + compressor.flush()
        file["images"].id.write_direct_chunk((0, 0, 0), data)
    said, megabytes = read_first_and_last(path)
    assert "over the limit of 256 MiB" in said
    assert megabytes < 100


def test_texts_in_hdf5_have_a_bound(tmp_path, monkeypatch):
    import h5py

    path = hdf5_file(tmp_path / "x.h5", (20, 8, 8))
    with h5py.File(path, "a") as file:
        file["labels"] = ["a" * 99, "b" * 99] * 10
    with open_image_files(path) as files:
        assert files.class_names == ("a" * 99, "b" * 99)
    monkeypatch.setattr(hdf5, "MAX_TABLE_BYTES", 1000)
    refused(path, "the texts in /labels have more than")


def test_texts_in_hdf5_that_are_read_for_ever_are_given_up(tmp_path, monkeypatch):
    """An object in the heap of the texts has no size, so that HDF5 never comes to the next one."""
    import h5py

    path = hdf5_file(tmp_path / "x.h5", (4, 8, 8))
    with h5py.File(path, "a") as file:
        file["labels"] = ["a", "b"] * 2
    data = bytearray(path.read_bytes())
    second = data.index(b"GCOL") + 40  # after the header of the heap and its first text
    data[second : second + 16] = bytes(16)
    path.write_bytes(data)
    monkeypatch.setattr(hdf5, "TEXT_SECONDS", 2)
    refused(path, "damaged HDF5 file: the texts in /labels can't be read")


def parquet_file(path, **columns):
    import pyarrow as pa
    import pyarrow.parquet as pq

    options = {"compression": "zstd", "dictionary_pagesize_limit": 1 << 30, "write_statistics": False}
    pq.write_table(pa.table(columns), path, store_schema=False, **options)
    assert path.stat().st_size < MEGABYTE
    return path


def repeated(values, count):
    """A column of the same values many times, each of which is stored once."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(np.arange(count) % len(values), pa.int32()), pa.array(values))


@WITHOUT_PYARROW
def test_a_large_value_that_all_rows_of_a_parquet_file_share_is_in_memory_a_few_times(tmp_path):
    texts = ["a" * (8 * MEGABYTE), "b" * (8 * MEGABYTE)]
    for name, columns in (
        ("images", {"image": repeated([bytes(20 * MEGABYTE)], 400), "label": ["a", "b"] * 200}),
        ("labels", {"image": repeated([solid_image()], 2000), "label": repeated(texts, 2000)}),
    ):
        said, megabytes = read_first_and_last(parquet_file(tmp_path / f"{name}.parquet", **columns))
        assert said == "20971520 20971520 2" if name == "images" else "The label 'aaa" in said
        assert megabytes < 700  # instead of eight and sixteen thousand


@WITHOUT_PYARROW
def test_a_parquet_file_of_more_rows_than_its_size_allows_is_refused(tmp_path):
    import pyarrow as pa

    path = parquet_file(tmp_path / "x.parquet", image=pa.nulls(2_000_000, pa.binary()))
    refused(path, "declares 2,000,000 rows, more than its size allows")


def record(length, content=b""):
    start = struct.pack("<Q", length)
    return start + struct.pack("<I", _masked_crc32c(start)) + content


def test_lengths_in_tfrecords_are_not_believed(tmp_path):
    for length in (1 << 20, 1 << 40, (1 << 64) - 1):
        (tmp_path / "x.tfrecord").write_bytes(record(length, b"x" * 100))
        refused(tmp_path / "x.tfrecord", "cut off at record 1")
    (tmp_path / "x.tfrecord").write_bytes(record(1 << 40, b"x" * 100) + bytes(5))
    field = b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"  # of 2^63 bytes
    (tmp_path / "x.tfrecord").write_bytes(record(len(field), field + bytes(4)))
    refused(tmp_path / "x.tfrecord", "holds no example")


@pytest.mark.parametrize("name", ["x.tfrecord", "x.tar.gz", "x.zip"])
def test_what_unpacks_to_more_than_the_bound_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(archives, "_MAX_UNPACKED_BYTES", MEGABYTE)
    path, zeros = tmp_path / name, bytes(4 * MEGABYTE)
    if name == "x.zip":
        write_zip(path, {"inner.tar": zeros}, zipfile.ZIP_DEFLATED)
    elif name == "x.tar.gz":
        with tarfile.open(path, "w:gz") as archive:
            info = tarfile.TarInfo("1.png")
            info.size = len(zeros)
            archive.addfile(info, io.BytesIO(zeros))
    else:
        path.write_bytes(zlib.compress(record(len(zeros), zeros)))
    refused(path, r"unpacks to more than 1 MiB, over 100 times its size")


def test_archives_in_archives_have_a_bound(tmp_path):
    """There are zips that hold themselves."""
    path = write_zip(tmp_path / "0.zip", {"1.png": solid_image()})
    for depth in range(1, 5):
        outer = tmp_path / f"{depth}.zip"
        path = write_zip(outer, {"inner.zip": path.read_bytes()})
        if depth < 4:
            with open_image_files(path) as files:
                assert files.names == ["1.png"]
    refused(path, "an archive in an archive more than 3 times")


def test_a_damaged_archive_in_an_archive_is_refused(tmp_path):
    inner = write_zip(tmp_path / "inner.zip", {f"{n}.png": solid_image() for n in range(99)})
    path = write_zip(tmp_path / "x.zip", {"inner.zip": inner.read_bytes()}, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    data[200:220] = bytes(20)
    path.write_bytes(data)
    refused(path, "x.zip is cut off or damaged")


def test_tables_of_labels_have_a_bound_of_lines_and_of_json(monkeypatch):
    monkeypatch.setattr(label_files, "_MAX_ROWS", 3)
    monkeypatch.setattr(label_files, "_MAX_JSON_BYTES", 100)
    for table in ("file,label\n" + "a.png,x\n" * 3, "a.png x\n" * 4):
        with pytest.raises(UserError, match="more than 3 lines"):
            read_label_file(table.encode(), "labels.csv", None, ["a.png"])
    table = json.dumps({f"{n}.png": 1 for n in range(20)}).encode()
    for name in ("labels.json", "labels.jsonl", "labels"):
        with pytest.raises(UserError, match="JSON of more than"):
            read_label_file(table, name, None, ["1.png"])


def test_an_image_of_a_container_has_the_bound_of_a_file(tmp_path):
    path = tmp_path / "x.h5"
    hdf5_file(path, (2, 12_000, 12_000), chunks=(1, 1000, 1000))
    refused(path, "too small or too large")
