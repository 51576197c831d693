"""How fast is the default MNIST run beside the widely used TensorFlow tutorial, in images/s and in time to a result?

Both learn from the 10,000 embedded digits. Ours is the default run; the tutorial is its 5x5 networks and Adam at 1e-4
in a plain loop, batch 256, default environment. With `--budget MINUTES` both are trained in turns for so long, and the
table says when each first drew digits as near to the real ones as the tutorial's are at the end.
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks import machine
from benchmarks.timing import PRODUCT, Rate, alternate, limits, number, table
from benchmarks.options import parser
from benchmarks.train_step import facts_of, report
from benchmarks.workers import Baseline, Worker, WorkerFailed, started

OURS = Baseline("ours", "benchmarks.baselines.ours:digits")
TUTORIAL = Baseline("tutorial", "benchmarks.baselines.tensorflow_loop:tutorial")
DISTANCE = Baseline("distance", "benchmarks.baselines.distance:Distance")

Curve = list[tuple[float, float]]
"""Seconds trained and the distance then, one a slice."""


def speed(rounds: int, seconds: float) -> str:
    """Images a second of both, and the counted work; returns the table."""
    with started([OURS, TUTORIAL, PRODUCT]) as workers:
        facts = {worker.name: facts_of(worker) for worker in workers}
        taken = alternate(workers, rounds, Rate(seconds))
        errors = {worker.name: worker.error for worker in workers}
    return f"{report(taken, facts, errors)}\n\n{limits(taken)}"


def race(budget: float, slice_seconds: float, count: int) -> dict[str, Curve]:
    """Train both for `budget` seconds each, a slice at a time in turns, and judge them after each.

    Args:
        budget: seconds of training, drawing and judging left out; the first slice holds the tracing.
        slice_seconds: of a turn.
        count: images that are drawn and judged.

    Raises:
        WorkerFailed: somebody can't.
    """
    with started([OURS, TUTORIAL, DISTANCE]) as (ours, tutorial, judge):
        curves: dict[str, Curve] = {OURS.name: [], TUTORIAL.name: []}
        while sum(curve[-1][0] if curve else 0.0 for curve in curves.values()) < len(curves) * budget:
            for worker in (ours, tutorial):
                curve = curves[worker.name]
                curve.append(_slice(worker, judge, curve[-1][0] if curve else 0.0, slice_seconds, count))
    return curves


def _slice(worker: Worker, judge: Worker, before: float, seconds: float, count: int) -> tuple[float, float]:
    """Train one slice further; how long it was trained by then, and the distance."""
    _, spent = worker.ask("train", seconds)
    drawn: np.ndarray = worker.ask("sample", count)[0]
    distance = judge.ask("to_real", drawn)[0]
    print(f"{worker.name}: {before + spent:,.0f} s, distance {distance:,.2f}", file=sys.stderr, flush=True)
    return before + spent, distance


def reached(curve: Curve, distance: float) -> float | None:
    """When a curve first was at or below a distance; None for never."""
    return next((seconds for seconds, value in curve if value <= distance), None)


def race_table(curves: dict[str, Curve]) -> str:
    """When both reached the tutorial's last distance, and the whole curves."""
    target = curves[TUTORIAL.name][-1][1]
    times = {name: reached(curve, target) for name, curve in curves.items()}
    ours, tutorial = times[OURS.name], times[TUTORIAL.name]
    faster = tutorial / ours if ours else None
    rows = [[name, number(seconds), number(curves[name][-1][1])] for name, seconds in times.items()]
    head = ("", f"seconds to a distance of {number(target)}", "distance at the end")
    both = zip(curves[OURS.name], curves[TUTORIAL.name], strict=True)
    steps = [[number(a), number(b), number(c), number(d)] for (a, b), (c, d) in both]
    curve = table(("ours, s", "distance", "tutorial, s", "distance"), steps)
    return f"{table(head, rows)}\n\ntutorial / ours: {number(faster)}\n\n{curve}"


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m benchmarks.mnist`"""
    made = parser(__doc__, rounds=7, seconds=10)
    made.add_argument("--budget", type=float, default=0.0, help="also train both so many minutes and compare results")
    made.add_argument("--slice", type=float, default=15.0, help="seconds of training between two judgements")
    made.add_argument("--samples", type=int, default=2000, help="images drawn for a judgement")
    options = made.parse_args(arguments)
    if options.rounds:
        print(speed(options.rounds, options.seconds), end="\n\n")
    if options.budget:
        print(_race(options), end="\n\n")
    print(machine.describe())


def _race(options: argparse.Namespace) -> str:
    """The race's table, or why there is none."""
    try:
        return race_table(race(60 * options.budget, options.slice, options.samples))
    except WorkerFailed as error:
        return f"no comparison of results: {error}"


if __name__ == "__main__":
    main()
