"""All cores at work: the same pixels in the same order, whoever decodes them and whatever happens to a helper."""

import io
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dcgan.data import decoding_pool
from dcgan.data.decoding import EncodedImage, SkippedImage
from dcgan.data.decoding_pool import Helpers, decode_all, serve
from dcgan.data.image_files import Entry, open_image_files
from dcgan.data.transforms import CropResize
from tests.support.made_data import plain, write_files, write_zip

CUT = CropResize((8, 8), None, 3)
ROOT = Path(__file__).parents[2]


def numbered(count):
    """Pictures whose colour is their number."""
    return {f"{n:05d}.png": plain((n % 256, n // 256, 7), (9, 10)) for n in range(count)}


def numbers(rows):
    """The numbers of decoded pictures."""
    return [int(row[3, 3, 0]) + 256 * int(row[3, 3, 1]) for row in rows]


@pytest.fixture
def always_helpers(monkeypatch):
    monkeypatch.setattr(decoding_pool, "MANY", 0)


@pytest.fixture
def started(monkeypatch):
    """The helper processes that are started."""
    processes = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **kw: processes.append(popen(*args, **kw)) or processes[-1])
    return processes


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("workers", [1, 3])
def test_pictures_come_in_the_order_of_their_names(tmp_path, packed, workers):
    files = numbered(300)
    root = write_zip(tmp_path / "p.zip", files) if packed else write_files(tmp_path / "p", files)
    with open_image_files(root) as listing:
        assert numbers(decode_all(listing, CUT, workers)) == list(range(300))


def test_helper_processes_give_the_same_as_threads_and_end_with_the_work(tmp_path, always_helpers, started):
    files = numbered(200) | {"00100x.png": b"broken"}
    with open_image_files(write_files(tmp_path / "p", files)) as listing:
        results = list(decode_all(listing, CUT, 2))
    assert results.pop(101) == SkippedImage("00100x.png", "it is no picture of a known format")
    assert numbers(results) == list(range(200))
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)


def test_a_killed_helper_is_made_up_for(tmp_path, always_helpers, started):
    with open_image_files(write_files(tmp_path / "p", numbered(1200))) as listing:
        results = decode_all(listing, CUT, 2)
        first = next(results)
        for process in started:
            os.kill(process.pid, signal.SIGKILL)
        assert numbers([first, *results]) == list(range(1200))


def test_helpers_that_can_not_start_are_done_without(tmp_path, always_helpers, monkeypatch):
    for python in (str(tmp_path / "missing"), "/bin/false"):
        monkeypatch.setattr(sys, "executable", python)
        with open_image_files(write_files(tmp_path / "p", numbered(100))) as listing:
            assert numbers(decode_all(listing, CUT, 2)) == list(range(100))


def test_who_stops_listening_leaves_no_helper_behind(tmp_path, always_helpers, started):
    with open_image_files(write_files(tmp_path / "p", numbered(1200))) as listing:
        results = decode_all(listing, CUT, 2)
        next(results)
        results.close()
    assert started
    assert all(process.poll() is not None for process in started)


def test_helpers_work_for_a_script_that_is_not_guarded_and_comes_from_standard_input(tmp_path):
    root = write_files(tmp_path / "p", numbered(100))
    program = f"""
from dcgan.data import parallel
from dcgan.data.image_files import open_listing
from dcgan.data.transforms import Cut
from pathlib import Path
decoding_pool.MANY = 0
with open_listing(Path({str(root)!r})) as listing:
    print(len(list(decoding_pool.decode_all(listing, Cut((8, 8), None, 3), 2))))
"""
    ran = subprocess.run([sys.executable], input=program, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("100\n", "")


def test_a_few_pictures_are_not_worth_a_process(tmp_path, started):
    with open_image_files(write_files(tmp_path / "p", numbered(50))) as listing:
        assert numbers(decode_all(listing, CUT, 2)) == list(range(50))
    assert started == []


def test_only_a_few_chunks_are_decoded_ahead_of_the_reader(tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(decoding_pool, "_decode_chunk", lambda helpers, listing, chunk, cut: begun.append(1) or chunk)
    with open_image_files(write_files(tmp_path / "p", dict.fromkeys(numbered(1400), b""))) as listing:
        results = decode_all(listing, CUT, workers=2)
        next(results)
        assert len(begun) <= 8
        results.close()


@pytest.mark.parametrize(
    ("size", "cut", "chunks"),
    [(1000, CUT, [32, 32, 6]), (3_000_000, CUT, [1] * 70), (1000, CropResize((1024, 1024), None, 3), [1] * 70)],
    ids=["many small files", "large files", "large results"],
)
def test_a_task_is_some_pictures_or_some_megabytes(size, cut, chunks):
    entries = [Entry(f"{n}", size, 0) for n in range(70)]
    parts = list(decoding_pool._chunks(entries, cut))
    assert [len(part) for part in parts] == chunks
    assert [entry for part in parts for entry in part] == entries


def test_a_helper_answers_tasks_until_there_are_no_more():
    files = [EncodedImage("a.png", plain((1, 2, 3))), SkippedImage("b.png", "why"), EncodedImage("c.png", b"")]
    tasks, results = io.BytesIO(pickle.dumps((files, CUT)) * 2), io.BytesIO()
    serve(tasks, results)
    results.seek(0)
    for _ in range(2):
        pixels, known, new = pickle.load(results)
        np.testing.assert_array_equal(pixels, np.broadcast_to((1, 2, 3), (8, 8, 3)))
        assert (known, new.name) == (files[1], "c.png")
    assert results.read() == b""


def test_a_helper_keeps_its_pipe_clean_and_ends_when_its_parent_does(monkeypatch):
    class Standard:
        def __init__(self):
            self.buffer = io.BytesIO()

    monkeypatch.setattr(sys, "stdin", Standard())
    monkeypatch.setattr(sys, "stdout", Standard())
    monkeypatch.setattr(signal, "signal", lambda *args: None)
    decoding_pool.main()
    assert sys.stdout is sys.stderr


def test_a_thread_without_a_helper_works_itself():
    assert numbers(Helpers().decode([EncodedImage("a.png", plain((5, 1, 0)))], CUT)) == [261]
