"""Files of JSON lines, an object a step, that outlive being cut short by a crash."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dcgan.core.atomic_io import atomic_write


def read_jsonl(file: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines that belong to a step, oldest first; none where there is no file."""
    if not file.exists():
        return []
    parsed = map(parse, file.read_text(encoding="utf-8", errors="replace").splitlines())
    return [record for record in parsed if isinstance(record, dict) and is_number(record.get("step"))]


def write_jsonl(file: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write a file of JSON lines, whole."""
    with atomic_write(file) as path:
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def parse(text: str) -> Any:
    """What a line of JSON says, or None."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def is_number(value: Any) -> bool:
    """Whether a value of a record is a finite number."""
    return type(value) in (int, float) and math.isfinite(value)
