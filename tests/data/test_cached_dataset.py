"""Preparing: once, on all cores, in order, without the few broken pictures, and one process at a time."""

import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import filelock
import numpy as np
import pytest
from PIL import Image

from dcgan.core.errors import UserError
from dcgan.data import dataset_cache
from dcgan.data.decoding import SkippedImage, decode
from dcgan.data.image_files import open_image_files
from dcgan.data.transforms import CropResize
from tests.support.made_data import encode, plain, write_files, write_zip

CUT = CropResize((8, 8), None, 3)


def numbered(count):
    """Pictures whose colour is their number."""
    return {f"{n:05d}.png": plain((n % 256, n // 256, 7), (9, 10)) for n in range(count)}


def pack(root, cache_dir, cut=CUT):
    with open_image_files(root) as listing:
        return dataset_cache.cached_dataset("folder", listing, cut, cache_dir)


def test_the_store_is_made_once_and_again_when_a_picture_changes(tmp_path):
    root = write_files(tmp_path / "p", numbered(12))
    first = pack(root, tmp_path / "s")
    born = (first.folder / "images.npy").stat().st_mtime_ns
    assert first.folder.name.startswith("folder-8x8-")
    assert (pack(root, tmp_path / "s").folder / "images.npy").stat().st_mtime_ns == born
    write_files(root, {"00003.png": plain((1, 1, 1))})
    again = pack(root, tmp_path / "s")
    assert again.folder == first.folder
    assert (again.images[3] == 1).all()
    assert (first.images[3] != 1).any()


def test_each_size_crop_and_number_of_channels_has_a_store_of_its_own(tmp_path):
    root = write_files(tmp_path / "p", numbered(2))
    cuts = [CUT, CropResize((16, 16), None, 3), CropResize((8, 8), 8, 3), CropResize((8, 8), None, 1)]
    assert len({pack(root, tmp_path / "s", cut).folder for cut in cuts}) == 4


def test_by_default_stores_lie_in_the_users_cache(tmp_path):
    folder = pack(write_files(tmp_path / "p", numbered(1)), None).folder
    assert folder.parent == tmp_path / "cache/dcgan"  # as tests/conftest.py has it


def bomb(width, height):
    """A PNG that says it is larger than it is."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return plain()[:8] + chunk + plain()[33:]


BROKEN = {
    "a text": (b"hello", "no picture of a known format"),
    "empty": (b"", "no picture of a known format"),
    "an SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture of a known format"),
    "half a PNG": (encode(np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8))[:4000], "truncated"),
    "half a JPEG": (encode(Image.effect_noise((200, 200), 90), "JPEG")[:3000], "truncated"),
    "too large to be true": (bomb(10_000, 10_000), "more pixels than is sane"),
    "far too large to be true": (bomb(100_000, 100_000), "more pixels than is sane"),
    "PostScript, which would start a program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "known format"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_picture_is_skipped_and_named_with_the_reason(tmp_path, kind):
    data, reason = BROKEN[kind]
    store = pack(write_files(tmp_path / "p", numbered(12) | {"00004x.png": data}), tmp_path / "s")
    assert [skipped.name for skipped in store.skipped] == ["00004x.png"]
    assert reason in store.skipped[0].reason
    assert store.images[:, 0, 0, 0].tolist() == list(range(12))


def test_one_broken_picture_in_ten_is_borne_and_more_are_not(tmp_path, capsys):
    root = write_files(tmp_path / "p", numbered(18) | {"x.png": b"", "y.png": b""})
    assert len(pack(root, tmp_path / "s").images) == 18
    write_files(root, {"z.png": b""})
    with pytest.raises(UserError, match="More than 1 in 10 of the 21 pictures") as caught:
        pack(root, tmp_path / "t")
    assert "x.png (it is no picture of a known format)" in caught.value.hint
    assert [path.name for path in (tmp_path / "t").iterdir() if not path.name.endswith(".lock")] == []


def test_an_encrypted_zip_is_refused_with_the_reason(tmp_path):
    data = bytearray(write_zip(tmp_path / "p.zip", {"1.png": plain()}).read_bytes())
    struct.pack_into("<H", data, data.index(b"PK\x01\x02") + 8, 1)
    (tmp_path / "p.zip").write_bytes(data)
    with pytest.raises(UserError, match="can't be used") as caught:
        pack(tmp_path / "p.zip", tmp_path / "s")
    assert "it is encrypted" in caught.value.hint


def test_who_comes_second_waits_and_finds_the_work_done(tmp_path, capsys):
    root = write_files(tmp_path / "p", numbered(5))
    with open_image_files(root) as listing:
        folder = dataset_cache.cache_path("folder", listing, CUT, tmp_path / "s")
    folder.parent.mkdir()
    with filelock.FileLock(folder.with_name(f".{folder.name}.lock")):
        second = threading.Thread(target=pack, args=(root, tmp_path / "s"))
        second.start()
        second.join(1.5)
        assert second.is_alive()
        assert not folder.exists()
    second.join(10)
    assert folder.exists()
    assert "waiting" in capsys.readouterr().err


def test_two_processes_at_once_make_one_store(tmp_path):
    root = write_files(tmp_path / "p", numbered(200))
    program = (
        "import sys; from pathlib import Path; from dcgan import data; from dcgan.config import PrepareConfig;"
        "data.prepare(PrepareConfig('folder', data_dir=Path(sys.argv[1]), cache_dir=Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", program, str(root), str(tmp_path / "s")]
    root_of_package = Path(__file__).parents[2]
    both = [subprocess.Popen(command, cwd=root_of_package, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert sum("200 pictures, once" in text for text in told) == 1
    assert len([path for path in (tmp_path / "s").iterdir() if path.is_dir()]) == 1


def test_a_store_folder_that_can_not_be_made_is_told(tmp_path):
    root = write_files(tmp_path / "p", numbered(1) | {"file": b""})
    with pytest.raises(UserError, match="can't be written to") as caught:
        pack(root, root / "file/stores")
    assert "--cache-dir" in caught.value.hint


def test_a_log_gets_lines_and_a_terminal_a_bar(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(dataset_cache, "_SECONDS_A_LINE", 0)
    pack(write_files(tmp_path / "p", numbered(3)), tmp_path / "s")
    assert capsys.readouterr().err.splitlines()[0] == f"Preparing {tmp_path / 'p'}: 3 pictures, once."
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    pack(write_files(tmp_path / "q", numbered(3)), tmp_path / "s")
    assert "3/3" in capsys.readouterr().err


def test_names_that_are_no_text_can_still_be_told():
    assert dataset_cache.describe([SkippedImage("caf\udce9.png", "why")]) == "caf\\udce9.png (why)"


def test_decoding_never_takes_a_picture_for_another_format():
    with pytest.raises(Image.UnidentifiedImageError):
        decode(encode(Image.new("RGB", (8, 8)), "TIFF"), CUT)
