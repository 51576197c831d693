"""JSON Lines files with one object per step; a line that a crash cut short is skipped."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError


def read_jsonl(file: Path) -> list[dict[str, Any]]:
    """Read the objects of a JSON Lines file that have a `step`.

    Args:
        file: the file; it need not exist.

    Returns:
        The objects in the order of the file; lines that are not valid are left out.

    Raises:
        UserError: the file can't be read.
    """
    if not file.exists():
        return []
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise UserError(f"{file} can't be read: {error.strerror or error}.") from error
    records = map(parse_json, lines)
    return [record for record in records if isinstance(record, dict) and is_number(record.get("step"))]


def write_jsonl(file: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write a JSON Lines file atomically.

    Args:
        file: the file.
        records: its objects.

    Raises:
        UserError: the file can't be written.
    """
    with atomic_write(file) as path:
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def parse_json(text: str) -> Any:
    """Return the value of a JSON text, or None if it is not valid."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def is_number(value: Any) -> bool:
    """Return whether a value is a finite float, or an int that can become one; a bool is neither."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max
