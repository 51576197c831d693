"""Paths as people write them."""

import os
from pathlib import Path


def to_path(path: Path | str) -> Path:
    """Return a path whose first part may be `~`, the home folder, also where no shell has replaced it.

    Args:
        path: a path or its text.
    """
    text = str(path)
    is_home = text[:1] == "~" and text[1:2] in ("", "/", os.sep)
    return Path(text).expanduser() if is_home else Path(text)
