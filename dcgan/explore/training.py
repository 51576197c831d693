"""What a run has written while it trained: its log, its health events and its sample grids, as an answer to a page."""

import contextlib
import re
import threading
import time
from pathlib import Path
from typing import Any

from dcgan.core.errors import UserError
from dcgan.core.printable import printable
from dcgan.runs import Run
from dcgan.runs.finding import check_inside
from dcgan.runs.jsonl import JsonlReader, is_number
from dcgan.visualization.plots import EVALUATION_PANELS, PANELS

CURVES = {**PANELS, **EVALUATION_PANELS, "diversity": {"diversity": "diversity of the images, relative to real ones"}}
"""Axis label → {log key: name of the curve}; other values of the log are not shown."""

KEYS = ("step", "images_per_second", "seconds", *(key for curves in CURVES.values() for key in curves))
"""What a page gets of a log record."""

MAX_GRID_BYTES = 1 << 26
PNG = b"\x89PNG\r\n\x1a\n"
MAX_MESSAGE = 1000
"""Characters of a health event's message."""


class Training:
    """The log, the health events and the sample grids of a run, which may be training.

    Args:
        run: the run. Only files in its directory are read, none through a link that leads out of it.
    """

    def __init__(self, run: Run):
        self.run = run
        self._lock = threading.Lock()
        self._log, self._health = JsonlReader(run.log_file), JsonlReader(run.health_file)
        self._records: list[dict[str, float]] = []
        self._events: list[dict[str, Any]] = []
        self._generation = time.time_ns()

    def since(self, count: int, generation: str) -> dict[str, Any]:
        """Return what is new.

        Args:
            count: number of log records that the page has.
            generation: `generation` of the answer that it has them from. A rollback rewrites the log, which begins
                another generation; all records are sent again then.

        Returns:
            `generation`; `first`, the index of the first of the `records` in the log; all `health` events; the steps
            of the sample `grids`; whether there is a grid of `real` images; and `problem`, what could not be read.
        """
        with self._lock:
            problem = self._read()
            known = generation == str(self._generation) and count <= len(self._records)
            first = count if known else 0
            records, generation = self._records[first:], str(self._generation)
        return {
            "generation": generation,
            "first": first,
            "records": records,
            "health": self._events,
            "grids": sorted(self._grids()),
            "real": self.run.real_grid_file.is_file(),
            "problem": problem,
        }

    def _read(self) -> str:
        """Read what is new in both files; return why one of them can't be read, or an empty text."""
        try:
            replaced, added = self._read_new(self._log)
            if replaced:
                self._generation += 1
            self._records = [*([] if replaced else self._records), *map(_numbers, added)]
            replaced, added = self._read_new(self._health)
            self._events = [*([] if replaced else self._events), *map(_event, added)]
        except UserError as error:
            return error.problem
        return ""

    def _read_new(self, reader: JsonlReader) -> tuple[bool, list[dict[str, Any]]]:
        """Read what is new in a file of the run; a pipe, which would wait for a writer, has nothing."""
        check_inside(self.run.path, reader.file)
        return reader.read() if reader.file.is_file() or not reader.file.exists() else (False, [])

    def grid(self, step: int) -> bytes:
        """Return the sample grid of a step, a PNG file.

        Raises:
            UserError: there is none, or it is not a PNG file in the run directory.
        """
        file = self._grids().get(step)
        if file is None:
            raise UserError(f"There are no samples of step {step}.")
        return self._read_png(file)

    def real_grid(self) -> bytes:
        """Return the grid of real images, a PNG file; raises as `grid`."""
        return self._read_png(self.run.real_grid_file)

    def _grids(self) -> dict[int, Path]:
        """Return the sample grids by step; a name that training would not have given is left out."""
        found = ((re.fullmatch(r"step-(\d{1,15})\.png", file.name), file) for file in self.run.sample_grids())
        return {int(match[1]): file for match, file in found if match}

    def _read_png(self, file: Path) -> bytes:
        check_inside(self.run.path, file)
        if not file.is_file():  # a pipe would wait for a writer
            raise UserError(f"There is no image {file.name}.")
        with file.open("rb") as opened:
            content = opened.read(MAX_GRID_BYTES + 1)
        if not content.startswith(PNG) or len(content) > MAX_GRID_BYTES:
            raise UserError(f"{file.name} is not a PNG file of at most {MAX_GRID_BYTES >> 20} MiB.")
        return content


def file_version(file: Path) -> tuple[int, ...] | None:
    """Return values that differ when a file was replaced or has grown; None if it does not exist."""
    with contextlib.suppress(OSError):
        found = file.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size
    return None


def _numbers(record: dict[str, Any]) -> dict[str, float]:
    """Return the values of a log record that a page shows, without those that are no finite numbers."""
    return {key: record[key] for key in KEYS if is_number(record.get(key))}


def _event(event: dict[str, Any]) -> dict[str, Any]:
    return {"step": event["step"], "message": printable(str(event.get("message", "")))[:MAX_MESSAGE]}
