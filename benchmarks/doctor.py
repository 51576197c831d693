"""How well does `dcgan doctor` predict a training: its time, its memory and its disk?

For every configuration, the doctor runs and then the training, as a user starts them, each in a process of its own.
The predicted figures stand beside those measured from outside: seconds from start to exit, the largest resident memory,
and the bytes of the run directory (without the checkpoint that is being written).
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.commands import run_python
from benchmarks.options import argument_parser
from benchmarks.synthetic_images import write_jpegs
from benchmarks.tables import format_number, markdown_table

FOLDER_IMAGES = 600
"""Number of JPEGs of the folder; more than that only takes longer to prepare."""

CONFIGURATIONS = {
    "default, mnist10k": ["--steps", "300"],
    "folder, 64x64x3": ["--dataset", "folder", "--data-dir", "JPEGS", "--image-size", "64", "--steps", "120"],
    "unconditional, small": [
        *("--no-conditional", "--generator-width", "16", "--discriminator-width", "16"),
        *("--steps", "600", "--no-tensorboard"),
    ],
    "evaluations, mnist10k": ["--steps", "300", "--evaluate-every", "100"],
}
"""Options of `dcgan train`, by row; `JPEGS` stands for the folder of JPEGs."""


@dataclass(frozen=True)
class Comparison:
    """Predicted and measured figures of one training.

    Args:
        name: of the configuration.
        predicted: `seconds`, `memory` and `disk`.
        measured: likewise.
        doctor_seconds: how long the doctor took.
    """

    name: str
    predicted: dict[str, float]
    measured: dict[str, float]
    doctor_seconds: float


def compare(name: str, jpegs: Path) -> Comparison:
    """Run the doctor and the training of one configuration.

    Args:
        name: a key of `CONFIGURATIONS`.
        jpegs: folder of JPEGs; cache, run and report go into a temporary folder beside it.
    """
    with tempfile.TemporaryDirectory(dir=jpegs.parent) as place:
        paths = ["--run-dir", f"{place}/run", "--cache-dir", f"{place}/cache"]
        arguments = [str(jpegs) if word == "JPEGS" else word for word in (*CONFIGURATIONS[name], *paths)]
        report = Path(place) / "report.json"
        doctor = run_python(["-m", "dcgan", "doctor", *arguments, "--json", report])
        plan = json.loads(report.read_text(encoding="utf-8"))["plan"]
        training = run_python(["-m", "dcgan", "train", *arguments])
        run = sum(file.stat().st_size for file in (Path(place) / "run").rglob("*") if file.is_file())
    return Comparison(
        name,
        predicted_figures(plan),
        {
            "seconds": training.seconds,
            "memory": training.peak_memory,
            "disk": run,
        },
        doctor.seconds,
    )


def predicted_figures(plan: dict[str, Any]) -> dict[str, float]:
    """Return seconds, memory and disk of the plan in a doctor's report."""
    disk = plan["run_bytes"] - plan["disk"]["checkpoint that is being written"]
    return {"seconds": plan["total_seconds"], "memory": plan["memory"], "disk": disk}


def report(comparisons: Sequence[Comparison]) -> str:
    """Return the table of all comparisons: predicted, measured, and their ratio."""
    units = {"seconds": 1.0, "memory": 2.0**20, "disk": 2.0**20}
    rows = []
    for comparison in comparisons:
        row = [comparison.name]
        for figure, unit in units.items():
            predicted, measured = comparison.predicted[figure], comparison.measured[figure]
            row.append(
                f"{format_number(predicted / unit)} / {format_number(measured / unit)} = {predicted / measured:.2f}"
            )
        rows.append([*row, format_number(comparison.doctor_seconds)])
    header = ("predicted / measured = ratio", "seconds", "memory, MiB", "disk, MiB", "seconds of the doctor")
    return markdown_table(header, rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.doctor`."""
    parser = argument_parser(__doc__, rounds=1)
    parser.add_argument("--configurations", nargs="+", choices=list(CONFIGURATIONS), default=list(CONFIGURATIONS))
    options = parser.parse_args(arguments)
    comparisons = []
    with tempfile.TemporaryDirectory() as place:
        jpegs = Path(place) / "jpegs"
        write_jpegs(jpegs, FOLDER_IMAGES)
        for number in range(options.rounds):
            for name in options.configurations:
                comparisons.append(compare(name, jpegs))
                print(f"round {number + 1}/{options.rounds}  {comparisons[-1]}", file=sys.stderr, flush=True)
    print(f"{report(comparisons)}\n\n{machine.describe()}")


if __name__ == "__main__":
    main()
