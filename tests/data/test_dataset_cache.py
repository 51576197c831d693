"""The packed store: whole or not there, and used only for what it was made from."""

import hashlib
import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcgan.core.errors import UserError
from dcgan.data.dataset_cache import open_cache, write_cache
from dcgan.data.decoding import SkippedImage

SHAPE = (8, 12, 3)
IMAGES = np.random.default_rng(5).integers(0, 256, (4, *SHAPE), np.uint8)
SKIPPED = SkippedImage("b.png", "it is no picture")
SOURCE = {"source": "abc", "size": [8, 12], "crop": None}


def write(folder, source=SOURCE):
    write_cache(folder, source, SHAPE, [*IMAGES[:2], SKIPPED, *IMAGES[2:]])
    return folder


def test_what_is_written_is_read_back_mapped_with_what_was_skipped(tmp_path):
    store = open_cache(write(tmp_path / "s"), SOURCE)
    assert isinstance(store.images, np.memmap)
    assert not store.images.flags.writeable
    np.testing.assert_array_equal(store.images, IMAGES)
    assert store.digest == hashlib.sha256(IMAGES.tobytes()).hexdigest()
    assert store.skipped == (SKIPPED,)


def test_the_images_are_a_file_that_numpy_opens_by_itself(tmp_path):
    np.testing.assert_array_equal(np.load(write(tmp_path / "s") / "images.npy"), IMAGES)


def test_a_store_of_another_source_or_option_is_not_used(tmp_path):
    write(tmp_path / "s")
    assert open_cache(tmp_path / "s", SOURCE | {"crop": 108}) is None
    assert open_cache(tmp_path / "elsewhere", SOURCE) is None


def test_a_new_store_takes_the_place_of_the_old_one_and_readers_of_that_keep_their_pixels(tmp_path):
    old = open_cache(write(tmp_path / "s"), SOURCE)
    write_cache(tmp_path / "s", SOURCE, SHAPE, IMAGES[::-1])
    np.testing.assert_array_equal(open_cache(tmp_path / "s", SOURCE).images, IMAGES[::-1])
    np.testing.assert_array_equal(old.images, IMAGES)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_failure_leaves_nothing_behind_and_the_old_store_in_place(tmp_path):
    def broken():
        yield IMAGES[0]
        raise UserError("Too many can't be read.")

    write(tmp_path / "s")
    with pytest.raises(UserError, match="Too many"):
        write_cache(tmp_path / "s", SOURCE, SHAPE, broken())
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    assert open_cache(tmp_path / "s", SOURCE) is not None


def test_what_a_killed_process_left_is_cleared_away(tmp_path):
    (tmp_path / ".s.writing").mkdir()
    (tmp_path / ".s.writing/images.npy").write_bytes(bytes(100))
    (tmp_path / ".s.old").write_bytes(b"a file where a folder is expected")
    write(tmp_path / "s")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_full_disk_is_told_and_the_part_written_is_removed(tmp_path):
    def until_full():
        yield IMAGES[0]
        raise OSError(28, os.strerror(28))  # as the file's own write would

    with pytest.raises(UserError, match="No space left") as caught:
        write_cache(tmp_path / "s", SOURCE, SHAPE, until_full())
    assert "Free some space" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_can_not_be_written_to_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="can't be written to") as caught:
        write(tmp_path / "file/s")
    assert "--cache-dir" in caught.value.hint


def edited(**changes):
    def damage(folder):
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | changes))

    return damage


def cut(name, size):
    return lambda folder: os.truncate(folder / name, size)


DAMAGE = {
    "images cut off": cut("images.npy", 500),
    "images empty": cut("images.npy", 0),
    "images too long": cut("images.npy", 5000),
    "images gone": lambda folder: (folder / "images.npy").unlink(),
    "images of something else": lambda folder: np.save(folder / "images.npy", IMAGES.astype(np.int8)),
    "manifest cut off": cut("manifest.json", 20),
    "manifest gone": lambda folder: (folder / "manifest.json").unlink(),
    "manifest of another version": edited(version=0),
    "manifest of more images": edited(shape=[5, *SHAPE]),
    "manifest without a shape": edited(shape=None),
    "manifest with a strange shape": edited(shape=[4, -8, -12, 3]),
    "manifest with a strange list": edited(skipped=[1]),
    "manifest that is a list": lambda folder: (folder / "manifest.json").write_text("[]"),
    "manifest that is no text": lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe\x00"),
    "manifest nested without end": lambda folder: (folder / "manifest.json").write_text("[" * 100_000),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_store_counts_as_none_and_is_made_anew(tmp_path, kind):
    DAMAGE[kind](write(tmp_path / "s"))
    assert open_cache(tmp_path / "s", SOURCE) is None
    assert open_cache(write(tmp_path / "s"), SOURCE) is not None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda part: st.lists(part, max_size=4)))
def test_no_manifest_can_make_opening_fail(tmp_path, text):
    if not (tmp_path / "s").exists():
        write(tmp_path / "s")
    for key in ("shape", "skipped", "made_from", "digest"):
        manifest = {"version": 1, "made_from": SOURCE, "shape": [4, *SHAPE], "digest": "", "skipped": []}
        (tmp_path / "s/manifest.json").write_text(json.dumps(manifest | {key: text}))
        open_cache(tmp_path / "s", SOURCE)
