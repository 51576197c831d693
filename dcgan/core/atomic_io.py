"""Whole writes: a reader sees the old file or the new one, never half of one."""

import contextlib
import errno
import hashlib
import itertools
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dcgan.core.errors import UserError

_PREFIX = ".writing-"
"""How the name of a file or folder that is not whole yet begins; the machine and the process follow."""

_HERE = hashlib.blake2b(socket.gethostname().encode(), digest_size=4).hexdigest()
"""This machine, as far as names tell: a shared folder may hold what another one is writing."""


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, move it into place.

    The temporary file keeps the ending of `path`, reaches the disk before it is renamed, and is removed when the
    block raises. Missing parent folders are made.

    Args:
        path: the file to write.

    Yields:
        The path to write to.

    Raises:
        UserError: the folder can't be written to, or the disk is full.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale_files(path.parent)
        handle, name = tempfile.mkstemp(prefix=_prefix(), suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror or error}.", _advice(error)) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def beside(folder: Path, option: str = "") -> Iterator[Path]:
    """Yield a temporary folder beside `folder`, and remove it with its remaining content when the block ends.

    It is on the same file system, so that moving files from it to `folder` is one rename. Missing parent folders are
    created.

    Args:
        folder: final folder; it need not exist.
        option: command-line option that names `folder`, for error messages.

    Yields:
        The temporary folder.

    Raises:
        UserError: nothing can be written there, or the disk is full.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_stale_files(folder.parent)
        with tempfile.TemporaryDirectory(prefix=_prefix(), dir=folder.parent) as temporary:
            yield Path(temporary)
    except OSError as error:
        raise UserError(f"{folder} can't be written: {error.strerror or error}.", _advice(error, option)) from error


@contextlib.contextmanager
def atomic_folder(folder: Path, option: str = "") -> Iterator[Path]:
    """Yield a temporary folder beside `folder`; when the block succeeds, move it into place.

    Its files reach the disk before it is moved. An existing `folder` is replaced, and stays if the block raises;
    processes that have its files open can go on reading them. Missing parent folders are created.

    Args:
        folder: folder to write.
        option: command-line option that names it, for error messages.

    Yields:
        The folder to write to.

    Raises:
        UserError: nothing can be written there, or the disk is full.
    """
    with beside(folder, option) as temporary:
        new = temporary / "new"
        new.mkdir()
        yield new
        for path in [*new.rglob("*"), new]:
            _sync(path)
        if folder.exists():
            folder.rename(temporary / "old")
        new.rename(folder)
        _sync(folder.parent)


def remove_stale_files(folder: Path) -> None:
    """Remove what processes of this machine were writing in `folder` when they were killed.

    What a living process, or another machine, may be writing stays. So does what can't be removed: it is in nobody's
    way.
    """
    with contextlib.suppress(OSError):
        for leftover in folder.glob(f"{_PREFIX}*"):
            if _process_of(leftover) is not None and not _is_being_written(leftover):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def _prefix() -> str:
    return f"{_PREFIX}{_HERE}-{os.getpid()}-"


def _process_of(leftover: Path) -> int | None:
    """The process of this machine that was or is writing; None where the name doesn't tell one."""
    written = re.match(rf"{re.escape(_PREFIX)}([0-9a-f]+)-([0-9]+)-", leftover.name)
    return int(written[2]) if written and written[1] == _HERE else None


def _is_being_written(leftover: Path) -> bool:
    process = _process_of(leftover)
    return process is not None and _lives(process)


def _lives(process: int) -> bool:
    """Whether a process of this machine lives; where that can't be asked without ending it, all of them do."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's, or no number of a process
        return True
    return True


def check_overwrite(out: Path, overwrite: bool, option: str = "--out") -> None:
    """Refuse to write over what is there; an empty file holds nothing that could be lost.

    Args:
        out: where is to be written.
        overwrite: whether a file may be replaced.
        option: the one that named it.

    Raises:
        UserError: it is a folder or a device, or a file that may not be replaced.
    """
    if out.is_dir():
        raise UserError(f"{out} is a folder.", f"Give {option} another name.")
    if out.exists() and not out.is_file():
        raise UserError(f"{out} is no file.", f"Give {option} another name.")
    if out.exists() and out.stat().st_size and not overwrite:
        raise UserError(f"{out} exists already.", f"Choose another {option}, or add --overwrite.")


def numbered_paths(path: Path, suffix: str | None = None) -> Iterator[Path]:
    """Yield `path`, then the same name with -2, -3, … before its suffix, without end.

    Args:
        path: the preferred name.
        suffix: end of the name that stays behind the number; by default that of `path`, empty for folders.
    """
    suffix = path.suffix if suffix is None else suffix
    stem = path.name.removesuffix(suffix)
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{stem}-{number}{suffix}")


def parse_paths(text: str | None) -> list[Path]:
    """The paths of an option that takes several, parted by commas; none where it was left out."""
    return [Path(part.strip()) for part in (text or "").split(",") if part.strip()]


def _advice(error: OSError, option: str = "") -> str:
    """Say what to do about an error in writing."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    advice = "Free some space, or choose another place" if full else "Choose a place you may write to"
    return f"{advice} with {option}." if option else f"{advice}."


def _sync(path: Path) -> None:
    """Have the file, or the folder's entries, on the disk before going on."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    """The permissions this process leaves off new files; reading it means setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def remove_stale_files_below(folder: Path) -> None:
    """Remove, in `folder` and below, files that killed processes were writing, on whatever machine.

    What a living process of this machine is writing there stays: drawing from a run does not wait for its training.
    """
    for leftover in folder.rglob(f"{_PREFIX}*"):
        if leftover.is_file() and not _is_being_written(leftover):
            leftover.unlink(missing_ok=True)
