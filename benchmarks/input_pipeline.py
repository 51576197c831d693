"""How fast is the feed alone, from a warm and from a cold store, and how fast are JPEGs prepared?

The feed gathers batches of 64x64x3 images from a memory-mapped store in shuffled order. Preparing reads a folder of
178x218 JPEGs; the other side is one thread that opens, cuts and resizes the same files and keeps nothing.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.synthetic_images import make_pictures, make_store
from benchmarks.timing import COPY, Rate, Taken, alternate, limits, number, ratio, spread, table
from benchmarks.options import parser
from benchmarks.workers import Baseline, Worker, WorkerFailed, started

HOME = "benchmarks.baselines.input_pipeline:"
IMAGE_BYTES = 64 * 64 * 3
WARM, COLD = "warm store", "cold store"
APPLICATION, ONE_CORE = "ours", "one core"


def feed(stores: tuple[Path, Path], batch_size: int, rounds: int, seconds: float, cold_batches: int) -> str:
    """Measure the feed; returns its table.

    Args:
        stores: two `.npy` files of images: what one process has mapped, another can't make cold.
        batch_size: images a batch.
        rounds, seconds: of the warm store.
        cold_batches: read from the cold store, one measurement; few enough that no image comes twice.
    """
    options = [{"path": str(store), "batch_size": batch_size} for store in stores]
    sides = [*(Baseline(name, f"{HOME}Feed", each) for name, each in zip((WARM, COLD), options, strict=True)), COPY]
    rate = Rate(seconds)
    with started(sides) as workers:
        taken = alternate(workers, rounds, lambda worker: _fed(worker, rate, cold_batches))
        told = _from_disk(workers[1], rounds * (cold_batches + 1) * batch_size)
        errors = {worker.name: worker.error for worker in workers}
    return f"{_feed_table(taken, errors)}\n\n{told}\n{limits(taken)}"


def _fed(worker: Worker, rate: Rate, cold_batches: int) -> float:
    """Images (or bytes) a second."""
    if worker.name == COLD:
        worker.ask("run", 1)  # starts what the first batch of a process starts
        worker.ask("forget")
        images, spent = worker.ask("run", cold_batches)
        return images / spent
    if worker.name == WARM:
        worker.ask("warm")
    return rate(worker)


def _from_disk(worker: Worker, images: int) -> str:
    """How cold the cold store was."""
    try:
        read = worker.ask("bytes_from_disk")[0]
    except WorkerFailed:
        return ""
    return f"- read from the disk in the cold runs: {read / images:,.0f} bytes for each image of {IMAGE_BYTES:,}"


def _feed_table(taken: Taken, errors: dict[str, str]) -> str:
    """Images a second, and the part of the copy's limit: each image is read once and written once."""
    rows = []
    for name in (WARM, COLD):
        part = ratio(taken[name], taken[COPY.name])
        rows.append(
            [
                name,
                errors[name] or spread(taken[name]),
                number(part and part * 2 * IMAGE_BYTES),
                number(ratio(taken[WARM], taken[name])),
            ]
        )
    return table(("64x64x3", "images/s, median (least–most)", "of the limit", "warm / this"), rows)


def preparing(folder: Path, count: int, rounds: int) -> str:
    """Measure the preparing of `count` JPEGs; returns its table."""
    pictures, size = make_pictures(folder / "pictures", count)
    ours = {"pictures": str(pictures), "cache_dir": str(folder / "store"), "image_size": 64}
    sides = [
        Baseline(APPLICATION, f"{HOME}Application", ours),
        Baseline(ONE_CORE, f"{HOME}OneCore", {"pictures": str(pictures), "image_size": 64}),
    ]
    with started(sides) as workers:
        taken = alternate(workers, rounds, _prepared)
        errors = {worker.name: worker.error for worker in workers}
    rows = [
        [name, errors[name] or spread(taken[name]), number(ratio(taken[APPLICATION], taken[name]))] for name in taken
    ]
    head = (f"{count:,} JPEGs of 178x218, {size / 1000:.1f} kB", "pictures/s, median (least–most)", "ours / theirs")
    return table(head, rows)


def _prepared(worker: Worker) -> float:
    """Pictures a second, over the whole folder once."""
    pictures, spent = worker.ask("run", 1)
    return pictures / spent


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m benchmarks.input_pipeline`"""
    made = parser(__doc__, rounds=7, seconds=3)
    made.add_argument("--images", type=int, default=50_000, help="images in the store")
    made.add_argument("--pictures", type=int, default=10_000, help="JPEGs to prepare")
    made.add_argument("--batch-size", type=int, default=64, help="images a batch")
    options = made.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        stores = tuple(make_store(Path(folder) / name, options.images) for name in ("warm.npy", "cold.npy"))
        cold_batches = max(1, min(100, options.images // options.batch_size))
        print(feed(stores, options.batch_size, options.rounds, options.seconds, cold_batches), end="\n\n")
        print(preparing(Path(folder), options.pictures, options.rounds), end="\n\n")
    print(machine.describe())


if __name__ == "__main__":
    main()
