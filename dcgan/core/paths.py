"""Paths as people write them."""

from pathlib import Path


def to_path(path: Path | str) -> Path:
    """Return a path whose first part may be `~`, the home folder, also where no shell has replaced it.

    Args:
        path: a path or its text.
    """
    path = Path(path)
    return path.expanduser() if path.parts[:1] == ("~",) else path
