"""A reader sees the old content or the new, never half of it."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dcgan.core import atomic_io
from dcgan.core.atomic_io import (
    atomic_folder,
    atomic_write,
    check_overwrite,
    first_free_path,
    is_running,
    move_to_new,
    numbered_paths,
    remove_stale_files_below,
    sync,
    temporary_folder,
)
from dcgan.core.errors import UserError

CHECKOUT = Path(__file__).parents[2]


def test_the_file_appears_when_the_block_ends_and_not_before(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with atomic_write(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.suffix == ".txt"
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail_half_way():
        with atomic_write(path) as temporary:
            temporary.write_text("ha")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_a_user_error_and_leaves_no_file(tmp_path):
    path = tmp_path / "file.txt"
    with pytest.raises(UserError, match=r"can't be written: No space left.*\n.*Free some space"), atomic_write(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_made_is_a_user_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written"), atomic_write(tmp_path / "file" / "below"):
        pass


def test_new_files_have_the_permissions_the_user_gives_new_files(tmp_path):
    (tmp_path / "plain").write_text("")
    with atomic_write(tmp_path / "whole") as temporary:
        temporary.write_text("")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_files_that_a_killed_process_left_half_written_are_removed(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    leftover, kept = tmp_path / "checkpoints" / ".writing-x.npz", tmp_path / "checkpoints" / "step-00000001.npz"
    leftover.write_text("")
    kept.write_text("")
    remove_stale_files_below(tmp_path)
    assert list((tmp_path / "checkpoints").iterdir()) == [kept]


def test_a_file_that_a_running_process_is_writing_is_not_removed(tmp_path):
    """As when images are generated from a run during training."""
    with atomic_write(tmp_path / "generated" / "seeds.png") as temporary:
        temporary.write_text("image")
        remove_stale_files_below(tmp_path)
    assert (tmp_path / "generated" / "seeds.png").read_text() == "image"


def test_files_of_an_earlier_process_with_the_number_of_this_one_are_removed(tmp_path):
    """In a container, the first process has the same number every time."""
    with temporary_folder(tmp_path / "other") as own:
        earlier = tmp_path / f".writing-{atomic_io._MACHINE}-{os.getpid()}-x"
        earlier.mkdir()
        (earlier / "images.npy").write_text("half")
        with atomic_write(tmp_path / "file.txt"):
            assert [path for path in tmp_path.iterdir() if path.is_dir()] == [own]


def process_that_writes(folder, then):
    """Start a Python process that begins to write a file and a folder in `folder`."""
    program = (
        "import sys, time, os; from pathlib import Path\n"
        "from dcgan.core.atomic_io import atomic_write, temporary_folder\n"
        "folder = Path(sys.argv[1])\n"
        "with atomic_write(folder / 'file.txt'), temporary_folder(folder / 'folder') as temporary:\n"
        "    (temporary / 'part').write_text('')\n"
        f"    print('writing', flush=True); {then}\n"
    )
    command = [sys.executable, "-c", program, str(folder)]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    return process


def test_the_next_write_removes_the_temporary_files_of_a_killed_process(tmp_path):
    with process_that_writes(tmp_path, "time.sleep(60)") as process:
        process.kill()
    assert len(list(tmp_path.iterdir())) == 2
    with atomic_write(tmp_path / "other.txt"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]


def test_temporary_files_of_a_running_process_or_another_machine_stay(tmp_path):
    stranger = tmp_path / ".writing-00000000-999999999-x"
    stranger.write_text("")
    with process_that_writes(tmp_path, "time.sleep(60)") as process:
        with atomic_write(tmp_path / "other.txt"):
            pass
        assert len(list(tmp_path.iterdir())) == 4
        process.kill()


def test_a_temporary_folder_is_removed_with_its_remaining_content(tmp_path):
    with temporary_folder(tmp_path / "new" / "folder") as temporary:
        (temporary / "part").write_text("")
        assert temporary.parent == tmp_path / "new"
    assert list((tmp_path / "new").iterdir()) == []


def test_without_overwrite_only_an_empty_file_is_replaced(tmp_path):
    full, empty = tmp_path / "full.txt", tmp_path / "empty.txt"
    full.write_text("content")
    empty.write_text("")
    check_overwrite(tmp_path / "new.txt", overwrite=False)
    check_overwrite(empty, overwrite=False)
    check_overwrite(full, overwrite=True)
    with pytest.raises(UserError, match=r"exists already\.\nChoose another `json`"):
        check_overwrite(full, False, "--json")
    for never in (tmp_path, Path(os.devnull)):
        with pytest.raises(UserError, match="another name"):
            check_overwrite(never, overwrite=True)


def test_a_folder_replaces_the_old_one_as_a_whole_when_the_block_ends(tmp_path):
    folder = tmp_path / "new" / "folder"
    for text in ("one", "two"):
        with atomic_folder(folder) as temporary:
            (temporary / "file").write_text(text)
            assert not folder.exists() or (folder / "file").read_text() == "one"
        assert (folder / "file").read_text() == text
        assert [path.name for path in folder.parent.iterdir()] == ["folder"]


def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path):
    with atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "file").write_text("old")

    def fail_half_way():
        with atomic_folder(tmp_path / "folder") as temporary:
            (temporary / "file").write_text("ne")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fail_half_way()
    assert (tmp_path / "folder" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_the_hint_names_the_option_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written") as caught, atomic_folder(tmp_path / "file" / "x", "--here"):
        pass
    assert caught.value.hint == "A part of the path is no folder: choose another one with --here."


def test_names_that_are_taken_get_the_next_number(tmp_path):
    paths = numbered_paths(tmp_path / "grid.png")
    assert [next(paths).name for _ in range(3)] == ["grid.png", "grid-2.png", "grid-3.png"]
    for expected in ("out", "out-2", "out-3"):
        assert first_free_path(tmp_path / "new" / "out", Path.mkdir).name == expected
    assert first_free_path(tmp_path / "new" / "out.v1", Path.mkdir, suffix="").name == "out.v1"
    assert first_free_path(tmp_path / "new" / "out.v1", Path.mkdir, suffix="").name == "out.v1-2"


def test_a_name_that_can_not_be_made_is_a_user_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written"):
        first_free_path(tmp_path / "file" / "below", Path.mkdir)


def test_new_folders_are_on_the_disk_before_anything_is_written_into_them(tmp_path, monkeypatch):
    synced, real = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda file: synced.append(str(Path(f"/proc/self/fd/{file}").readlink())) or real(file)
    )
    with atomic_write(tmp_path / "a" / "b" / "file.txt") as temporary:
        assert synced == [str(tmp_path), str(tmp_path / "a")]
        temporary.write_text("whole")
    assert synced[2:] == [str(temporary), str(tmp_path / "a" / "b")]


def test_a_file_is_flushed_where_that_needs_a_descriptor_for_writing(tmp_path, monkeypatch):
    """As on Windows, where `os.fsync` refuses others with EBADF."""
    real = os.fsync

    def fsync(file):
        if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_write(tmp_path / "file.txt") as temporary:
        temporary.write_text("whole")
    with atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "file.txt").write_text("whole")
    assert (tmp_path / "file.txt").read_text() == (tmp_path / "folder" / "file.txt").read_text() == "whole"


def test_a_file_that_could_not_be_flushed_is_not_put_in_place(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fsync(file):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(UserError, match="can't be written: Input/output error"), atomic_write(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "old"


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_what_another_program_has_open_is_replaced_when_it_is_closed(tmp_path, monkeypatch, folder):
    """As on Windows, where the file in an image viewer can't be replaced."""
    path, refusals = tmp_path / "out", [2]
    write(path, folder, "old")
    name = "rename" if folder else "replace"
    real = getattr(Path, name)

    def in_use(self, target):
        refusals[0] -= 1
        if refusals[0] >= 0:
            raise PermissionError(errno.EACCES, "The process cannot access the file")
        return real(self, target)

    monkeypatch.setattr(Path, name, in_use)
    write(path, folder, "new")
    assert (path / "part" if folder else path).read_text() == "new"
    monkeypatch.setattr(atomic_io, "_REPLACE_SECONDS", 0.0)
    refusals[0] = 10**6
    with pytest.raises(UserError, match="cannot access the file"):
        write(path, folder, "newer")
    assert (path / "part" if folder else path).read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM, errno.EIO])
def test_a_file_system_that_flushes_no_folders_is_used_and_one_that_fails_is_not(tmp_path, monkeypatch, error):
    real = os.fsync

    def fsync(file):
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(error, os.strerror(error))
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    if error == errno.EIO:
        with pytest.raises(UserError, match="Input/output error"):
            write(tmp_path / "file.txt", False, "whole")
    else:
        write(tmp_path / "file.txt", False, "whole")
        assert (tmp_path / "file.txt").read_text() == "whole"


def test_windows_flushes_no_folders_and_is_not_asked_for_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "open", None)
    monkeypatch.setattr(os, "kill", None)  # it would end the process there
    with pytest.raises(TypeError):
        sync(tmp_path)
    monkeypatch.setattr(os, "name", "nt")
    sync(tmp_path)
    assert is_running(2**22 + 1)


def test_a_complete_folder_gets_a_name_that_nothing_else_has(tmp_path):
    write(tmp_path / "complete", True, "new")
    write(tmp_path / "taken", True, "old")
    with pytest.raises(FileExistsError):
        move_to_new(tmp_path / "complete", tmp_path / "taken")
    with pytest.raises(FileNotFoundError):
        move_to_new(tmp_path / "complete", tmp_path / "missing" / "name")
    move_to_new(tmp_path / "complete", tmp_path / "free")
    assert (tmp_path / "free" / "part").read_text() == "new"
    assert (tmp_path / "taken" / "part").read_text() == "old"


def test_a_number_that_is_no_process_may_be_running():
    assert is_running(10**30)
    assert not is_running(2**22 + 1)  # above the largest number of a process on Linux


def write(path, folder, text):
    with atomic_folder(path) if folder else atomic_write(path) as temporary:
        (temporary / "part" if folder else temporary).write_text(text)
