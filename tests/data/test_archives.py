"""Archives hold the same images as folders do."""

import bz2
import contextlib
import gzip
import io
import lzma
import shutil
import tarfile
import zipfile

import pytest

from dcgan.core.errors import UserError
from dcgan.data import archives
from dcgan.data.listing import open_image_files
from tests.support.synthetic_datasets import write_files, write_zip

FILES = {
    "cats/1.png": b"one",
    "cats/2.JPG": b"two",
    "dogs/noending": b"\xff\xd8\xff three",
    "dogs/page.jpg?w=300": b"\x89PNG\r\n\x1a\n four",
    "notes.txt": b"text",
    "data.bin": b"\0",
    ".hidden.png": b"",
    "dogs/@eaDir/5.png": b"thumbnail",
    "__MACOSX/cats/._1.png": b"",
    "$RECYCLE.BIN/6.png": b"thrown away",
    "run/config.yaml": b"",
    "run/log.jsonl": b"",
    "run/samples/step-1.png": b"a grid",
}
EXPECTED = dict(list(FILES.items())[:4])


def write_tar(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def content(root):
    with open_image_files(root) as files:
        return {entry.name: files.read(entry) for entry in files.entries}


def description(root):
    with open_image_files(root) as files:
        return files.describe()


MAKERS = {
    "folder": lambda path: write_files(path, FILES),
    "zip": lambda path: write_zip(path, FILES),
    "tar": lambda path: write_tar(path, FILES),
    "tar.gz": lambda path: write_tar(path, FILES, "w:gz"),
    "tar.bz2": lambda path: write_tar(path, FILES, "w:bz2"),
    "tar.xz": lambda path: write_tar(path, FILES, "w:xz"),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_folder_and_every_archive_of_it_hold_the_same_images(tmp_path, kind):
    root = MAKERS[kind](tmp_path / "data")
    assert content(root) == EXPECTED
    words = description(root)
    others = "2 .bin and .txt files, 1 folder of runs, 1 hidden file"
    assert words == f"4 images; not read: {others}, the folders $RECYCLE.BIN, @eaDir and __MACOSX"


@pytest.mark.parametrize("inner", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("outer", ["folder", "zip", "stored zip", "tar", "tar.gz"])
def test_an_archive_in_a_folder_or_archive_stands_for_it(tmp_path, inner, outer):
    packed = {f"train.{inner}": MAKERS[inner](tmp_path / "inner").read_bytes(), "readme.md": b"read me"}
    if outer == "folder":
        root = write_files(tmp_path / "outer", packed)
    elif outer == "stored zip":
        root = tmp_path / "outer"
        with zipfile.ZipFile(root, "w", zipfile.ZIP_STORED) as archive:
            for name, data in packed.items():
                archive.writestr(name, data)
    else:
        root = {"zip": write_zip, "tar": write_tar, "tar.gz": lambda p, f: write_tar(p, f, "w:gz")}[outer](
            tmp_path / "outer", packed
        )
    assert content(root) == EXPECTED


def test_several_archives_in_a_folder_are_named(tmp_path):
    packed = MAKERS["zip"](tmp_path / "inner").read_bytes()
    root = write_files(tmp_path / "outer", {"a.zip": packed, "b.zip": packed})
    with pytest.raises(UserError, match=r"holds no images, but 2 archives: a\.zip, b\.zip"):
        content(root)


def test_temporary_files_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(archives.tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    root = MAKERS["tar.gz"](tmp_path / "data")
    with open_image_files(root) as files:
        assert list((tmp_path / "tmp").iterdir())
        assert files.read(files.entries[0]) == b"one"
    assert not list((tmp_path / "tmp").iterdir())


def test_what_does_not_fit_on_the_disk_is_not_unpacked(tmp_path, monkeypatch):
    root = MAKERS["tar.gz"](tmp_path / "data")
    full = shutil._ntuple_diskusage(10**12, 10**12 - 10**6, 10**6)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: full)
    with pytest.raises(UserError, match="has to be unpacked") as caught:
        content(root)
    assert "TMPDIR" in caught.value.hint


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_that_is_no_tar_is_refused(tmp_path, compress):
    (tmp_path / "data.gz").write_bytes(compress(b"some text" * 1000))
    with pytest.raises(UserError, match="cut off, damaged or not an archive of images"):
        content(tmp_path / "data.gz")


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_a_truncated_tar_is_refused_or_read_without_its_end(tmp_path, kind, part):
    root = MAKERS[kind](tmp_path / "data")
    data = root.read_bytes()
    root.write_bytes(data[: int(part * len(data))])
    found = {}
    with contextlib.suppress(UserError, ValueError):
        found = content(root)
    assert found.items() <= EXPECTED.items()


def test_links_of_a_tar_are_counted_and_not_followed(tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    root = write_tar(tmp_path / "data.tar", {"1.png": b"one"})
    with tarfile.open(root, "a") as archive:
        link = tarfile.TarInfo("2.png")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        archive.addfile(link)
    assert content(root) == {"1.png": b"one"}
    assert description(root) == "1 image; not read: 1 link"


@pytest.mark.parametrize("text", ["猫", "Ünï"])
def test_names_in_utf_8_without_the_flag_are_read_as_such(tmp_path, text):
    raw = text.encode()
    stand_in = b"X" * len(raw)
    write_zip(tmp_path / "d.zip", {f"{stand_in.decode()}/{n}.png": b"1" for n in range(2)})
    data = (tmp_path / "d.zip").read_bytes().replace(stand_in + b"/", raw + b"/")
    (tmp_path / "d.zip").write_bytes(data)
    assert list(content(tmp_path / "d.zip")) == [f"{text}/0.png", f"{text}/1.png"]


def test_names_of_another_encoding_are_reported(tmp_path):
    raw = "猫犬".encode("cp932")
    write_zip(tmp_path / "d.zip", {f"XXXX/{n}.png": b"1" for n in range(2)})
    data = (tmp_path / "d.zip").read_bytes().replace(b"XXXX/", raw + b"/")
    (tmp_path / "d.zip").write_bytes(data)
    assert "its file names are not in UTF-8" in description(tmp_path / "d.zip")


def test_a_zip_packed_by_windows_is_refused_with_a_way_out(tmp_path):
    write_zip(tmp_path / "d.zip", {"1.png": b"1" * 100})
    data = bytearray((tmp_path / "d.zip").read_bytes())
    for mark, at in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        data[data.find(mark) + at : data.find(mark) + at + 2] = b"\x09\0"
    (tmp_path / "d.zip").write_bytes(data)
    with pytest.raises(UserError, match="Deflate64, as Windows packs") as caught:
        content(tmp_path / "d.zip")
    assert "pack it again" in caught.value.hint


def test_a_single_image_is_no_dataset(tmp_path):
    (tmp_path / "x.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UserError, match="is a single image"):
        content(tmp_path / "x.jpg")


def test_a_file_that_is_named_whole_is_found_without_a_search():
    class Unsearchable(dict):
        def __iter__(self):
            raise AssertionError("a WebDataset asks for one file per image")

    assert archives.find_by_end(Unsearchable({"a/1.cls": 0}), "a/1.cls") == "a/1.cls"
    assert archives.find_by_end({"top/a/1.cls": 0, "top/a/b/1.cls": 0}, "1.CLS") == "top/a/1.cls"
