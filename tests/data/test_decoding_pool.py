"""Decoding on all cores: the same pixels in the same order, in threads or processes, even if a process is killed."""

import contextlib
import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dcgan.core.errors import UserError
from dcgan.data import decoding, decoding_pool
from dcgan.data.decoding import SkippedImage
from dcgan.data.decoding_pool import decode_all
from dcgan.data.image_files import ImageFile, ImageFiles
from dcgan.data.listing import open_image_files
from dcgan.data.transforms import CropResize
from tests.support.synthetic_datasets import numbered_images, write_files, write_zip

TRANSFORM = CropResize((8, 8), None, 3)
ROOT = Path(__file__).parents[2]

PROGRAM = """
from dcgan.data import decoding_pool
from dcgan.data.listing import open_image_files
from dcgan.data.transforms import CropResize
from pathlib import Path
decoding_pool.MIN_FILES_FOR_PROCESSES = 0
with open_image_files(Path({root!r})) as image_files:
    decoded = decoding_pool.decode_all(image_files, CropResize((8, 8), None, 3), 2)
    first = next(decoded)
    {then}
"""


def numbers(rows):
    """The numbers of decoded images."""
    return [int(row[3, 3, 0]) + 256 * int(row[3, 3, 1]) for row in rows]


def is_running(pid):
    """Whether a process has not ended; one that its parent did not wait for yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def always_processes(monkeypatch):
    monkeypatch.setattr(decoding_pool, "MIN_FILES_FOR_PROCESSES", 0)


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("workers", [1, 3])
def test_images_come_in_the_order_of_their_names(tmp_path, zipped, workers):
    files = numbered_images(300)
    root = write_zip(tmp_path / "images.zip", files) if zipped else write_files(tmp_path / "images", files)
    with open_image_files(root) as image_files:
        assert numbers(decode_all(image_files, TRANSFORM, workers)) == list(range(300))


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_processes_give_the_same_as_threads_and_end_with_the_work(tmp_path, always_processes, zipped):
    files = numbered_images(200) | {"00100x.png": b"broken"}
    root = write_zip(tmp_path / "images.zip", files) if zipped else write_files(tmp_path / "images", files)
    with open_image_files(root) as image_files:
        decoded = decode_all(image_files, TRANSFORM, 2)
        results = [next(decoded)]
        assert 1 <= len(multiprocessing.active_children()) <= 2
        results += decoded
    assert results.pop(101) == SkippedImage("00100x.png", "it is a text, not an image")
    assert numbers(results) == list(range(200))
    assert multiprocessing.active_children() == []


def test_a_file_that_disappears_is_skipped_in_a_process_too(tmp_path, always_processes):
    with open_image_files(write_files(tmp_path / "images", numbered_images(20))) as image_files:
        (tmp_path / "images/00007.png").unlink()
        results = list(decode_all(image_files, TRANSFORM, 2))
    assert results.pop(7) == SkippedImage("00007.png", "No such file or directory")
    assert numbers(results) == [n for n in range(20) if n != 7]


def test_a_killed_process_costs_no_image(tmp_path, always_processes):
    with open_image_files(write_files(tmp_path / "images", numbered_images(1200))) as image_files:
        decoded = decode_all(image_files, TRANSFORM, 2)
        first = next(decoded)
        for process in multiprocessing.active_children():
            os.kill(process.pid, signal.SIGKILL)
        assert numbers([first, *decoded]) == list(range(1200))


# A thread of Python's own pool may meet a process that starts while the pool breaks.
@pytest.mark.filterwarnings("default::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("python", ["/nowhere/python", "/bin/false"])
def test_processes_that_can_not_start_are_replaced_by_threads(tmp_path, always_processes, monkeypatch, python):
    monkeypatch.setattr("multiprocessing.spawn.get_executable", lambda: python.encode())
    with open_image_files(write_files(tmp_path / "images", numbered_images(100))) as image_files:
        assert numbers(decode_all(image_files, TRANSFORM, 2)) == list(range(100))


@pytest.mark.parametrize("error", [ValueError("bad value(s) in fds_to_keep"), OSError(9, "Bad file descriptor")])
def test_a_pool_that_breaks_while_a_process_starts_is_replaced_by_threads(
    tmp_path, always_processes, monkeypatch, error
):
    def fail(*args):
        raise error

    monkeypatch.setattr("multiprocessing.util.spawnv_passfds", fail)
    with open_image_files(write_files(tmp_path / "images", numbered_images(100))) as image_files:
        assert numbers(decode_all(image_files, TRANSFORM, 2)) == list(range(100))


def test_a_system_without_semaphores_decodes_in_threads(tmp_path, always_processes, monkeypatch):
    def refuse(*args, **options):
        raise NotImplementedError("no semaphores")

    monkeypatch.setattr(decoding_pool, "ProcessPoolExecutor", refuse)
    with open_image_files(write_files(tmp_path / "images", numbered_images(100))) as image_files:
        assert numbers(decode_all(image_files, TRANSFORM, 2)) == list(range(100))


def test_a_consumer_that_stops_early_leaves_no_process_behind(tmp_path, always_processes):
    with open_image_files(write_files(tmp_path / "images", numbered_images(1200))) as image_files:
        decoded = decode_all(image_files, TRANSFORM, 2)
        next(decoded)
        assert multiprocessing.active_children()
        decoded.close()
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("from_file", [False, True], ids=["standard input", "a script"])
def test_processes_do_not_run_an_unguarded_main_module_again(tmp_path, from_file):
    root = write_files(tmp_path / "images", numbered_images(100))
    program = PROGRAM.format(root=str(root), then="print(1 + len(list(decoded)))")
    (tmp_path / "script.py").write_text(program)
    command = [sys.executable, str(tmp_path / "script.py")] if from_file else [sys.executable]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, input=program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("100\n", "")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc for processes")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_their_parent_and_print_nothing_on_ctrl_c(tmp_path, how):
    root = write_files(tmp_path / "images", numbered_images(100))
    then = (
        "import multiprocessing, signal, time\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores Ctrl-C\n"
        "    print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "    time.sleep(60)"
    )
    program = PROGRAM.format(root=str(root), then=then)
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert workers
    assert all(is_running(pid) for pid in workers)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(parent.pid, how) if how == signal.SIGINT else parent.kill()
    errors = parent.communicate(timeout=30)[1]
    deadline = time.monotonic() + 30
    while any(is_running(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_running(pid) for pid in workers)
    assert errors.count("Traceback") == (1 if how == signal.SIGINT else 0)  # the parent's own


def test_a_few_images_are_decoded_without_processes(tmp_path):
    with open_image_files(write_files(tmp_path / "images", numbered_images(250))) as image_files:
        decoded = decode_all(image_files, TRANSFORM, 2)
        first = next(decoded)
        assert multiprocessing.active_children() == []
        assert numbers([first, *decoded]) == list(range(250))


def test_only_a_few_chunks_are_decoded_ahead_of_the_consumer(tmp_path):
    files = []
    image_files = ImageFiles(tmp_path, tuple(ImageFile(f"{n:05d}", 0, 0) for n in range(1400)), files.append)
    decoded = decode_all(image_files, TRANSFORM, workers=2)
    next(decoded)
    assert len(files) <= 8 * 32
    decoded.close()


@pytest.mark.parametrize(
    ("size", "transform", "chunks"),
    [
        (1000, TRANSFORM, [32, 32, 6]),
        (3_000_000, TRANSFORM, [1] * 70),
        (1000, CropResize((1024, 1024), None, 3), [1] * 70),
    ],
    ids=["many small files", "large files", "large results"],
)
def test_a_task_is_a_number_of_images_or_of_megabytes(size, transform, chunks):
    entries = [ImageFile(f"{n}", size, 0) for n in range(70)]
    parts = list(decoding_pool.split_into_chunks(entries, transform))
    assert [len(part) for part in parts] == chunks
    assert [entry for part in parts for entry in part] == entries


class Flaky:
    """Reads files, and fails with an error of the system the first few times."""

    def __init__(self, read, failures):
        self.read, self.failures = read, failures

    def __call__(self, entry):
        if entry.name == "00007.png" and self.failures:
            self.failures -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return self.read(entry)


@pytest.mark.parametrize("failures", [1, 3])
def test_a_file_that_can_not_be_read_is_tried_again_and_never_skipped(tmp_path, monkeypatch, failures):
    monkeypatch.setattr(decoding_pool, "READ_RETRY_SECONDS", (0.0, 0.0, 0.0))
    with open_image_files(write_files(tmp_path / "images", numbered_images(20))) as image_files:
        flaky = replace(image_files, read=Flaky(image_files.read, failures))
        if failures < 3:
            assert numbers(decode_all(flaky, TRANSFORM, 2)) == list(range(20))
        else:
            with pytest.raises(UserError, match=r"00007\.png can't be read: Input/output error"):
                list(decode_all(flaky, TRANSFORM, 2))


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "Too many open files.\nToo many files are open: raise"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES)), "Permission denied.\nMake it readable"),
        (MemoryError("no memory"), "no memory"),
        (OSError("image file is truncated"), None),
        (ValueError("broken"), None),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_fault_of_the_machine_while_decoding_is_not_remembered_as_one_of_the_image(
    tmp_path, monkeypatch, error, raised
):
    def fail(*_):
        raise error

    write_files(tmp_path / "images", numbered_images(3))
    with open_image_files(tmp_path / "images") as image_files:
        monkeypatch.setattr(decoding, "open_image", fail)
        if raised is None:
            assert all(isinstance(result, SkippedImage) for result in decode_all(image_files, TRANSFORM, 1))
            return
        with pytest.raises(MemoryError if isinstance(error, MemoryError) else UserError, match=raised):
            list(decode_all(image_files, TRANSFORM, 1))
