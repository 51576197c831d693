"""Paths as people write them."""

import os
import re
from pathlib import Path


def repository_address(path: Path | str) -> str:
    """Return the address of a repository of Hugging Face, `hf://user/name`; empty for the path of a file or folder.

    Args:
        path: a path, in which two slashes have become one, or its text.
    """
    text = str(path)
    return "hf://" + text.removeprefix("hf:").lstrip("/") if text.startswith("hf:/") else ""


def to_path(path: Path | str) -> Path:
    """Return a path whose first part may be `~`, the home folder, also where no shell has replaced it.

    Args:
        path: a path or its text.
    """
    text = str(path)
    is_home = text[:1] == "~" and text[1:2] in ("", "/", os.sep)
    return Path(text).expanduser() if is_home else Path(text)


def file_name(path: str) -> str:
    """Return the last part of a path of this or another operating system, without the folders before it.

    Args:
        path: text of a path.
    """
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1]
