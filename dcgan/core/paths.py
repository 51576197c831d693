"""Paths as people write them."""

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
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


def command_line(words: Sequence[str]) -> str:
    """Return a command that can be pasted into a shell: POSIX shells, or `cmd` and PowerShell on Windows.

    Args:
        words: the program and its arguments.
    """
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def typed_path(path: Path | str) -> str:
    """Return a path as a word of a command, quoted where a shell or the option before it would take it otherwise.

    Args:
        path: the path; one that starts with a hyphen or `~` gets `./` before it.
    """
    text = str(path)
    return command_line([f".{os.sep}{text}" if text[:1] in ("-", "~") else text])
