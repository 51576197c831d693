"""Which files of a folder or a zip are images, and in which order."""

import contextlib
import os
import stat
import struct
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcgan.core.errors import UserError
from dcgan.data import image_files as module
from dcgan.data.listing import open_image_files
from tests.support.synthetic_datasets import solid_image, write_files, write_zip

FILES = {
    "b.png": b"1",
    "a/c.JPG": b"22",
    "a/B.jpeg": b"333",
    "a/deep/er/x.webp": b"4",
    "ä.gif": b"5",
    "B.bmp": b"6",
}
IGNORED = {
    ".hidden.png": b"",
    ".git/a.png": b"",
    "__MACOSX/a/._c.jpg": b"",
    "a/Thumbs.db": b"",
    "notes.txt": b"",
    "png": b"",
    "a/c.jpg.part": b"",
}
ORDER = ["B.bmp", "a/B.jpeg", "a/c.JPG", "a/deep/er/x.webp", "b.png", "ä.gif"]  # by code point, in every locale


def listed(root):
    with open_image_files(root) as image_files:
        return {entry.name: image_files.read(entry) for entry in image_files.entries}


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_images_are_listed_by_their_endings_in_one_order_and_other_files_ignored(tmp_path, zipped):
    files = dict(reversed((FILES | IGNORED).items()))
    root = write_zip(tmp_path / "p.zip", files) if zipped else write_files(tmp_path / "p", files)
    found = listed(root)
    assert list(found) == ORDER
    assert found == FILES


def test_the_copies_of_a_mac_are_no_images_of_a_zip(tmp_path):
    inside = {"top/cats/1.png": b"1", "top/dogs/2.png": b"2", "__MACOSX/top/._1.png": b""}
    assert list(listed(write_zip(tmp_path / "p.zip", inside))) == ["top/cats/1.png", "top/dogs/2.png"]


def test_a_zip_made_on_windows_with_backslashes_has_folders_too(tmp_path):
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for name in ("cats\\1.png", "dogs\\2.png"):
            archive.writestr(zipfile.ZipInfo(name), b"1")
    assert list(listed(tmp_path / "p.zip")) == ["cats/1.png", "dogs/2.png"]


def test_cyclic_links_end_and_every_image_is_listed_once(tmp_path):
    root = write_files(tmp_path / "p", {"a/1.png": b"1", "b/2.png": b"2"})
    (root / "a/up").symlink_to(root, target_is_directory=True)
    (root / "b/self").symlink_to(root / "b", target_is_directory=True)
    (root / "broken.png").symlink_to(root / "nothing.png")
    assert list(listed(root)) == ["a/1.png", "b/2.png"]


def test_links_to_images_and_folders_elsewhere_are_followed(tmp_path):
    elsewhere = write_files(tmp_path / "elsewhere", {"x/1.png": b"1", "2.png": b"2"})
    root = tmp_path / "p"
    root.mkdir()
    (root / "x").symlink_to(elsewhere / "x", target_is_directory=True)
    (root / "y.png").symlink_to(elsewhere / "2.png")
    assert listed(root) == {"x/1.png": b"1", "y.png": b"2"}


def fingerprint(root):
    with open_image_files(root) as image_files:
        return image_files.fingerprint


def test_the_fingerprint_stays_when_the_folder_moves_and_changes_with_any_image(tmp_path):
    root = write_files(tmp_path / "p", {"1.png": b"1", "2.png": b"2"})
    first = fingerprint(root)
    assert fingerprint(root.rename(tmp_path / "moved")) == first
    root = tmp_path / "moved"
    write_files(root, {"notes.txt": b"new"})
    assert fingerprint(root) == first
    write_files(root, {"1.png": b"other"})
    second = fingerprint(root)
    (root / "2.png").rename(root / "3.png")
    assert len({first, second, fingerprint(root)}) == 3


def test_the_fingerprint_of_a_zip_depends_on_its_content_and_not_on_its_date(tmp_path):
    one, two = (write_zip(tmp_path / f"{n}.zip", {"1.png": b"1"}) for n in "ab")
    other = write_zip(tmp_path / "c.zip", {"1.png": b"2"})
    assert fingerprint(one) == fingerprint(two) != fingerprint(other)


def refused(root, problem):
    with pytest.raises(UserError, match=problem) as caught, open_image_files(root):
        pass
    assert len(str(caught.value).splitlines()) <= 2
    return caught.value


def test_a_missing_root_or_one_without_images_is_refused(tmp_path):
    refused(tmp_path / "nowhere", "does not exist")
    refused(write_files(tmp_path / "p", {"a.txt": b""}), "holds no images")
    refused(write_zip(tmp_path / "empty.zip", {}), "holds no images")


def test_a_device_or_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.zip")  # opening it would wait forever
    refused(tmp_path / "pipe.zip", "neither a folder nor a file")


def test_a_lack_of_permission_is_reported(tmp_path, monkeypatch):
    def forbid(*args, **options):
        raise PermissionError(13, os.strerror(13))

    zipped = write_zip(tmp_path / "p.zip", {"1.png": b"1"})
    unpacked = write_files(tmp_path / "p", {"1.png": b"1"})
    monkeypatch.setattr(type(tmp_path), "open", forbid)
    monkeypatch.setattr(os, "scandir", forbid)
    refused(zipped, "p.zip can't be read: Permission denied")
    refused(unpacked, "p can't be read: Permission denied")


def test_an_entry_of_a_zip_without_a_name_is_ignored(tmp_path):
    data = write_zip(tmp_path / "p.zip", {"1.png": b"1", "2.png": b"2"}).read_bytes()
    (tmp_path / "p.zip").write_bytes(data.replace(b"2.png", b"\0.png"))  # zipfile ends a name at its first zero
    assert list(listed(tmp_path / "p.zip")) == ["1.png"]


NOT_ZIPS = {
    "it is a web page": b"\n <!DOCTYPE html><html>Please log in</html>",
    "a web page of Google Drive": b"<html><title>Google Drive - Quota exceeded</title></html>",
    "it is a RAR archive": b"Rar!\x1a\x07",
    "the file is empty": b"",
}


@pytest.mark.parametrize("problem", NOT_ZIPS)
def test_a_file_that_is_not_a_zip_is_recognized_by_its_content(tmp_path, problem):
    (tmp_path / "p.zip").write_bytes(NOT_ZIPS[problem])
    refused(tmp_path / "p.zip", problem)


def test_a_truncated_zip_is_recognized(tmp_path):
    data = write_zip(tmp_path / "p.zip", {"1.png": solid_image(), "2.png": solid_image()}).read_bytes()
    (tmp_path / "p.zip").write_bytes(data[: len(data) // 2])
    refused(tmp_path / "p.zip", "cut off or damaged")


def test_names_that_lead_out_of_the_zip_write_nothing(tmp_path):
    root = write_zip(tmp_path / "p.zip", {"../../x.png": b"1", "/y.png": b"2"})
    assert sorted(listed(root).values()) == [b"1", b"2"]
    assert [path.name for path in tmp_path.rglob("*.png")] == []


def test_a_file_that_claims_to_be_huge_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 1000)
    big = {"1.png": bytes(1001)}
    for root in (write_files(tmp_path / "p", big), write_zip(tmp_path / "p.zip", big, zipfile.ZIP_DEFLATED)):
        with open_image_files(root) as image_files, pytest.raises(ValueError, match="larger than"):
            image_files.read(image_files.entries[0])


def test_an_encrypted_file_is_recognized(tmp_path):
    data = bytearray(write_zip(tmp_path / "p.zip", {"1.png": b"1"}).read_bytes())
    directory = data.index(b"PK\x01\x02")
    struct.pack_into("<H", data, directory + 8, 1)  # the flags of the central directory
    (tmp_path / "p.zip").write_bytes(data)
    with open_image_files(tmp_path / "p.zip") as image_files, pytest.raises(ValueError, match="encrypted"):
        image_files.read(image_files.entries[0])


ZIP_FILES = {"1.png": solid_image(), "a/2.png": solid_image((0, 0, 0))}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    damage=st.dictionaries(st.integers(0, 600), st.integers(0, 255), max_size=4), length=st.none() | st.integers(0, 600)
)
def test_any_damage_to_a_zip_is_a_user_error_or_an_error_of_one_file(tmp_path, damage, length):
    data = bytearray(write_zip(tmp_path / "p.zip", ZIP_FILES).read_bytes())
    for position, byte in damage.items():
        data[-1 - position % len(data)] = byte
    (tmp_path / "p.zip").write_bytes(data[:length])
    with contextlib.suppress(UserError), open_image_files(tmp_path / "p.zip") as image_files:
        for entry in image_files.entries:
            with contextlib.suppress(Exception):  # of any type: the image is skipped
                assert isinstance(image_files.read(entry), bytes)


@pytest.mark.parametrize("inode", [0, 7])
def test_folders_with_one_inode_number_are_told_apart(tmp_path, monkeypatch, inode):
    """Some network drives give every folder the same inode number."""
    write_files(tmp_path, {"a/1.png": b"png", "b/2.png": b"png", "b/c/3.png": b"png"})
    (tmp_path / "b" / "d").symlink_to(tmp_path / "b")
    real = os.stat

    def same_inode(path, *args, **options):
        values = list(real(path, *args, **options))
        values[stat.ST_INO] = inode
        return os.stat_result(values)

    monkeypatch.setattr(os, "stat", same_inode)
    with open_image_files(tmp_path) as image_files:
        assert image_files.names == ["a/1.png", "b/2.png", "b/c/3.png"]


def test_an_image_of_the_same_size_and_modification_time_changes_the_fingerprint(tmp_path):
    file = write_files(tmp_path, {"1.png": b"png"}) / "1.png"
    with open_image_files(tmp_path) as image_files:
        before = image_files.fingerprint
    status = file.stat()
    time.sleep(0.02)  # longer than the clock of a file system
    file.write_bytes(b"pnx")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    with open_image_files(tmp_path) as image_files:
        assert image_files.fingerprint != before


def test_a_list_of_many_files_takes_little_memory_per_file(tmp_path):
    """A million files take less than 300 MB while they are listed, and nothing more for the fingerprint."""
    peaks = []
    for count in (300, 1300):
        root = write_files(tmp_path / f"{count}", {f"a/{n:07d}.png": b"" for n in range(count)})
        tracemalloc.start()
        with open_image_files(root) as files:
            listed, listing = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            assert files.fingerprint
            peaks.append(np.array((listing, tracemalloc.get_traced_memory()[1] - listed)))
        tracemalloc.stop()
    while_listed, for_fingerprint = (peaks[1] - peaks[0]) / 1000
    assert while_listed < 300
    assert for_fingerprint < 20
