"""Reproducible `.keras` files."""

import json
import re
import zipfile
from pathlib import Path


def make_reproducible(file: Path) -> None:
    """Rewrite a `.keras` archive so that equal models give equal bytes.

    Keras stores the time of saving, and memory addresses as identifiers of shared objects.

    Args:
        file: the archive.
    """
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    metadata = json.loads(members["metadata.json"])
    members["metadata.json"] = json.dumps({**metadata, "date_saved": "left out"}).encode()
    members["config.json"] = _renumber(members["config.json"])
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)


def _renumber(config: bytes) -> bytes:
    """Replace the memory addresses in a model's config by 1, 2, 3, … in order of appearance."""
    numbers: dict[bytes, int] = {}

    def number(match: re.Match[bytes]) -> bytes:
        return match[1] + str(numbers.setdefault(match[2], len(numbers) + 1)).encode()

    return re.sub(rb'("shared_object_id": )(\d+)', number, config)
