"""Atomic writes of files and folders: a reader sees the old content or the new, never half of it."""

import contextlib
import errno
import hashlib
import itertools
import os
import re
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dcgan.core.errors import UserError
from dcgan.core.paths import to_path
from dcgan.core.system_errors import remedy

_PREFIX = ".writing-"
"""Start of the names of temporary files and folders; the machine, the process and its mark follow."""

_REPLACE_SECONDS = 3.0
"""How long to try to replace a file that another program has open, for example in a viewer on Windows."""

_MACHINE = hashlib.blake2b(socket.gethostname().encode(), digest_size=4).hexdigest()
"""This machine in names: another machine may be writing in a shared folder."""

_MARK = secrets.token_hex(4)
"""This process in names, beside its number: in a container, the one before it often had the same number."""


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside a file; if the block succeeds, flush it to the disk and move it into place.

    The temporary file has the suffix of `path` and is removed if the block raises. Missing parent folders are made.

    Args:
        path: file to write.

    Yields:
        The path to write to.

    Raises:
        UserError: the folder is not writable, or the disk is full.
    """
    temporary = None
    with explain_write_errors(path):
        try:
            make_folder(path.parent)
            remove_stale_files(path.parent)
            handle, name = tempfile.mkstemp(prefix=_temporary_prefix(), suffix=path.suffix, dir=path.parent)
            os.close(handle)
            temporary = Path(name)
            yield temporary
            sync(temporary)
            temporary.chmod(0o666 & ~_umask())
            _retry_while_open(lambda: temporary.replace(path))
            sync(path.parent)
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path, option: str = "") -> Iterator[Path]:
    """Yield an empty temporary folder; if the block succeeds, flush it to the disk and put it in the place of `path`.

    What was at `path` is replaced; if the block raises, it stays. Processes that have files of the replaced folder open
    can still read them. Missing parent folders are made.

    Args:
        path: folder to write.
        option: option that names the folder, for error messages.

    Yields:
        The folder to write into.

    Raises:
        UserError: the parent folder is not writable, or the disk is full.
    """
    with temporary_folder(path, option) as temporary:
        new, old = temporary / "new", temporary / "old"
        new.mkdir()
        yield new
        for entry in (*new.rglob("*"), new):
            sync(entry)
        if path.exists() or path.is_symlink():
            _retry_while_open(lambda: path.rename(old))
        new.rename(path)
        sync(path.parent)


@contextlib.contextmanager
def temporary_folder(path: Path, option: str = "") -> Iterator[Path]:
    """Yield a temporary folder beside `path`, on the same file system, and remove it with its content in the end.

    Args:
        path: file or folder that need not exist; its missing parent folders are made.
        option: option that names the folder, for error messages.

    Raises:
        UserError: the parent folder is not writable, or the disk is full.
    """
    with explain_write_errors(path, option):
        make_folder(path.parent)
        remove_stale_files(path.parent)
        with tempfile.TemporaryDirectory(prefix=_temporary_prefix(), dir=path.parent) as temporary:
            yield Path(temporary)


def first_free_path(path: Path, make: Callable[[Path], object], suffix: str | None = None) -> Path:
    """Make the first of `numbered_paths` that does not exist; no two processes make the same.

    Args:
        path: preferred file or folder; its missing parent folders are made.
        make: makes it and raises FileExistsError if it exists, for example `Path.mkdir`.
        suffix: as for `numbered_paths`.

    Returns:
        The path that was made.

    Raises:
        UserError: it can't be made.
    """
    with explain_write_errors(path, "--out"):
        make_folder(path.parent)
        candidates = numbered_paths(path, suffix)
        while True:
            candidate = next(candidates)
            with contextlib.suppress(FileExistsError):
                make(candidate)
                return candidate


def move_to_new(complete: Path, path: Path) -> None:
    """Give a complete file or folder a name that nothing else has.

    Args:
        complete: on the same file system; a file is still there afterwards where there are hard links.
        path: the name.

    Raises:
        FileExistsError: there is such a file, or a folder that is not empty.
    """
    if complete.is_dir():
        _rename_to_new(complete, path)
    else:
        _link_to_new(complete, path)
    sync(path.parent)


def _rename_to_new(folder: Path, path: Path) -> None:
    try:
        folder.rename(path)
    except OSError as error:
        raise FileExistsError(path) if path.exists() else error from None


def _link_to_new(file: Path, path: Path) -> None:
    try:
        path.hardlink_to(file)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):  # a file system without hard links
        path.touch(exist_ok=False)
        file.replace(path)


def numbered_paths(path: Path, suffix: str | None = None) -> Iterator[Path]:
    """Return `path`, then the same name with -2, -3, … before its suffix, without end.

    Args:
        path: preferred name.
        suffix: end of the name that the number precedes; by default that of `path`, empty for folders.
    """
    suffix = path.suffix if suffix is None else suffix
    stem = path.name.removesuffix(suffix)
    others = (path.with_name(f"{stem}-{number}{suffix}") for number in itertools.count(2))
    return itertools.chain([path], others)


def check_overwrite(out: Path, overwrite: bool, option: str = "--out") -> None:
    """Refuse to overwrite a file that is not empty.

    Args:
        out: file to write.
        overwrite: whether it may be replaced.
        option: the option that names it.

    Raises:
        UserError: it is a folder or a device, or a file that may not be replaced.
    """
    if out.is_dir():
        raise UserError(f"{out} is a folder.", f"Give {option} another name.")
    if out.exists() and not out.is_file():
        raise UserError(f"{out} is not a regular file.", f"Give {option} another name.")
    if out.exists() and out.stat().st_size and not overwrite:
        raise UserError(f"{out} exists already.", f"Choose another {option}, or add --overwrite.")


def parse_paths(text: str | None) -> list[Path]:
    """Return the paths of an option that takes several, separated by commas; none if it is None."""
    return [to_path(part.strip()) for part in (text or "").split(",") if part.strip()]


def remove_stale_files(folder: Path) -> None:
    """Remove temporary files and folders that killed processes of this machine left in a folder.

    Files that a running process or another machine may be writing stay, and so does what can't be removed.
    """
    with contextlib.suppress(OSError):
        for leftover in folder.glob(f"{_PREFIX}*"):
            if _writer(leftover) is not None and not _is_being_written(leftover):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def remove_stale_files_below(folder: Path) -> None:
    """Remove temporary files that killed processes left in a folder or below, on any machine.

    Files that a running process of this machine is writing stay: images may be generated from a run during training.
    """
    for leftover in folder.rglob(f"{_PREFIX}*"):
        if leftover.is_file() and not _is_being_written(leftover):
            leftover.unlink(missing_ok=True)


def _temporary_prefix() -> str:
    return f"{_PREFIX}{_MACHINE}-{os.getpid()}-{_MARK}-"


def _writer(leftover: Path) -> int | None:
    """Return the process of this machine that created a temporary file; None if the name does not tell it."""
    match = re.match(rf"{re.escape(_PREFIX)}([0-9a-f]+)-([0-9]+)-", leftover.name)
    return int(match[2]) if match and match[1] == _MACHINE else None


def _is_being_written(leftover: Path) -> bool:
    process = _writer(leftover)
    if process == os.getpid():
        return leftover.name.startswith(_temporary_prefix())
    return process is not None and is_running(process)


def is_running(process: int) -> bool:
    """Whether a process of this machine is running; always true on Windows, where asking would end it."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's process, or not a process number
        return True
    return True


def make_folder(path: Path) -> None:
    """Make a folder and its missing parents, so that they are on the disk before anything is written into them."""
    missing = [*itertools.takewhile(lambda folder: not folder.is_dir(), (path, *path.parents))]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk.

    Windows flushes files that are open for writing only, and no folders; some network drives flush no folders either.
    """
    if path.is_dir():
        if os.name != "nt":
            _sync_folder(path)
        return
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """Flush a folder's entries, where the file system can and the user may open the folder."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM):
            raise


def _retry_while_open(move: Callable[[], object]) -> None:
    """Move a file or folder; where another program has it open, try again for some seconds."""
    give_up = time.monotonic() + _REPLACE_SECONDS
    while True:
        try:
            move()
        except PermissionError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)
        else:
            return


@contextlib.contextmanager
def explain_write_errors(path: Path, option: str = "") -> Iterator[None]:
    """Raise errors in writing a file or folder as UserError.

    Args:
        path: what is written.
        option: option that names it, for the hint.
    """
    try:
        yield
    except OSError as error:
        problem = f"{path} can't be written: {error.strerror or error}."
        raise UserError(problem, remedy(error, option, writing=True)) from error


def _umask() -> int:
    """Return the permissions that new files lack; reading the mask requires setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
