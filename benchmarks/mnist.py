"""How fast is the default MNIST run beside the widely used TensorFlow tutorial, in time to a result and per operation?

All train on the 10,000 embedded digits. Ours is the default run; the tutorial is its 5x5 networks and Adam at 1e-4 in a
plain loop, batch 256, once in the default environment and once with oneDNN, which ours turns on and TensorFlow does by
itself on some processors only. The networks are of different size, so that images per second do not compare the
programs: the speed is also given per counted operation. With `--budget MINUTES` all train in turns for that long, and
the table shows when each first reached the Fréchet distance with which the tutorial ends.
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks import machine
from benchmarks.flops import step_flops
from benchmarks.options import argument_parser
from benchmarks.tables import format_number, markdown_table, ratio
from benchmarks.timing import MATRIX_PRODUCT, Measurements, Throughput, describe_limits, measure_in_rounds
from benchmarks.train_step import report, training_cost
from benchmarks.workers import ONEDNN, Baseline, Worker, WorkerError, start_workers

OURS = Baseline("ours", "benchmarks.baselines.ours:digit_training")
TUTORIAL = Baseline("tutorial", "benchmarks.baselines.tensorflow_loop:tutorial_loop")
TUTORIAL_ONEDNN = Baseline("tutorial, oneDNN", TUTORIAL.factory, environment=ONEDNN)
DISTANCE = Baseline("distance", "benchmarks.baselines.ours:DigitDistance")

Curve = list[tuple[float, float]]
"""Seconds of training and the distance then, one pair per slice."""


def trainings() -> list[Baseline]:
    """Return what is compared, ours first and the tutorial, whose last distance is the goal, second."""
    return [OURS, TUTORIAL, TUTORIAL_ONEDNN]


def compare_speed(rounds: int, seconds: float) -> str:
    """Measure images per second of all; return the table, and the ratios per counted operation.

    Args:
        rounds: number of measurements.
        seconds: length of a measurement.
    """
    with start_workers([*trainings(), MATRIX_PRODUCT]) as workers:
        costs = {worker.name: training_cost(worker) for worker in workers}
        measurements = measure_in_rounds(workers, rounds, Throughput(seconds))
        errors = {worker.name: worker.error for worker in workers}
    table = report(measurements, costs, errors)
    return f"{table}\n\n{describe_operations(measurements, costs)}\n{describe_limits(measurements)}"


def describe_operations(measurements: Measurements, costs: dict[str, dict]) -> str:
    """Return how many counted operations ours computes in the time of one of each other row, as a Markdown list.

    Args:
        measurements: images per second by baseline.
        costs: `training_cost` by baseline; one that failed has none.
    """
    flops = {name: step_flops(cost["forward"], cost["passes"]) for name, cost in costs.items() if cost}
    lines = []
    for name in flops:
        if name != OURS.name and OURS.name in flops:
            speedup = ratio(measurements[OURS.name], measurements[name])
            per_operation = speedup and speedup * flops[OURS.name] / flops[name]
            lines.append(f"- counted operations per second, ours / {name}: {format_number(per_operation)}")
    return "\n".join(lines)


def compare_results(budget: float, slice_seconds: float, count: int) -> dict[str, Curve]:
    """Train all in alternating slices, and measure the distance after each slice.

    Args:
        budget: seconds of training of each, without generation and evaluation; the first slice includes tracing.
        slice_seconds: seconds of training per slice.
        count: number of images to generate after each slice.

    Returns:
        A curve for each.

    Raises:
        WorkerError: a baseline failed.
    """
    with start_workers([*trainings(), DISTANCE]) as (*workers, distance):
        curves: dict[str, Curve] = {worker.name: [] for worker in workers}
        while sum(curve[-1][0] if curve else 0.0 for curve in curves.values()) < len(curves) * budget:
            for worker in workers:
                curve = curves[worker.name]
                curve.append(_train_slice(worker, distance, curve[-1][0] if curve else 0.0, slice_seconds, count))
    return curves


def _train_slice(worker: Worker, distance: Worker, before: float, seconds: float, count: int) -> tuple[float, float]:
    """Train for one slice; return the total seconds of training and the distance."""
    _, elapsed = worker.call("train", seconds)
    generated: np.ndarray = worker.call("sample", count)[0]
    value = distance.call("to_real", generated)[0]
    print(f"{worker.name}: {before + elapsed:,.0f} s, distance {value:,.2f}", file=sys.stderr, flush=True)
    return before + elapsed, value


def seconds_to_distance(curve: Curve, distance: float) -> float | None:
    """Return when a curve first was at or below a distance; None if it never was."""
    return next((seconds for seconds, value in curve if value <= distance), None)


def results_table(curves: dict[str, Curve]) -> str:
    """Return the tables of when each reached the tutorial's last distance, and of the whole curves.

    Args:
        curves: a curve for each, among them ours and the tutorial's, all with as many slices.
    """
    target = curves[TUTORIAL.name][-1][1]
    times = {name: seconds_to_distance(curve, target) for name, curve in curves.items()}
    ours = times[OURS.name]
    rows = [
        [
            name,
            format_number(seconds),
            format_number(seconds / ours if ours and seconds else None),
            format_number(curves[name][-1][1]),
        ]
        for name, seconds in times.items()
    ]
    head = ("", f"seconds to a distance of {format_number(target)}", "this / ours", "final distance")
    curve_head = [column for name in curves for column in (f"{name}, s", "distance")]
    slices = zip(*curves.values(), strict=True)
    curve_rows = [[format_number(value) for pair in pairs for value in pair] for pairs in slices]
    return f"{markdown_table(head, rows)}\n\n{markdown_table(curve_head, curve_rows)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.mnist`."""
    parser = argument_parser(__doc__, rounds=7, seconds=10)
    parser.add_argument(
        "--budget", type=float, default=0.0, help="minutes to train each and compare results; 0 to skip"
    )
    parser.add_argument("--slice", type=float, default=15.0, help="seconds of training between two evaluations")
    parser.add_argument("--num", type=int, default=2000, help="number of images to generate for an evaluation")
    options = parser.parse_args(arguments)
    if options.rounds:
        print(compare_speed(options.rounds, options.seconds), end="\n\n")
    if options.budget:
        print(_compare_results(options), end="\n\n")
    print(machine.describe())


def _compare_results(options: argparse.Namespace) -> str:
    """Return the tables of results, or why there are none."""
    try:
        return results_table(compare_results(60 * options.budget, options.slice, options.num))
    except WorkerError as error:
        return f"no comparison of results: {error}"


if __name__ == "__main__":
    main()
