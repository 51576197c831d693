"""Short forms of the programs beside this file, and what a power loss leaves in their model of a disk."""

import shutil
from pathlib import Path

import pytest

from tests.reliability.faults import Call, Disk
from tests.support.programs import run_program

NEEDS_COMPILER = pytest.mark.skipif(
    not (shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")), reason="there is no C compiler"
)


@pytest.mark.slow
@NEEDS_COMPILER
def test_a_system_call_that_fails_or_is_the_last_one_loses_nothing():
    """Of about a thousand calls; the whole program tries them all."""
    output = run_program("tests.reliability.system_calls", "--calls", "1,333,505,981")
    assert "12 of 12 faults survived" in output


@pytest.mark.slow
@NEEDS_COMPILER
def test_a_damaged_file_is_repaired_or_refused_and_never_another_run():
    output = run_program("tests.reliability.damage", "--places", "2", "--only", "step-00000004.npz")
    assert "5 of 5 damages survived" in output
    assert "noticed" in output


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing():
    assert "\n3 kills, 0 problems" in run_program("tests.reliability.kills", "--kills", "3", "--only", "train")


@pytest.mark.slow
def test_a_training_that_a_signal_stops_in_an_evaluation_loses_nothing():
    assert "2 of 2 stops survived" in run_program("tests.reliability.signals", "--times", "1", "--only", "evaluation")


class Trace:
    """Calls on files below a folder, which are done and noted as `faults.c` does it."""

    def __init__(self, folder, scratch):
        self.folder, self.scratch, self.disk, self.calls = folder, scratch, Disk(folder), []

    def note(self, name, path, other=None):
        subject = other or path
        status = subject.stat() if subject.exists() else None
        inode, size = (status.st_ino, status.st_size) if status else (0, 0)
        self.calls.append(Call(len(self.calls), name, path, other or Path(), inode, size, True))

    def write(self, name, text):
        (self.folder / name).write_text(text)
        self.note("create", self.folder / name)

    def sync(self, name=""):
        self.note("fsync", self.folder / name if name else self.folder)

    def rename(self, name, other):
        if (self.folder / other).exists():
            (self.scratch / str((self.folder / other).stat().st_ino)).hardlink_to(self.folder / other)
        (self.folder / name).replace(self.folder / other)
        self.note("rename", self.folder / name, self.folder / other)

    def lose(self):
        self.disk.replay(self.calls)
        self.disk.lose_unsynced(self.scratch)
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_text() for path in files}


@pytest.fixture
def trace(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "scratch").mkdir()
    (tmp_path / "work" / "file").write_text("old")
    return Trace(tmp_path / "work", tmp_path / "scratch")


def test_an_atomic_write_survives_a_power_loss(trace):
    trace.write("temporary", "new")
    trace.sync("temporary")
    trace.rename("temporary", "file")
    trace.sync()
    assert trace.lose() == {"file": "new"}


def test_without_the_flush_of_its_folder_the_old_file_may_be_back(trace):
    trace.write("temporary", "new")
    trace.sync("temporary")
    trace.rename("temporary", "file")
    assert trace.lose() == {"file": "old"}


def test_without_the_flush_of_the_file_its_content_may_be_lost(trace):
    trace.write("temporary", "new")
    trace.rename("temporary", "file")
    trace.sync()
    assert trace.lose() == {"file": ""}


def test_what_is_appended_is_lost_from_the_last_flush_on(trace):
    with (trace.folder / "file").open("a") as file:
        file.write(", flushed")
    trace.sync("file")
    with (trace.folder / "file").open("a") as file:
        file.write(", lost")
    assert trace.lose() == {"file": "old, flushed"}


def test_a_new_folder_is_lost_unless_the_one_above_is_flushed(trace):
    for name, flushed in (("kept", True), ("lost", False)):
        (trace.folder / name).mkdir()
        trace.note("mkdir", trace.folder / name)
        if flushed:
            trace.sync()
        trace.write(f"{name}/file", "content")
        trace.sync(f"{name}/file")
        trace.sync(name)
    assert trace.lose() == {"file": "old", "kept/file": "content"}
