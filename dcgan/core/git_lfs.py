"""Pointers of Git LFS: what lies in the place of large files in a clone that has not fetched them."""

from pathlib import Path

_START = b"version https://git-lfs"


def is_pointer(data: bytes) -> bool:
    """Return whether the content of a file is a pointer.

    Args:
        data: the content, or its beginning.
    """
    return data.startswith(_START)


def is_pointer_file(file: Path) -> bool:
    """Return whether a file is a pointer; false for one that can't be read.

    Args:
        file: the file.
    """
    try:
        with file.open("rb") as opened:
            return is_pointer(opened.read(len(_START)))
    except OSError:
        return False
