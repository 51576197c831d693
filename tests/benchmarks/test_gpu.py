"""The comparison on a GPU, with workers that only count."""

import math
import time

import pytest

from benchmarks import gpu
from benchmarks.workers import WorkerError


class CountingWorker:
    """Trains `speed` images per second."""

    def __init__(self, name, speed, error=""):
        self.name, self.speed, self.error = name, speed, error

    def call(self, method, *arguments):
        if self.error:
            raise WorkerError(self.error)
        if method == "run":
            return arguments[0] * 100, arguments[0] * 100 / self.speed
        if method == "cost" and self.name == gpu.OURS:
            return {"forward": (1e6, 1e6)}, 0.0
        if method == "peak_memory" and self.speed < 1e9:
            return 3 * 2**20, 0.0
        raise WorkerError(method)


GROUP = gpu.Group("a network", [])


def test_rows_have_ratios_memory_and_the_fraction_of_the_matrix_rate():
    workers = [CountingWorker("ours", 600), CountingWorker("PyTorch", 400), CountingWorker(gpu.LIMIT.name, 1.2e10)]
    ours, torch, limit = gpu.measure(GROUP, workers, {}, 3, 0.1, math.inf)
    assert ours["median"] == pytest.approx(600)
    assert torch["ours_over_this"] == pytest.approx(1.5)
    assert ours["fraction_of_limit"] == pytest.approx(600 * 10e6 / 1.2e10)  # 3 and 7 passes of a million each
    assert (ours["peak_memory"], limit["peak_memory"]) == (3 * 2**20, None)
    table = gpu.report([ours, torch, limit])
    assert table.startswith("a network\n\n| ")
    assert "0.012 " not in table
    assert [line.split("|")[3].strip() for line in table.splitlines()[4:]] == ["1.00", "1.50", "–"]


def test_a_row_that_fails_or_comes_too_late_says_so():
    failed = CountingWorker("PyTorch", 1, error="RuntimeError: no GPU")
    first, second = gpu.measure(GROUP, [CountingWorker("ours", 600), failed], {}, 2, 0.1, math.inf)
    assert first["error"] == ""
    assert second["error"] == "RuntimeError: no GPU"
    assert second["ours_over_this"] is None
    (late,) = gpu.measure(GROUP, [CountingWorker("ours", 600)], {}, 2, 0.1, time.monotonic() - 1)
    assert late["error"] == "not measured: the time was up"
    assert late["values"] == []
    assert "not measured: the time was up" in gpu.report([late])


def test_ours_comes_first_in_each_group_and_rows_have_names_of_their_own():
    for rehearse in (False, True):
        for group in gpu.groups(rehearse):
            names = [baseline.name for baseline in group.baselines]
            assert names[0] == gpu.OURS
            assert len(set(names)) == len(names)


def test_a_row_of_two_groups_is_built_once():
    rows = [baseline for group in gpu.groups() for baseline in group.baselines]
    built = gpu.distinct(rows)
    assert len(built) < len(rows)
    assert all(built.count(row) == 1 for row in rows)


@pytest.mark.parametrize("at_once", [True, False])
def test_every_row_is_compiled_and_a_failure_has_no_time(at_once):
    workers = [CountingWorker("ours", 600), CountingWorker("PyTorch", 1, error="no GPU"), CountingWorker("limit", 50)]
    seconds = gpu.compile_rows(workers, at_once)
    assert [seconds[worker] for worker in workers] == [pytest.approx(0.2, abs=0.05), None, 2.0]
