"""The program's own commands as a user starts them, measured from outside."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.workers import environment

CHECKOUT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Args:
        seconds: from its call to its end.
        seen: seconds from its call to the first line of output that was waited for; None if it never came.
        peak: the most memory it held, in bytes.
        output: what it printed on standard output.
    """

    seconds: float
    seen: float | None
    peak: int
    output: str


class CommandFailed(Exception):
    """A command ended with another code than 0; the message is the end of what it wrote on standard error."""


def command(
    arguments: Sequence[str | Path], cwd: Path = CHECKOUT, awaited: Callable[[str], bool] = lambda line: False
) -> Outcome:
    """Run Python with some arguments, in the environment of a user who has set nothing.

    Args:
        arguments: of the interpreter.
        cwd: where to run.
        awaited: whether a line of its output is the one whose time is asked for.

    Raises:
        CommandFailed: it did.
    """
    with environment({"PYTHONUNBUFFERED": "1"}):
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    complaints: list[str] = []
    reader = threading.Thread(target=lambda: complaints.extend(process.stderr))
    reader.start()
    lines, seen = [], None
    for line in process.stdout:
        if seen is None and awaited(line):
            seen = time.perf_counter() - started
        lines.append(line)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    reader.join()
    _finish(process, status, complaints)
    return Outcome(seconds, seen, usage.ru_maxrss * 1024, "".join(lines))


def _finish(process: subprocess.Popen, status: int, complaints: Sequence[str]) -> None:
    """Close the pipes, and raise where the exit code says so."""
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    if process.returncode:
        last = complaints[-1].strip() if complaints else ""
        raise CommandFailed(f"exit code {process.returncode}: {last[:200]}")
