"""How long does `--help` take, and how long is it from the call of `train.py` to its first step?

Each is run as a user runs it. Beside `--help` stands Python that does nothing, beside the first step Python that only
imports TensorFlow and Keras: nobody who uses them can be faster. The first round is
left out: it warms the disk's cache.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.commands import CHECKOUT, command
from benchmarks.timing import Taken, number, ratio, spread, table
from benchmarks.options import parser

NOTHING, HELP, IMPORTS, FIRST = "python -c pass", "train.py --help", "import tensorflow, keras", "train.py, first step"


def first_step() -> float:
    """Seconds from the call of the default run, with one step, to the line that tells of it."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [CHECKOUT / "train.py", "--steps", "1", "--run-dir", Path(folder) / "run"]
        outcome = command(arguments, awaited=lambda line: line.startswith("step 1/"))
    if outcome.seen is None:
        raise RuntimeError("train.py printed no line that begins with 'step 1/'")
    return outcome.seen


MEASURED: dict[str, Callable[[], float]] = {
    NOTHING: lambda: command(["-c", "pass"]).seconds,
    HELP: lambda: command([CHECKOUT / "train.py", "--help"]).seconds,
    IMPORTS: lambda: command(["-c", "import tensorflow, keras"]).seconds,
    FIRST: first_step,
}


def parts() -> dict[str, float]:
    """Seconds of each part of the way to the first step, in a process of its own."""
    return json.loads(command(["-m", "benchmarks.baselines.startup"]).output.splitlines()[-1])


def measure(rounds: int) -> tuple[Taken, Taken]:
    """Everything once a round, after a round that is not counted: the commands, and the parts."""
    taken: Taken = {name: [] for name in MEASURED}
    split: Taken = {}
    for turn in range(rounds + 1):
        values, pieces = {name: run() for name, run in MEASURED.items()}, parts()
        print(f"round {turn}/{rounds}  {values}", file=sys.stderr, flush=True)
        if turn:
            for name, value in values.items():
                taken[name].append(value)
            for name, value in pieces.items():
                split.setdefault(name, []).append(value)
    return taken, split


def report(taken: Taken, split: Taken) -> str:
    """Both tables."""
    floor = {HELP: NOTHING, FIRST: IMPORTS}
    rows = [
        [name, spread(values), number(ratio(values, taken[floor[name]])) if name in floor else ""]
        for name, values in taken.items()
    ]
    whole = table(("", "seconds, median (least–most)", "times the line above"), rows)
    pieces = [[name, spread(values)] for name, values in split.items()]
    return f"{whole}\n\n{table(('of the first step', 'seconds, median (least–most)'), pieces)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m benchmarks.startup`"""
    made = parser(__doc__, rounds=7)
    options = made.parse_args(arguments)
    print(f"{report(*measure(options.rounds))}\n\n{machine.describe()}")


if __name__ == "__main__":
    main()
