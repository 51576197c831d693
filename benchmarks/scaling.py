"""How do speed and memory grow with the batch, the networks' width, the image and the data set?

One size is changed at a time. The matrix product is measured right after each, so that the last column compares
sizes even if the machine's speed changes in between.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import flops, machine
from benchmarks.synthetic_images import make_store
from benchmarks.timing import PRODUCT, Rate, Taken, alternate, number, ratio, spread, table
from benchmarks.options import parser
from benchmarks.workers import Baseline, Worker, WorkerFailed, started

BASE = {"image_size": 64, "channels": 3, "width": 64, "latent_dim": 100, "batch_size": 64}
AXES = {"batch_size": (16, 32, 64, 128, 256), "width": (16, 32, 64, 128), "image_size": (28, 32, 64, 128)}
STORES = (10_000, 40_000, 160_000)
SMALL = {
    "latent_dim": 100,
    "batch_size": 64,
    "generator_width": 16,
    "discriminator_width": 16,
    "discriminator_hidden": 0,
}
"""Networks that see many images in little time: memory for the data does not depend on their width."""


def sizes() -> Iterator[tuple[str, dict[str, int]]]:
    """Every size that is measured, with its name; the base comes once on each axis."""
    for axis, values in AXES.items():
        for value in values:
            yield f"{axis.replace('_', ' ')} {value}", {**BASE, axis: value}


def speed_row(name: str, shape: dict[str, int], rounds: int, seconds: float) -> list[str]:
    """Measure one size."""
    ours = Baseline(name, "benchmarks.baselines.ours:made", shape)
    with started([ours, PRODUCT]) as workers:
        taken = alternate(workers, rounds, Rate(seconds))
        try:
            facts = workers[0].ask("facts")[0]
        except WorkerFailed as error:
            return [name, str(error), "–", "–", "–"]
    return _row(name, taken, flops.step_flops(facts["forward"], facts["passes"]))


def _row(name: str, taken: Taken, flops: float) -> list[str]:
    """Speed, counted work an image, work a second, and its part of the limit."""
    part = ratio(taken[name], taken[PRODUCT.name])
    return [
        name,
        spread(taken[name]),
        number(flops / 1e9),
        spread(taken[name], flops / 1e9),
        number(part and part * flops),
    ]


def memory_row(store: Path, count: int, steps: int) -> list[str]:
    """Train so many steps on a store of `count` images; its memory in MB."""
    options = {"path": str(store), **SMALL}
    with started([Baseline(f"{count:,} images", "benchmarks.baselines.ours:mapped", options)]) as (worker,):
        try:
            return [worker.name, f"{store.stat().st_size / 1e6:,.0f}", *_resident(worker, steps)]
        except WorkerFailed as error:
            return [worker.name, str(error), "–", "–", "–"]


def _resident(worker: Worker, steps: int) -> list[str]:
    """The most memory while training: of its own, of mapped files, and of both together."""
    print(f"memory: {worker.name}", file=sys.stderr, flush=True)
    resident = worker.ask("run_watched", steps)[0]
    return [f"{resident[kind] / 1e6:,.0f}" for kind in ("anonymous", "file", "peak")]


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m benchmarks.scaling`"""
    made = parser(__doc__, rounds=3, seconds=15)
    made.add_argument("--memory-steps", type=int, default=1000, help="steps of 64 images in the memory table")
    made.add_argument("--only", choices=("speed", "memory"), help="leave the other table out")
    options = made.parse_args(arguments)
    if options.only != "memory":
        rows = [speed_row(name, shape, options.rounds, options.seconds) for name, shape in sizes()]
        base = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in BASE.items())
        head = (f"else {base}", "images/s, median (least–most)", "GFLOP an image", "GFLOP/s", "of the limit")
        print(table(head, rows), end="\n\n")
    if options.only != "speed":
        print(memory_table(options.memory_steps), end="\n\n")
    print(machine.describe())


def memory_table(steps: int) -> str:
    """Train on stores of several sizes, each in a process of its own."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in STORES:
            store = make_store(Path(folder) / "store.npy", count)
            rows.append(memory_row(store, count, steps))
            store.unlink()
    head = (
        f"64x64x3, {steps:,} steps of 64",
        "store, MB",
        "own memory, MB",
        "libraries and mapped store, MB",
        "peak, MB",
    )
    return table(head, rows)


if __name__ == "__main__":
    main()
