"""How do speed and memory grow with the batch, the networks' width, the image and the dataset?

One size changes at a time. The matrix product is measured right after each size, so that the fraction of the limit
compares sizes even if the machine's speed changes in between.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks import machine
from benchmarks.baselines import DCGANSize
from benchmarks.flops import step_flops
from benchmarks.options import argument_parser
from benchmarks.synthetic_images import write_cache
from benchmarks.tables import format_number, markdown_table, median_and_range, ratio
from benchmarks.timing import MATRIX_PRODUCT, Throughput, measure_in_rounds
from benchmarks.workers import Baseline, WorkerError, start_workers

DEFAULT_SIZE = DCGANSize(batch_size=64)
AXES = {"batch_size": (16, 32, 64, 128, 256), "width": (16, 32, 64, 128), "image_size": (28, 32, 64, 128)}
CACHE_SIZES = (10_000, 40_000, 160_000)
SMALL_NETWORKS = {
    "latent_dim": 100,
    "batch_size": 64,
    "generator_width": 16,
    "discriminator_width": 16,
    "discriminator_hidden": 0,
}
"""Networks that process many images in little time: the memory of the data does not depend on their width."""


def sizes() -> Iterator[tuple[str, DCGANSize]]:
    """Yield every size to measure with its name; the default size comes once per axis."""
    for axis, values in AXES.items():
        for value in values:
            yield f"{axis.replace('_', ' ')} {value}", replace(DEFAULT_SIZE, **{axis: value})


def speed_row(name: str, size: DCGANSize, rounds: int, seconds: float) -> list[str]:
    """Measure the speed of one size; return a row of the table.

    Args:
        name: name of the row.
        size: sizes of the networks and the step.
        rounds: number of measurements.
        seconds: length of a measurement.
    """
    ours = Baseline(name, "benchmarks.baselines.ours:random_image_training", {"size": size})
    with start_workers([ours, MATRIX_PRODUCT]) as workers:
        measurements = measure_in_rounds(workers, rounds, Throughput(seconds))
        try:
            cost = workers[0].call("cost")[0]
        except WorkerError as error:
            return [name, str(error), "–", "–", "–"]
    flops = step_flops(cost["forward"], cost["passes"])
    fraction = ratio(measurements[name], measurements[MATRIX_PRODUCT.name])
    return [
        name,
        median_and_range(measurements[name]),
        format_number(flops / 1e9),
        median_and_range(measurements[name], flops / 1e9),
        format_number(fraction and fraction * flops),
    ]


def memory_row(cache: Path, count: int, steps: int) -> list[str]:
    """Train on a cache; return its size and the peak memory in MB: anonymous, file-backed, and in total.

    Args:
        cache: `.npy` file of images.
        count: number of its images.
        steps: number of steps.
    """
    name = f"{count:,} images"
    print(f"memory: {name}", file=sys.stderr, flush=True)
    options = {"path": str(cache), **SMALL_NETWORKS}
    with start_workers([Baseline(name, "benchmarks.baselines.ours:cached_training", options)]) as (worker,):
        try:
            memory = worker.call("track_memory", steps)[0]
        except WorkerError as error:
            return [name, str(error), "–", "–", "–"]
    megabytes = (memory[part] / 1e6 for part in ("anonymous", "file", "peak"))
    return [name, f"{cache.stat().st_size / 1e6:,.0f}", *(f"{size:,.0f}" for size in megabytes)]


def memory_table(steps: int) -> str:
    """Train on caches of several sizes, each in a process of its own; return the table.

    Args:
        steps: number of steps of each training.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in CACHE_SIZES:
            cache = write_cache(Path(folder) / "cache.npy", count)
            rows.append(memory_row(cache, count, steps))
            cache.unlink()
    head = (
        f"64x64x3, {steps:,} steps of 64",
        "cache, MB",
        "anonymous memory, MB",
        "libraries and mapped cache, MB",
        "peak, MB",
    )
    return markdown_table(head, rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.scaling`."""
    parser = argument_parser(__doc__, rounds=3, seconds=15)
    parser.add_argument("--memory-steps", type=int, default=1000, help="steps of 64 images in the memory table")
    parser.add_argument("--only", choices=("speed", "memory"), help="print this table alone")
    options = parser.parse_args(arguments)
    if options.only != "memory":
        rows = [speed_row(name, size, options.rounds, options.seconds) for name, size in sizes()]
        default = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asdict(DEFAULT_SIZE).items())
        head = (f"else {default}", "images/s, median (least–most)", "GFLOP per image", "GFLOP/s", "fraction of limit")
        print(markdown_table(head, rows), end="\n\n")
    if options.only != "speed":
        print(memory_table(options.memory_steps), end="\n\n")
    print(machine.describe())


if __name__ == "__main__":
    main()
