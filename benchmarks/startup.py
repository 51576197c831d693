"""How long does `--help` take, and how long does `train.py` take to its first step?

Each command runs as for a user. The lower bound of `--help` is Python with an empty program; that of the first step is
Python that imports TensorFlow and Keras alone. The first round is discarded: it warms the disk cache.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.commands import CHECKOUT, run_python
from benchmarks.options import argument_parser
from benchmarks.tables import format_number, markdown_table, median_and_range, ratio
from benchmarks.timing import Measurements

EMPTY, HELP, IMPORTS, FIRST_STEP = (
    "python -c pass",
    "train.py --help",
    "import tensorflow, keras",
    "train.py, first step",
)


def seconds_to_first_step() -> float:
    """Return the seconds from the start of a default run with one step to the line that reports the step.

    Raises:
        RuntimeError: the run did not report its first step.
    """
    with tempfile.TemporaryDirectory() as folder:
        arguments = [CHECKOUT / "train.py", "--steps", "1", "--run-dir", Path(folder) / "run"]
        result = run_python(arguments, matches=lambda line: line.startswith("step 1/"))
    if result.first_match is None:
        raise RuntimeError("train.py printed no line that starts with 'step 1/'")
    return result.first_match


COMMANDS: dict[str, Callable[[], float]] = {
    EMPTY: lambda: run_python(["-c", "pass"]).seconds,
    HELP: lambda: run_python([CHECKOUT / "train.py", "--help"]).seconds,
    IMPORTS: lambda: run_python(["-c", "import tensorflow, keras"]).seconds,
    FIRST_STEP: seconds_to_first_step,
}
"""Functions that return the seconds of a command, by row name."""

LOWER_BOUND = {HELP: EMPTY, FIRST_STEP: IMPORTS}


def measure_stages() -> dict[str, float]:
    """Return the seconds of each stage up to the first step, measured in a process of its own."""
    return json.loads(run_python(["-m", "benchmarks.baselines.startup"]).output.splitlines()[-1])


def measure(rounds: int) -> tuple[Measurements, Measurements]:
    """Measure the commands and the stages once per round, after a round that is discarded.

    Args:
        rounds: number of rounds that count.

    Returns:
        Seconds of the commands, and seconds of the stages.
    """
    commands: Measurements = {}
    stages: Measurements = {}
    for number in range(rounds + 1):
        command_seconds, stage_seconds = {name: run() for name, run in COMMANDS.items()}, measure_stages()
        print(f"round {number}/{rounds}  {command_seconds}", file=sys.stderr, flush=True)
        if number:
            for measurements, values in ((commands, command_seconds), (stages, stage_seconds)):
                for name, value in values.items():
                    measurements.setdefault(name, []).append(value)
    return commands, stages


def report(commands: Measurements, stages: Measurements) -> str:
    """Return the tables of commands and stages."""
    rows = [
        [
            name,
            median_and_range(values),
            format_number(ratio(values, commands[LOWER_BOUND[name]])) if name in LOWER_BOUND else "",
        ]
        for name, values in commands.items()
    ]
    command_table = markdown_table(("", "seconds, median (least–most)", "ratio to the row above"), rows)
    stage_rows = [[name, median_and_range(values)] for name, values in stages.items()]
    return f"{command_table}\n\n{markdown_table(('stage', 'seconds, median (least–most)'), stage_rows)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.startup`."""
    options = argument_parser(__doc__, rounds=7).parse_args(arguments)
    print(f"{report(*measure(options.rounds))}\n\n{machine.describe()}")


if __name__ == "__main__":
    main()
