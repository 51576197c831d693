"""The dataset cache: complete or absent, prepared once, and used only for what it was made from."""

import contextlib
import errno
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import filelock
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dcgan.core.checksum import checksum_of_json
from dcgan.core.errors import UserError
from dcgan.data import dataset_cache, preparation
from dcgan.data.dataset_cache import open_cache, write_cache
from dcgan.data.decoding import SkippedImage, decode
from dcgan.data.listing import open_image_files
from dcgan.data.transforms import CropResize
from tests.support.synthetic_datasets import encode_image, numbered_images, solid_image, write_files, write_zip

TRANSFORM = CropResize((8, 8), None, 3)
SHAPE = (8, 12, 3)
IMAGES = np.random.default_rng(5).integers(0, 256, (4, *SHAPE), np.uint8)
SKIPPED = SkippedImage("b.png", "it is not an image")
SOURCE = {"source": "abc", "size": [8, 12], "crop": None}


def write(folder, source=SOURCE):
    write_cache(folder, source, SHAPE, [*IMAGES[:2], SKIPPED, *IMAGES[2:]])
    return folder


def test_a_cache_is_read_back_memory_mapped_with_the_skipped_images(tmp_path):
    cache = open_cache(write(tmp_path / "s"), SOURCE)
    assert isinstance(cache.images, np.memmap)
    assert not cache.images.flags.writeable
    np.testing.assert_array_equal(cache.images, IMAGES)
    assert cache.digest == hashlib.sha256(IMAGES.tobytes()).hexdigest()
    assert cache.skipped == (SKIPPED,)


def test_numpy_opens_the_images_without_this_package(tmp_path):
    np.testing.assert_array_equal(np.load(write(tmp_path / "s") / "images.npy"), IMAGES)


def test_a_cache_of_another_source_or_option_is_not_used(tmp_path):
    write(tmp_path / "s")
    assert open_cache(tmp_path / "s", SOURCE | {"crop": 108}) is None
    assert open_cache(tmp_path / "elsewhere", SOURCE) is None


def test_a_new_cache_replaces_the_old_one_and_readers_of_the_old_one_keep_their_pixels(tmp_path):
    old = open_cache(write(tmp_path / "s"), SOURCE)
    write_cache(tmp_path / "s", SOURCE, SHAPE, IMAGES[::-1])
    np.testing.assert_array_equal(open_cache(tmp_path / "s", SOURCE).images, IMAGES[::-1])
    np.testing.assert_array_equal(old.images, IMAGES)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_failure_leaves_the_old_cache_and_nothing_else(tmp_path):
    def broken():
        yield IMAGES[0]
        raise UserError("Too many can't be read.")

    write(tmp_path / "s")
    with pytest.raises(UserError, match="Too many"):
        write_cache(tmp_path / "s", SOURCE, SHAPE, broken())
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    assert open_cache(tmp_path / "s", SOURCE) is not None


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    program = """
import os, sys
from pathlib import Path
from dcgan.data.dataset_cache import write_cache
write_cache(Path(sys.argv[1]), {}, (8, 12, 3), (os._exit(9) for _ in range(1)))
"""
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "s")], cwd=Path(__file__).parents[2])
    assert killed.returncode == 9
    assert list(tmp_path.rglob("images.npy"))
    write(tmp_path / "s")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_full_disk_is_reported_and_the_incomplete_cache_removed(tmp_path):
    def until_full():
        yield IMAGES[0]
        raise OSError(28, os.strerror(28))  # as the file's own write would

    with pytest.raises(UserError, match="No space left") as caught:
        write_cache(tmp_path / "s", SOURCE, SHAPE, until_full())
    assert "Free some space" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_write_permission_is_reported(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="can't be written") as caught:
        write(tmp_path / "file/s")
    assert "--cache-dir" in caught.value.hint


def edited(**changes):
    def damage(folder):
        manifest = json.loads((folder / "manifest.json").read_text()) | changes
        del manifest["checksum"]
        manifest["checksum"] = checksum_of_json(manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return damage


def truncated(name, size):
    return lambda folder: os.truncate(folder / name, size)


DAMAGE = {
    "images truncated": truncated("images.npy", 500),
    "images empty": truncated("images.npy", 0),
    "images too long": truncated("images.npy", 5000),
    "images missing": lambda folder: (folder / "images.npy").unlink(),
    "images of something else": lambda folder: np.save(folder / "images.npy", IMAGES.astype(np.int8)),
    "manifest truncated": truncated("manifest.json", 20),
    "manifest missing": lambda folder: (folder / "manifest.json").unlink(),
    "manifest of another version": edited(version=0),
    "manifest of more images": edited(shape=[5, *SHAPE]),
    "manifest of more blocks": edited(blocks=[0, 0]),
    "manifest with strange blocks": edited(blocks=["0"]),
    "manifest without a shape": edited(shape=None),
    "manifest with a strange shape": edited(shape=[4, -8, -12, 3]),
    "manifest with a strange list": edited(skipped=[1]),
    "manifest that is a list": lambda folder: (folder / "manifest.json").write_text("[]"),
    "manifest that is not text": lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe\x00"),
    "manifest nested too deeply": lambda folder: (folder / "manifest.json").write_text("[" * 100_000),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_is_ignored_and_can_be_replaced(tmp_path, damage):
    DAMAGE[damage](write(tmp_path / "s"))
    assert open_cache(tmp_path / "s", SOURCE) is None
    assert open_cache(write(tmp_path / "s"), SOURCE) is not None


@pytest.mark.parametrize("name", ["images.npy", "manifest.json"])
def test_a_changed_byte_anywhere_is_noticed_and_said(tmp_path, name, capsys, monkeypatch):
    monkeypatch.setattr(dataset_cache, "BLOCK_BYTES", 2 * IMAGES[0].nbytes)  # two blocks
    file = write(tmp_path / "s") / name
    content = file.read_bytes()
    unnoticed = []
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 4
        file.write_bytes(changed)
        cache = open_cache(tmp_path / "s", SOURCE)
        if cache is not None or "is damaged and is prepared again" not in capsys.readouterr().err:
            unnoticed.append((position, bytes(content[position - 5 : position + 5])))
    assert unnoticed == []
    file.write_bytes(content)
    assert open_cache(tmp_path / "s", SOURCE) is not None


def test_images_are_compared_with_their_checksums_once_per_process(tmp_path, monkeypatch):
    write(tmp_path / "s")
    open_cache(tmp_path / "s", SOURCE)
    checked, real = [], zlib.crc32
    monkeypatch.setattr(zlib, "crc32", lambda data, *start: checked.append(len(data)) or real(data, *start))
    assert open_cache(tmp_path / "s", SOURCE) is not None
    assert IMAGES.nbytes not in checked


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell what is resident")
def test_opening_leaves_the_images_on_the_disk(tmp_path):
    """Mapped pages would count as memory of the process."""
    shape, count = (64, 64, 3), 4000
    write_cache(tmp_path / "s", SOURCE, shape, iter([np.zeros(shape, np.uint8)] * count))
    before = mapped_kilobytes()
    cache = open_cache(tmp_path / "s", SOURCE)
    assert mapped_kilobytes() - before < cache.images.nbytes / 1024 / 4


def mapped_kilobytes():
    return int(re.search(r"RssFile:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def test_a_cache_larger_than_the_address_space_may_be_is_not_prepared_again(tmp_path, monkeypatch):
    write(tmp_path / "s")

    def refuse(*args, **options):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(np, "memmap", refuse)
    with pytest.raises(UserError, match="ulimit -v") as caught:
        open_cache(tmp_path / "s", SOURCE)
    assert "images.npy can't be mapped" in caught.value.problem


def test_a_cache_that_can_not_be_mapped_for_another_reason_is_prepared_again(tmp_path, monkeypatch, capsys):
    write(tmp_path / "s")

    def refuse(*args, **options):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(np, "memmap", refuse)
    assert open_cache(tmp_path / "s", SOURCE) is None
    assert "is damaged and is prepared again: [Errno 5] Input/output error" in capsys.readouterr().err


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda part: st.lists(part, max_size=4)))
def test_opening_raises_for_no_manifest(tmp_path, text):
    if not (tmp_path / "s").exists():
        write(tmp_path / "s")
    manifest = json.loads((tmp_path / "s/manifest.json").read_text())
    for key in set(manifest) - {"checksum"}:
        changed = {name: value for name, value in (manifest | {key: text}).items() if name != "checksum"}
        changed["checksum"] = checksum_of_json(changed)
        (tmp_path / "s/manifest.json").write_text(json.dumps(changed))
        open_cache(tmp_path / "s", SOURCE)


def prepare(root, cache_dir, transform=TRANSFORM):
    with open_image_files(root) as image_files:
        return dataset_cache.cached_dataset("folder", image_files, transform, cache_dir)


def test_a_cache_is_prepared_once_and_again_when_an_image_changes(tmp_path):
    root = write_files(tmp_path / "p", numbered_images(12))
    first = prepare(root, tmp_path / "s")
    born = (first.folder / "images.npy").stat().st_mtime_ns
    assert first.folder.name.startswith("folder-8x8-")
    assert (prepare(root, tmp_path / "s").folder / "images.npy").stat().st_mtime_ns == born
    write_files(root, {"00003.png": solid_image((1, 1, 1))})
    again = prepare(root, tmp_path / "s")
    assert again.folder == first.folder
    assert (again.images[3] == 1).all()
    assert (first.images[3] != 1).any()


def test_each_size_crop_and_number_of_channels_has_its_own_cache(tmp_path):
    root = write_files(tmp_path / "p", numbered_images(2))
    transforms = [TRANSFORM, CropResize((16, 16), None, 3), CropResize((8, 8), 8, 3), CropResize((8, 8), None, 1)]
    assert len({prepare(root, tmp_path / "s", transform).folder for transform in transforms}) == 4


def test_by_default_caches_are_in_the_users_cache_folder(tmp_path):
    folder = prepare(write_files(tmp_path / "p", numbered_images(1)), None).folder
    assert folder.parent == tmp_path / "cache/dcgan"  # as tests/conftest.py sets it


def oversized_png(width, height):
    """A PNG whose header declares more pixels than it has."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return solid_image()[:8] + chunk + solid_image()[33:]


BROKEN = {
    "a text": (b"hello", "a text, not an image"),
    "empty": (b"", "the file is empty"),
    "an SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
    "half a PNG": (encode_image(np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8))[:4000], "truncated"),
    "half a JPEG": (encode_image(Image.effect_noise((200, 200), 90), "JPEG")[:3000], "truncated"),
    "too many pixels": (
        oversized_png(12_000, 12_000),
        "would take 1.1 GiB of memory to decode, more than the limit of 1",
    ),
    "far too many pixels": (oversized_png(100_000, 100_000), "would take 74.5 GiB of memory to decode"),
    "PostScript, which would start a program": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n",
        "a PostScript file",
    ),
}


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_image_is_skipped_and_named_with_the_reason(tmp_path, content):
    data, reason = BROKEN[content]
    cache = prepare(write_files(tmp_path / "p", numbered_images(12) | {"00004x.png": data}), tmp_path / "s")
    assert [skipped.name for skipped in cache.skipped] == ["00004x.png"]
    assert reason in cache.skipped[0].reason
    assert cache.images[:, 0, 0, 0].tolist() == list(range(12))


def test_one_broken_image_in_ten_is_skipped_and_more_are_an_error(tmp_path, capsys):
    root = write_files(tmp_path / "p", numbered_images(18) | {"x.png": b"", "y.png": b""})
    assert len(prepare(root, tmp_path / "s").images) == 18
    write_files(root, {"z.png": b""})
    with pytest.raises(UserError, match="More than 1 in 10 of the 21 images") as caught:
        prepare(root, tmp_path / "t")
    assert "x.png and 2 more (the file is empty)" in caught.value.hint
    assert [path.name for path in (tmp_path / "t").iterdir() if not path.name.endswith(".lock")] == []


def test_an_encrypted_zip_is_refused_with_the_reason(tmp_path):
    data = bytearray(write_zip(tmp_path / "p.zip", {"1.png": solid_image()}).read_bytes())
    struct.pack_into("<H", data, data.index(b"PK\x01\x02") + 8, 1)
    (tmp_path / "p.zip").write_bytes(data)
    with pytest.raises(UserError, match="can't be used") as caught:
        prepare(tmp_path / "p.zip", tmp_path / "s")
    assert "it is encrypted" in caught.value.hint


def test_a_second_process_waits_for_the_first_one(tmp_path, capsys):
    root = write_files(tmp_path / "p", numbered_images(5))
    with open_image_files(root) as image_files:
        folder = dataset_cache.cache_path("folder", image_files, TRANSFORM, tmp_path / "s")
    folder.parent.mkdir()
    with filelock.FileLock(folder.with_name(f".{folder.name}.lock")):
        second = threading.Thread(target=prepare, args=(root, tmp_path / "s"))
        second.start()
        second.join(1.5)
        assert second.is_alive()
        assert not folder.exists()
    second.join(10)
    assert folder.exists()
    assert "waiting" in capsys.readouterr().err


def test_two_processes_at_once_prepare_one_cache(tmp_path):
    root = write_files(tmp_path / "p", numbered_images(200))
    program = (
        "import sys; from pathlib import Path; from dcgan import data; from dcgan.config import PrepareConfig;"
        "data.prepare(PrepareConfig('folder', data_dir=Path(sys.argv[1]), cache_dir=Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", program, str(root), str(tmp_path / "s")]
    root_of_package = Path(__file__).parents[2]
    both = [subprocess.Popen(command, cwd=root_of_package, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], printed
    assert sum("200 images, once" in text for text in printed) == 1
    assert len([path for path in (tmp_path / "s").iterdir() if path.is_dir()]) == 1


def test_what_another_process_prepared_meanwhile_is_used(tmp_path, monkeypatch):
    """It had the build lock when this process looked for the cache, and found none."""
    written = []

    @contextlib.contextmanager
    def lock(path, doing):
        write_cache(path, dataset_cache.made_from(source, TRANSFORM), (8, 8, 3), [np.full((8, 8, 3), 7, np.uint8)])
        written.append(path)
        yield

    monkeypatch.setattr(dataset_cache, "build_lock", lock)
    with open_image_files(write_files(tmp_path / "p", numbered_images(4))) as source:
        cache = dataset_cache.cached_dataset("folder", source, TRANSFORM, tmp_path / "c")
    assert [cache.folder] == written
    assert (cache.images == 7).all()


def test_a_disk_that_gives_back_something_else_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_cache, "open_cache", lambda folder, made_from: None)
    with (
        open_image_files(write_files(tmp_path / "p", numbered_images(4))) as source,
        pytest.raises(UserError, match="could not be read back after it was written"),
    ):
        dataset_cache.cached_dataset("folder", source, TRANSFORM, tmp_path / "c")


def test_a_cache_of_an_earlier_version_is_replaced_without_a_complaint(tmp_path, capsys):
    manifest = write(tmp_path / "s") / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": 1}))
    assert open_cache(tmp_path / "s", SOURCE) is None
    assert capsys.readouterr().err == ""


def test_a_cache_folder_that_can_not_be_created_is_reported(tmp_path):
    root = write_files(tmp_path / "p", numbered_images(1) | {"file": b""})
    with pytest.raises(UserError, match="can't be written") as caught:
        prepare(root, root / "file/caches")
    assert "--cache-dir" in caught.value.hint


def test_a_log_gets_lines_and_a_terminal_a_bar(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(preparation, "_SECONDS_PER_LINE", 0)
    prepare(write_files(tmp_path / "p", numbered_images(3)), tmp_path / "s")
    assert capsys.readouterr().err.splitlines()[0] == f"Preparing {tmp_path / 'p'}: 3 images, once."
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    prepare(write_files(tmp_path / "q", numbered_images(3)), tmp_path / "s")
    assert "3/3" in capsys.readouterr().err


def test_names_that_are_not_utf_8_can_be_reported():
    assert dataset_cache.describe_skipped([SkippedImage("caf\udce9.png", "why")]) == "caf\\udce9.png (why)"


def test_skipped_images_are_reported_by_reason_so_that_a_frequent_one_hides_no_other():
    skipped = [SkippedImage(f"{n}.png", "empty") for n in range(3)] + [SkippedImage("a.jpg", "page")]
    skipped += [SkippedImage(f"{n}.gif", "pointer") for n in range(5)] + [SkippedImage("b.jpg", "cut off")]
    expected = "0.gif and 4 more (pointer); 0.png and 2 more (empty); a.jpg (page) …"
    assert dataset_cache.describe_skipped(skipped) == expected
    assert dataset_cache.describe_skipped(skipped, limit=4) == expected.replace(" …", "; b.jpg (cut off)")


def test_other_formats_than_the_supported_ones_are_not_decoded():
    with pytest.raises(ValueError, match="a QOI image, which is not read"):
        decode(encode_image(Image.new("RGB", (8, 8)), "QOI"), TRANSFORM)
