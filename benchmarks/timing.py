"""Measure workers in rounds, one at a time, beside the hardware's limits."""

import sys
from collections.abc import Callable, Sequence

from benchmarks.tables import median_and_range
from benchmarks.workers import ONEDNN, Baseline, Worker, WorkerError

Measurements = dict[str, list[float | None]]
"""One value per round by baseline name; None where the measurement failed."""

MATRIX_PRODUCT = Baseline(
    "limit: matrix product", "benchmarks.baselines.hardware_limits:MatrixProduct", environment=ONEDNN
)
MEMORY_COPY = Baseline("limit: copy", "benchmarks.baselines.hardware_limits:MemoryCopy")
"""The hardware's limits are measured in each round, as the baselines are."""

CALIBRATION_SECONDS = 0.3
"""Shortest run from which the seconds per step are estimated."""


class Throughput:
    """Measure items per second: images, operations or bytes, whichever the baseline's `run(steps)` returns.

    Args:
        seconds: approximate length of one measurement.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._step_seconds: dict[str, float] = {}

    def __call__(self, worker: Worker) -> float:
        """Run as many steps as fill the time; the first call warms up before it measures.

        Args:
            worker: the baseline to measure.

        Returns:
            Items per second.

        Raises:
            WorkerError: the baseline failed.
        """
        if worker.name not in self._step_seconds:
            worker.call("run", 1)
            self._step_seconds[worker.name] = self._calibrate(worker)
        steps = max(1, round(self.seconds / self._step_seconds[worker.name]))
        items, elapsed = worker.call("run", steps)
        self._step_seconds[worker.name] = elapsed / steps
        return items / elapsed

    def _calibrate(self, worker: Worker) -> float:
        """Return the seconds per step, from runs that grow until one is long enough."""
        steps, elapsed = 1, 0.0
        while elapsed < min(CALIBRATION_SECONDS, self.seconds):
            _, elapsed = worker.call("run", steps)
            step_seconds, steps = elapsed / steps, steps * 4
        return step_seconds


def measure_in_rounds(workers: Sequence[Worker], rounds: int, measure: Callable[[Worker], float]) -> Measurements:
    """Measure every worker once per round; each round begins with the next worker.

    Args:
        workers: workers that are built and waiting.
        rounds: number of rounds.
        measure: takes one measurement; a `WorkerError` becomes None.

    Returns:
        The measurements of all rounds.
    """
    measurements: Measurements = {worker.name: [] for worker in workers}
    for number in range(rounds):
        first = number % len(workers)
        for worker in [*workers[first:], *workers[:first]]:
            try:
                value = measure(worker)
            except WorkerError:
                value = None
            measurements[worker.name].append(value)
            result = worker.error if value is None else f"{value:,.1f}"
            print(f"round {number + 1}/{rounds}  {worker.name}: {result}", file=sys.stderr, flush=True)
    return measurements


def describe_limits(measurements: Measurements) -> str:
    """Return the hardware limits of these measurements as a Markdown list."""
    lines = []
    if MATRIX_PRODUCT.name in measurements:
        product = median_and_range(measurements[MATRIX_PRODUCT.name], 1e-9)
        lines.append(f"- matrix product, float32, TensorFlow with oneDNN: {product} GFLOP/s")
    if MEMORY_COPY.name in measurements:
        copy = median_and_range(measurements[MEMORY_COPY.name], 1e-9)
        lines.append(f"- copy of a large array, bytes read and written: {copy} GB/s")
    return "\n".join(lines)
