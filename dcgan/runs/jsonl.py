"""JSON Lines files with one object per step, each with its checksum; a line that is cut short or damaged is skipped."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dcgan.core.atomic_io import atomic_write
from dcgan.core.checksum import checksum_of_json
from dcgan.core.system_errors import unreadable


def read_jsonl(file: Path) -> list[dict[str, Any]]:
    """Read the objects of a JSON Lines file that have a `step`.

    Args:
        file: the file; it need not exist.

    Returns:
        The objects in the order of the file, without their checksums; lines that are not valid are left out.

    Raises:
        UserError: the file can't be read.
    """
    return _parse_lines(_read_lines(file))


class JsonlReader:
    """Reads a JSON Lines file that grows, each line once.

    Args:
        file: the file; it need not exist.
    """

    def __init__(self, file: Path):
        self.file = file
        self._end, self._last_line = 0, b""

    def read(self) -> tuple[bool, list[dict[str, Any]]]:
        """Read the objects that were added since the last call, as `read_jsonl` would.

        Returns:
            Whether the file was replaced by one that does not continue it, or removed; and its new objects, after a
            replacement all of them. A last line that is not complete is left for the next call.

        Raises:
            UserError: the file can't be read.
        """
        try:
            with self.file.open("rb") as file:
                file.seek(self._end - len(self._last_line))
                replaced = file.read(len(self._last_line)) != self._last_line
                file.seek(0 if replaced else self._end)
                added = file.read()
        except FileNotFoundError:
            replaced, added = self._end > 0, b""
        except OSError as error:
            raise unreadable(self.file, error) from error
        if replaced:
            self._end, self._last_line = 0, b""
        complete = added[: added.rfind(b"\n") + 1]
        if complete:
            self._end += len(complete)
            self._last_line = complete[complete.rfind(b"\n", 0, -1) + 1 :]
        return replaced, _parse_lines(complete.decode("utf-8", errors="replace").split("\n"))


def count_damaged_lines(file: Path) -> int:
    """Return the number of lines that `read_jsonl` leaves out, but for a last one that a crash cut short."""
    *lines, _last = _read_lines(file) or [""]
    return max(0, len(lines) - len(read_jsonl(file)))


def _parse_lines(lines: list[str]) -> list[dict[str, Any]]:
    """Return the objects of the lines that are valid."""
    return [record for record in map(parse_json, lines) if isinstance(record, dict) and _is_whole(record)]


def _read_lines(file: Path) -> list[str]:
    """Return the lines of a file, the last of which is empty unless it was cut short; none without a file."""
    if not file.exists():
        return []
    try:
        return file.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        raise unreadable(file, error) from error


def write_jsonl(file: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write a JSON Lines file atomically.

    Args:
        file: the file.
        records: its objects.

    Raises:
        UserError: the file can't be written.
    """
    with atomic_write(file) as path:
        path.write_text("".join(map(to_line, records)), encoding="utf-8")


def to_line(record: dict[str, Any]) -> str:
    """Return the line of an object, with the checksum of the others as its last value."""
    return json.dumps({**record, "checksum": checksum_of_json(record)}) + "\n"


def _is_whole(record: dict[str, Any]) -> bool:
    """Take the checksum out of an object and return whether it is right; earlier versions wrote none."""
    written = record.pop("checksum", None)
    return is_number(record.get("step")) and written in (None, checksum_of_json(record))


def parse_json(text: str) -> Any:
    """Return the value of a JSON text, or None if it is not valid."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def is_number(value: Any) -> bool:
    """Return whether a value is a finite float, or an int that can become one; a bool is neither."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max
