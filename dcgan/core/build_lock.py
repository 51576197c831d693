"""The cache folder, and a lock that lets one process at a time build a cached file."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import filelock
import platformdirs

from dcgan.core.errors import UserError
from dcgan.core.system_errors import remedy


def resolve_cache_dir(cache_dir: Path | None) -> Path:
    """Return the cache folder.

    Args:
        cache_dir: value of `--cache-dir`; None for the folder `dcgan` in the user's cache folder.
    """
    return cache_dir or Path(platformdirs.user_cache_dir("dcgan", appauthor=False))


@contextlib.contextmanager
def build_lock(path: Path, activity: str) -> Iterator[None]:
    """Hold the lock for building a file or folder; print a message while another process holds it.

    Args:
        path: what is built; its missing parent folders are made.
        activity: what the other process does, for the message, for example `"preparing"`.

    Raises:
        UserError: the parent folder is not writable.
    """
    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=1)
        except filelock.Timeout:
            print(f"Another process is {activity} {path}; waiting for it.", file=sys.stderr)
            lock.acquire()
    except OSError as error:
        problem = f"{path.parent} can't be written: {error.strerror or error}."
        raise UserError(problem, remedy(error, "--cache-dir", writing=True)) from error
    try:
        yield
    finally:
        lock.release()
