"""What files from elsewhere may do to the program: nothing but be read, skipped or refused with a reason."""

import contextlib
import gzip
import itertools
import os
import struct
import tarfile
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from dcgan.config import TrainConfig
from dcgan.config.parser import MAX_CONFIG_BYTES, parse, read_yaml
from dcgan.core.classes import read_classes
from dcgan.core.errors import UserError
from dcgan.data import cifar10, image_files
from dcgan.data.celeba import read_table
from dcgan.data.cifar10 import read_cifar10
from dcgan.data.decoding import EncodedImage, SkippedImage, decode_file, pillow_warnings
from dcgan.data.decoding_pool import decode_all
from dcgan.data.listing import open_image_files
from dcgan.data.transforms import CropResize
from dcgan.runs import Run
from dcgan.runs.jsonl import is_number, read_jsonl
from dcgan.training import distributed
from dcgan.visualization.png import read_png_text
from tests.reliability.hostile_targets import TARGETS, clear, corpus, mutations
from tests.support.synthetic_datasets import cifar10_files, solid_image, write_files, write_zip

EXECUTIONS = {"keras": 3, "config": 60, "folder": 150, "zip": 150, "hdf5": 100}
TRANSFORM = CropResize((8, 8), None, 3)
MEGABYTE = 1 << 20


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files_and_those_that_once_failed_are_read_or_refused(tmp_path, name):
    target, folder = TARGETS[name], tmp_path / "input"
    if target.requires:
        pytest.importorskip(target.requires)
    folder.mkdir()

    def run(data):
        try:
            target.run(folder, data)
        finally:
            clear(folder)

    seeds = target.seeds()
    for data in [*seeds, *(path.read_bytes() for path in corpus(name))]:
        run(data)
    quickly = settings(
        max_examples=EXECUTIONS.get(name, 300),
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    quickly(given(mutations(seeds, target.tokens, target.max_bytes))(run))()


@contextlib.contextmanager
def memory_below(megabytes):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * MEGABYTE
    finally:
        tracemalloc.stop()


def zip_of_one(path, method, content, size):
    """Write a zip whose directory says that its only image has `size` bytes, whatever it holds."""
    name, crc = b"1.png", zlib.crc32(bytes(size))
    start = struct.pack("<4s5H3I2H", b"PK\3\4", 63, 0, method, 0, 0, crc, len(content), size, len(name), 0) + name
    sizes = crc, len(content), size, len(name), 0, 0, 0, 0, 0, 0
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 63, 63, 0, method, 0, 0, *sizes) + name
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(start) + len(content), 0)
    path.write_bytes(start + content + entry + end)
    return path


def deflate(data):
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def test_an_image_in_a_zip_takes_no_more_memory_than_its_declared_size(tmp_path):
    path = zip_of_one(tmp_path / "p.zip", zipfile.ZIP_DEFLATED, deflate(bytes(100 * MEGABYTE)), 100)
    with memory_below(8), open_image_files(path) as files:
        assert files.read(files.entries[0]) == bytes(100)


def test_a_zip_that_declares_a_huge_image_is_not_unpacked(tmp_path):
    path = zip_of_one(tmp_path / "p.zip", zipfile.ZIP_DEFLATED, deflate(bytes(200 * MEGABYTE)), 200 * MEGABYTE)
    with memory_below(8), open_image_files(path) as files:
        (skipped,) = decode_all(files, TRANSFORM)
    assert skipped == SkippedImage("1.png", "the file is larger than 128 MiB")


def test_entries_of_a_zip_that_overlap_are_skipped(tmp_path):
    """They let a small zip hold the same large content many times."""
    data = bytearray(write_zip(tmp_path / "p.zip", {"1.png": solid_image(), "2.png": solid_image()}).read_bytes())
    first = data.index(b"PK\1\2")
    second = data.index(b"PK\1\2", first + 1)
    size = data.index(b"PK\3\4", 1)
    struct.pack_into("<II", data, first + 20, size + 40, size + 40)  # the first reaches into the second
    (tmp_path / "p.zip").write_bytes(data)
    assert second > first
    with open_image_files(tmp_path / "p.zip") as files:
        results = list(decode_all(files, TRANSFORM))
    assert isinstance(results[0], SkippedImage)
    assert "overlaps" in results[0].reason
    assert results[1].shape == (8, 8, 3)


def test_an_entry_before_the_start_of_a_zip_is_skipped(tmp_path):
    data = bytearray(write_zip(tmp_path / "p.zip", {"1.png": solid_image(), "2.png": solid_image()}).read_bytes())
    start = len(data) - 22 + 16  # where the directory is said to begin
    struct.pack_into("<I", data, start, struct.unpack_from("<I", data, start)[0] + 9)  # every entry 9 bytes earlier
    (tmp_path / "p.zip").write_bytes(data)
    with open_image_files(tmp_path / "p.zip") as files:
        assert all(isinstance(result, SkippedImage) for result in decode_all(files, TRANSFORM))


def test_a_zip_of_many_empty_entries_is_listed_in_little_memory(tmp_path):
    path = write_zip(tmp_path / "p.zip", {"1.png": solid_image()} | {f"{n}.txt": b"" for n in range(3000)})
    with memory_below(8), open_image_files(path) as files:
        assert files.names == ["1.png"]


def test_a_name_in_a_zip_that_is_not_the_utf_8_it_claims_to_be_is_refused(tmp_path):
    data = write_zip(tmp_path / "p.zip", {"ä.png": solid_image()}).read_bytes()
    (tmp_path / "p.zip").write_bytes(data.replace("ä".encode(), b"\xff\xff"))
    with pytest.raises(UserError, match="damaged"), open_image_files(tmp_path / "p.zip"):
        pass


def test_a_symbolic_link_in_a_zip_is_only_a_file_that_is_no_image(tmp_path):
    (tmp_path / "secret.png").write_bytes(solid_image())
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        link = zipfile.ZipInfo("1.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(tmp_path / "secret.png"))
    with open_image_files(tmp_path / "p.zip") as files:
        (skipped,) = decode_all(files, TRANSFORM)
    assert skipped == SkippedImage("1.png", "it is a text, not an image")


def png_header(width, height):
    header = struct.pack(">II5B", width, height, 8, 6, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I4sI", 0, b"IDAT", zlib.crc32(b"IDAT"))


@pytest.mark.parametrize("size", [(10_000, 10_000), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_an_image_of_too_many_pixels_is_skipped_before_it_is_decoded(size):
    with memory_below(8), pillow_warnings():
        skipped = decode_file(EncodedImage("1.png", png_header(*size)), TRANSFORM)
    assert "of memory to decode, more than the limit" in skipped.reason


def test_pipes_and_devices_in_a_folder_are_no_images(tmp_path):
    write_files(tmp_path, {"1.png": solid_image()})
    os.mkfifo(tmp_path / "2.png")
    (tmp_path / "3.png").symlink_to("/dev/zero")
    (tmp_path / "4.png").symlink_to("4.png")  # to itself
    (tmp_path / "5.png").symlink_to("1.png/below")
    (tmp_path / "6.png").symlink_to("x" * 300)
    (tmp_path / "7").symlink_to("7")
    with open_image_files(tmp_path) as files:
        assert files.names == ["1.png"]


def test_a_pipe_that_takes_the_place_of_a_listed_image_is_skipped(tmp_path):
    write_files(tmp_path, {"1.png": solid_image()})
    with open_image_files(tmp_path) as files:
        (tmp_path / "1.png").unlink()
        os.mkfifo(tmp_path / "1.png")  # opening it would wait forever
        (skipped,) = decode_all(files, TRANSFORM)
    assert skipped == SkippedImage("1.png", "it is not a file any more")


def test_a_file_that_grows_while_it_is_read_is_read_up_to_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "MAX_FILE_BYTES", 1000)
    write_files(tmp_path, {"1.png": solid_image(size=(4, 4)), "2.png": solid_image(size=(4, 4))})
    with open_image_files(tmp_path) as files:
        (tmp_path / "1.png").write_bytes(bytes(5000))
        (tmp_path / "2.png").write_bytes(b"")
        results = list(decode_all(files, TRANSFORM))
    assert [result.reason for result in results] == [
        "the file is larger than 0 MiB",
        "the file is empty",
    ]


def test_a_pipe_among_the_files_of_cifar_10_is_not_opened(tmp_path):
    files = cifar10_files(1)[0]
    write_files(tmp_path, {name: data for name, data in files.items() if name != "data_batch_5.bin"})
    os.mkfifo(tmp_path / "data_batch_5.bin")
    with pytest.raises(UserError, match=r"data_batch_5\.bin can't be read: it is not a file"):
        read_cifar10(tmp_path, "train")


def test_an_archive_of_a_million_empty_files_is_refused(tmp_path):
    header = tarfile.TarInfo("x").tobuf()
    (tmp_path / "c.tar.gz").write_bytes(gzip.compress(header * (4 * cifar10._MAX_MEMBERS), 1))
    with pytest.raises(UserError, match="more files than CIFAR-10"):
        read_cifar10(tmp_path / "c.tar.gz", "test")


@pytest.mark.parametrize("count", ["²", "2²", "①"])
def test_a_count_of_faces_in_digits_that_are_no_decimal_is_no_count(count):
    table = f"{count}\nSmiling\n000001.jpg 1\n".encode()
    with pytest.raises(UserError, match="damaged or cut off"):
        read_table("list_attr_celeba.txt", table).column("partition")


LAUGHS = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'ha'] * 9)}]\n" for n in range(9))
HOSTILE_CONFIGS = {
    "aliases": LAUGHS,
    "aliases in an option": "data_dir: [&a0 [x], " + ", ".join(f"&a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)),
    "merges": "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: {[f'*a{n - 1}'] * 9}}}\n" for n in range(1, 9)),
    "recursion": "steps: &a [*a]\n",
    "an alias": "seed: &a 3\nsteps: *a\n",
    "brackets": "steps: " + "[" * 100_000,
    "braces": "steps: " + "{a: " * 10_000,
    "blocks": "".join(f"{' ' * n}a:\n" for n in range(1000)),
    "code": "steps: !!python/object/apply:os.system ['true']\n",
    "a tag without a value": "steps: !!int ''\n",
    "a time that is none": "steps: !!timestamp x\n",
    "a date that is none": "steps: 2001-99-99\n",
    "a number of 5000 digits": f"steps: {'9' * 5000}\n",
    "sexagesimal": f"generator_lr: 1{':59' * 400}:59.5\n",
    "no number": "generator_lr: .nan\n",
    "infinity": "steps: .inf\n",
    "size": "steps: 7\n" + "# \n" * MAX_CONFIG_BYTES,
}


@pytest.mark.parametrize("name", HOSTILE_CONFIGS)
def test_a_hostile_config_is_refused_at_once(tmp_path, name):
    path = tmp_path / "config.yaml"
    path.write_text(HOSTILE_CONFIGS[name].replace("'*", "*").replace("', ", ", "))
    for read in (lambda: read_yaml(TrainConfig, path), lambda: parse(TrainConfig, ["--config", str(path)], "train.py")):
        with memory_below(64), pytest.raises(UserError, match="can't be read as a config") as caught:
            read()
        assert len(str(caught.value)) < 6000


def test_numbers_of_any_size_in_a_log_are_no_error(tmp_path):
    steps = ["1", "9" * 400, "9" * 5000, "NaN", "-Infinity", "1e999", "true", "[" * 100_000, '"\\ud800"', "2.5"]
    (tmp_path / "log.jsonl").write_text("".join(f'{{"step": {step}}}\n' for step in steps))
    assert [record["step"] for record in read_jsonl(tmp_path / "log.jsonl")] == [1, 2.5]
    assert not any(map(is_number, (10**400, -(10**400), float("nan"), float("inf"), True, None)))
    assert all(map(is_number, (0, -1, 2**64, 1.7e308)))


def test_a_log_that_can_not_be_read_is_reported(tmp_path):
    with pytest.raises(UserError, match="can't be read: Is a directory"):
        read_jsonl(tmp_path)


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5000, "NaN", "Infinity", "-1e999", "null", "[]", "[" * 100_000])
def test_classes_with_a_number_of_any_size_are_refused(tmp_path, number):
    path = tmp_path / "classes.json"
    for key in ("probabilities", "clusters"):
        values = {"names": '["a", "b"]', "probabilities": "[0.5, 0.5]", "clusters": "[[1], [1]]"}
        values[key] = f"[{number}, 0.5]" if key == "probabilities" else f"[[{number}], [1]]"
        path.write_text("{" + ", ".join(f'"{name}": {value}' for name, value in values.items()) + "}")
        with pytest.raises(UserError, match=r"classes\.json"):
            read_classes(path)


@pytest.mark.parametrize("names", ['["\\ud800", "b"]', '{"a": 1, "b": 2}', '"ab"', '[["a"], "b"]'])
def test_classes_whose_names_are_no_list_of_text_are_refused(tmp_path, names):
    (tmp_path / "classes.json").write_text(f'{{"names": {names}, "probabilities": [0.5, 0.5]}}')
    with pytest.raises(UserError, match=r"classes\.json"):
        read_classes(tmp_path / "classes.json")


def npz(path, content, flags=0, method=0):
    """Write a zip of one array file with flags and a method of compression of one's choice."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("steps_done.npy", content)
    data = bytearray(path.read_bytes())
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        struct.pack_into("<HH", data, data.index(signature) + place, flags, method)
    path.write_bytes(data)


def npy(header):
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header


WRONG_ARRAYS = {
    "encrypted": (npy(b"x"), 1, 0),
    "an unknown method": (npy(b"x"), 0, 97),
    "no deflated data": (b"\xff" * 100, 0, 8),
    "no LZMA data": (b"\xff" * 100, 0, 14),
    "an open bracket": (npy(b"{'descr': ("), 0, 0),
    "terabytes": (npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000000)}\n"), 0, 0),
    "a negative size": (npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 2)}\n"), 0, 0),
    "deep": (npy(b"(" * 9000), 0, 0),
}


@pytest.mark.parametrize("name", WRONG_ARRAYS)
def test_a_checkpoint_that_holds_no_arrays_is_skipped_for_the_one_before(tmp_path, name, capsys):
    run = Run(tmp_path)
    run.checkpoints.save(1, {"steps_done": np.array(1)}, keep=9)
    npz(run.checkpoints.folder / "step-00000002.npz", *WRONG_ARRAYS[name])
    assert run.checkpoints.latest()["steps_done"] == 1
    assert run.checkpoints.at(2) is None
    assert "step-00000002.npz is damaged" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"x", npy(b"{'descr': ("), npy(b"(" * 9000), "npz"])
def test_damaged_clusters_of_a_run_are_none(tmp_path, content):
    run = Run(tmp_path)
    run.save_clusters(np.arange(3))
    assert run.clusters(3).tolist() == [0, 1, 2]
    if content == "npz":
        with run.clusters_file.open("wb") as file:
            np.savez(file, np.arange(3))
    else:
        run.clusters_file.write_bytes(content)
    assert run.clusters(3) is None


@pytest.mark.parametrize("index", ["1e999", "NaN", "9" * 5000, "[" * 100_000])
def test_a_worker_of_no_number_is_refused(monkeypatch, index):
    monkeypatch.setenv(
        "TF_CONFIG", f'{{"cluster": {{"worker": ["a:1"]}}, "task": {{"type": "worker", "index": {index}}}}}'
    )
    with pytest.raises(UserError, match="TF_CONFIG"):
        distributed._read(os.environ["TF_CONFIG"])


def test_a_png_file_with_any_damage_is_read_or_refused(tmp_path):
    path, data = tmp_path / "1.png", solid_image()
    for place, byte in itertools.product(range(len(data)), (0, 0x7F, 0xFF)):
        path.write_bytes(data[:place] + bytes([byte]) + data[place + 1 :])
        with contextlib.suppress(UserError):
            read_png_text(path)
