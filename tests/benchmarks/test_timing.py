"""Measurements in rounds, on baselines whose speed is known."""

from benchmarks.timing import Throughput, measure_in_rounds
from benchmarks.workers import Baseline, start_workers
from tests.support.trivial_baseline import COUNTER, MODULE


def test_every_baseline_is_measured_once_per_round_in_rotating_order_and_a_failure_is_none():
    order = []

    def measure(worker):
        order.append(worker.name)
        return Throughput(0.01)(worker)

    failing = Baseline("failing", f"{MODULE}fail_to_build")
    with start_workers([COUNTER, failing, Baseline("seven", f"{MODULE}Counter", {"items": 7})]) as workers:
        measurements = measure_in_rounds(workers, 2, measure)
    assert order == ["counter", "failing", "seven", "failing", "seven", "counter"]
    assert measurements["failing"] == [None, None]
    assert all(value > 0 for value in measurements["counter"] + measurements["seven"])


def test_a_measurement_lasts_about_as_long_as_requested(counter):
    throughput = Throughput(0.05)
    throughput(counter)
    before = counter.call("steps_done")[0]
    throughput(counter)
    assert 10 <= counter.call("steps_done")[0] - before <= 60  # steps of a millisecond and what sleeping adds
