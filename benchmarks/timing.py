"""Rounds in which everybody has a turn, what is made of them, and the table they are shown in."""

import statistics
import sys
from collections.abc import Callable, Iterable, Sequence

from benchmarks.workers import ONEDNN, Baseline, Worker, WorkerFailed

Taken = dict[str, list[float | None]]
"""By baseline: one number a round, None where it failed."""

PRODUCT = Baseline("limit: matrix product", "benchmarks.baselines.hardware_limits:Product", environment=ONEDNN)
COPY = Baseline("limit: copy", "benchmarks.baselines.hardware_limits:Copy")
"""The machine's limits: as baselines they have their turn in each round like everybody else."""

LONG_ENOUGH = 0.3
"""Seconds from which on one measurement says how fast a baseline is."""


class Rate:
    """Measures items a second: of images, operations, bytes, whatever the baseline's `run(steps)` counts.

    Args:
        seconds: about how long one measurement is.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._step_seconds: dict[str, float] = {}

    def __call__(self, worker: Worker) -> float:
        """Run as many steps as fill the time; the first call warms up before it.

        Raises:
            WorkerFailed: the baseline can't.
        """
        if worker.name not in self._step_seconds:
            worker.ask("run", 1)
            self._step_seconds[worker.name] = self._pace(worker)
        steps = max(1, round(self.seconds / self._step_seconds[worker.name]))
        items, spent = worker.ask("run", steps)
        self._step_seconds[worker.name] = spent / steps
        return items / spent

    def _pace(self, worker: Worker) -> float:
        """Seconds a step, from ever more steps until they take long enough."""
        steps, spent = 1, 0.0
        while spent < min(LONG_ENOUGH, self.seconds):
            _, spent = worker.ask("run", steps)
            pace, steps = spent / steps, steps * 4
        return pace


def alternate(workers: Sequence[Worker], rounds: int, measure: Callable[[Worker], float]) -> Taken:
    """Measure everybody once a round; who begins changes from round to round.

    Args:
        workers: built and waiting.
        rounds: how many.
        measure: one measurement; a `WorkerFailed` is noted as None.
    """
    taken: Taken = {worker.name: [] for worker in workers}
    for number in range(rounds):
        begin = number % len(workers)
        for worker in [*workers[begin:], *workers[:begin]]:
            value = attempt(measure, worker)
            taken[worker.name].append(value)
            told = worker.error if value is None else f"{value:,.1f}"
            print(f"round {number + 1}/{rounds}  {worker.name}: {told}", file=sys.stderr, flush=True)
    return taken


def attempt(measure: Callable[[Worker], float], worker: Worker) -> float | None:
    """One measurement, or None where it fails."""
    try:
        return measure(worker)
    except WorkerFailed:
        return None


def median(values: Iterable[float | None]) -> float | None:
    """The median of what was measured; None if nothing was."""
    measured = [value for value in values if value is not None]
    return statistics.median(measured) if measured else None


def ratio(ours: Sequence[float | None], theirs: Sequence[float | None]) -> float | None:
    """The median over the rounds of ours divided by theirs in the same round."""
    return median(a / b for a, b in zip(ours, theirs, strict=True) if a is not None and b)


def spread(values: Sequence[float | None], scale: float = 1.0) -> str:
    """`median (least–most)`, three digits each; a dash where nothing was measured.

    Args:
        values: one a round.
        scale: multiplies every value.
    """
    measured = [value * scale for value in values if value is not None]
    if not measured:
        return "–"
    return f"{number(statistics.median(measured))} ({number(min(measured))}–{number(max(measured))})"


def number(value: float | None, unit: str = "") -> str:
    """Three digits that count, in plain notation; a dash for None."""
    if value is None:
        return "–"
    whole = len(str(int(abs(value))))
    return f"{value:,.{max(0, 3 - whole)}f}{unit}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns are aligned in plain text too.

    Args:
        head: the columns' names.
        rows: one string a column.
    """
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    padded.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def limits(taken: Taken) -> str:
    """The machine's limits of the same run, in a line each."""
    lines = []
    if PRODUCT.name in taken:
        product = spread(taken[PRODUCT.name], 1e-9)
        lines.append(f"- matrix product, float32, TensorFlow with oneDNN: {product} GFLOP/s")
    if COPY.name in taken:
        lines.append(f"- copy of a large array, bytes read and written: {spread(taken[COPY.name], 1e-9)} GB/s")
    return "\n".join(lines)
