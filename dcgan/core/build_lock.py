"""What is made once and kept for the next time: where it lies, and one process at a time that makes it."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import filelock
import platformdirs

from dcgan.core.errors import UserError


def resolve_cache_dir(cache_dir: Path | None) -> Path:
    """`cache_dir`, or, where none is given, this program's part of the user's cache folder."""
    return cache_dir or Path(platformdirs.user_cache_dir("dcgan", appauthor=False))


@contextlib.contextmanager
def build_lock(place: Path, doing: str) -> Iterator[None]:
    """Be the only process that makes what lies at `place`; tell the user if that means waiting.

    Args:
        place: a file or folder; the folder it lies in is made.
        doing: what another process is then doing, for example `"preparing"`.

    Raises:
        UserError: the folder it lies in can't be written to.
    """
    lock = filelock.FileLock(place.with_name(f".{place.name}.lock"))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=1)
        except filelock.Timeout:
            print(f"Another process is {doing} {place}; waiting for it.", file=sys.stderr)
            lock.acquire()
    except OSError as error:
        raise UserError(
            f"{place.parent} can't be written to: {error.strerror or error}.",
            "Choose a place you may write to with --cache-dir.",
        ) from error
    try:
        yield
    finally:
        lock.release()
