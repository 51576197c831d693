"""Run the program's commands as a user does, and measure them from outside."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.workers import child_environment

CHECKOUT = Path(__file__).parents[1]


@dataclass(frozen=True)
class CommandResult:
    """Output and cost of a command.

    Args:
        seconds: seconds from start to exit.
        first_match: seconds from start to the first matching line of output; None if no line matched.
        peak_memory: largest resident memory in bytes.
        output: text on standard output.
    """

    seconds: float
    first_match: float | None
    peak_memory: int
    output: str


class CommandError(Exception):
    """A command's exit code was not 0; the message ends with its last line on standard error."""


def run_python(
    arguments: Sequence[str | Path], cwd: Path = CHECKOUT, matches: Callable[[str], bool] = lambda line: False
) -> CommandResult:
    """Run the Python interpreter in the default environment.

    Args:
        arguments: arguments of the interpreter.
        cwd: working directory.
        matches: returns whether a line of output is the one to time.

    Returns:
        The command's output, time and memory.

    Raises:
        CommandError: the exit code is not 0.
    """
    with child_environment({"PYTHONUNBUFFERED": "1"}):
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    assert process.stdout is not None
    assert process.stderr is not None
    errors: list[str] = []
    reader = threading.Thread(target=errors.extend, args=(process.stderr,))
    reader.start()
    lines, first_match = [], None
    for line in process.stdout:
        if first_match is None and matches(line):
            first_match = time.perf_counter() - start
        lines.append(line)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    reader.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    if process.returncode:
        last_line = errors[-1].strip() if errors else ""
        raise CommandError(f"exit code {process.returncode}: {last_line[:200]}")
    return CommandResult(seconds, first_match, usage.ru_maxrss * 1024, "".join(lines))
