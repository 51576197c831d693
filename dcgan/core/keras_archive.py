"""A `.keras` file whose bytes follow from the model alone."""

import json
import re
import zipfile
from pathlib import Path


def make_reproducible(file: Path) -> None:
    """Repack a `.keras` archive so that equal models are equal files.

    Keras notes the time of saving and, as identities of shared objects, their addresses in memory.
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
    """Replace the addresses in a model's config by 1, 2, 3, in the order in which they appear."""
    numbers: dict[bytes, int] = {}

    def number(match: re.Match[bytes]) -> bytes:
        return match[1] + str(numbers.setdefault(match[2], len(numbers) + 1)).encode()

    return re.sub(rb'("shared_object_id": )(\d+)', number, config)
