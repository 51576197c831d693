"""What a run has written while it trained: its log, its health events and its sample grids, as an answer to a page."""

import contextlib
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dcgan.core.errors import UserError
from dcgan.core.printable import printable
from dcgan.runs import Run
from dcgan.runs.finding import check_inside
from dcgan.runs.jsonl import is_number
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
        self._log = _Cached(run, run.log_file, lambda: [_numbers(record) for record in run.log_records()])
        self._health = _Cached(run, run.health_file, lambda: [_event(event) for event in run.health_events()])
        self._records: list[dict[str, float]] = []
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
        problems: list[str] = []
        with self._lock:
            records = _attempt(self._log.read, problems)
            if records[: len(self._records)] != self._records:
                self._generation += 1
            self._records = records
            first = count if generation == str(self._generation) and count <= len(records) else 0
            health = _attempt(self._health.read, problems)
        return {
            "generation": str(self._generation),
            "first": first,
            "records": records[first:],
            "health": health,
            "grids": sorted(self._grids()),
            "real": self.run.real_grid_file.is_file(),
            "problem": " ".join(problems),
        }

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


class _Cached:
    """What a function reads from a file, as long as the file stays the same."""

    def __init__(self, run: Run, file: Path, read: Callable[[], list]):
        self._run, self._file, self._read = run, file, read
        self._version: tuple[int, ...] | None = None
        self._value: list = []

    def read(self) -> list:
        """Return what the file holds; an empty list if there is none."""
        check_inside(self._run.path, self._file)
        version = file_version(self._file)
        if version != self._version:
            self._value = self._read() if self._file.is_file() else []
            self._version = version
        return self._value


def file_version(file: Path) -> tuple[int, ...] | None:
    """Return values that differ when a file was replaced or has grown; None if it does not exist."""
    with contextlib.suppress(OSError):
        found = file.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size
    return None


def _attempt(read: Callable[[], list], problems: list[str]) -> list:
    """Return what a function reads; an empty list and a problem, if it can't."""
    try:
        return read()
    except UserError as error:
        problems.append(error.problem)
        return []


def _numbers(record: dict[str, Any]) -> dict[str, float]:
    """Return the values of a log record that a page shows, without those that are no finite numbers."""
    return {key: record[key] for key in KEYS if is_number(record.get(key))}


def _event(event: dict[str, Any]) -> dict[str, Any]:
    return {"step": event["step"], "message": printable(str(event.get("message", "")))[:MAX_MESSAGE]}
