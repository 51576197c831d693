"""How fast is reading batches from a warm and from a cold cache, and how fast are JPEGs prepared?

Reading gathers batches of 64x64x3 images from a memory-mapped cache in shuffled order. Preparing reads a folder of
178x218 JPEGs; its baseline is one thread that opens, crops and resizes the same files and keeps nothing.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.options import argument_parser
from benchmarks.synthetic_images import write_cache, write_jpegs
from benchmarks.tables import format_number, markdown_table, median_and_range, ratio
from benchmarks.timing import MEMORY_COPY, Measurements, Throughput, describe_limits, measure_in_rounds
from benchmarks.workers import Baseline, Worker, WorkerError, start_workers

MODULE = "benchmarks.baselines.input_pipeline:"
IMAGE_BYTES = 64 * 64 * 3
WARM, COLD = "warm cache", "cold cache"
OURS, SINGLE_THREAD = "ours", "one thread"


def measure_reading(caches: tuple[Path, Path], batch_size: int, rounds: int, seconds: float, cold_batches: int) -> str:
    """Measure reading batches; return the table.

    Args:
        caches: two `.npy` files of images, since a process can't evict pages that another one has mapped.
        batch_size: images per batch.
        rounds: number of measurements.
        seconds: length of a measurement of the warm cache.
        cold_batches: batches of a measurement of the cold cache; few enough that no image repeats.
    """
    baselines = [
        Baseline(name, f"{MODULE}BatchReader", {"path": str(cache), "batch_size": batch_size})
        for name, cache in zip((WARM, COLD), caches, strict=True)
    ]
    throughput = Throughput(seconds)
    with start_workers([*baselines, MEMORY_COPY]) as workers:
        measurements = measure_in_rounds(
            workers, rounds, lambda worker: _reading_speed(worker, throughput, cold_batches)
        )
        disk_reads = _describe_disk_reads(workers[1], rounds * (cold_batches + 1) * batch_size)
        errors = {worker.name: worker.error for worker in workers}
    return f"{_reading_table(measurements, errors)}\n\n{disk_reads}\n{describe_limits(measurements)}"


def _reading_speed(worker: Worker, throughput: Throughput, cold_batches: int) -> float:
    """Return images per second; of the memory copy, bytes per second."""
    if worker.name == COLD:
        worker.call("run", 1)  # starts what the first batch of a process starts
        worker.call("drop_page_cache")
        images, seconds = worker.call("run", cold_batches)
        return images / seconds
    if worker.name == WARM:
        worker.call("fill_page_cache")
    return throughput(worker)


def _describe_disk_reads(worker: Worker, images: int) -> str:
    """Return how many bytes of the cold cache came from the disk."""
    try:
        read = worker.call("bytes_from_disk")[0]
    except WorkerError:
        return ""
    return f"- read from the disk in the cold runs: {read / images:,.0f} bytes per image of {IMAGE_BYTES:,}"


def _reading_table(measurements: Measurements, errors: dict[str, str]) -> str:
    """Return images per second and the fraction of the copy's limit; each image is read once and written once."""
    rows = []
    for name in (WARM, COLD):
        fraction = ratio(measurements[name], measurements[MEMORY_COPY.name])
        rows.append(
            [
                name,
                errors[name] or median_and_range(measurements[name]),
                format_number(fraction and fraction * 2 * IMAGE_BYTES),
                format_number(ratio(measurements[WARM], measurements[name])),
            ]
        )
    head = ("64x64x3", "images/s, median (least–most)", "fraction of limit", "warm / this")
    return markdown_table(head, rows)


def measure_preparing(folder: Path, count: int, rounds: int) -> str:
    """Measure preparing JPEGs; return the table.

    Args:
        folder: empty directory for the JPEGs and the cache.
        count: number of JPEGs.
        rounds: number of measurements.
    """
    jpegs = folder / "jpegs"
    mean_bytes = write_jpegs(jpegs, count)
    options = {"folder": str(jpegs), "image_size": 64}
    baselines = [
        Baseline(OURS, f"{MODULE}PrepareCommand", {**options, "cache_dir": str(folder / "cache")}),
        Baseline(SINGLE_THREAD, f"{MODULE}SingleThread", options),
    ]
    with start_workers(baselines) as workers:
        measurements = measure_in_rounds(workers, rounds, _preparing_speed)
        errors = {worker.name: worker.error for worker in workers}
    rows = [
        [name, errors[name] or median_and_range(values), format_number(ratio(measurements[OURS], values))]
        for name, values in measurements.items()
    ]
    head = (f"{count:,} JPEGs of 178x218, {mean_bytes / 1000:.1f} kB", "images/s, median (least–most)", "ours / this")
    return markdown_table(head, rows)


def _preparing_speed(worker: Worker) -> float:
    """Return images per second of one pass through the folder."""
    images, seconds = worker.call("run", 1)
    return images / seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.input_pipeline`."""
    parser = argument_parser(__doc__, rounds=7, seconds=3)
    parser.add_argument("--images", type=int, default=50_000, help="number of images in the cache")
    parser.add_argument("--jpegs", type=int, default=10_000, help="number of JPEGs to prepare")
    parser.add_argument("--batch-size", type=int, default=64, help="images per batch")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        caches = Path(folder) / "warm.npy", Path(folder) / "cold.npy"
        for cache in caches:
            write_cache(cache, options.images)
        cold_batches = max(1, min(100, options.images // options.batch_size))
        print(measure_reading(caches, options.batch_size, options.rounds, options.seconds, cold_batches), end="\n\n")
        print(measure_preparing(Path(folder), options.jpegs, options.rounds), end="\n\n")
    print(machine.describe())


if __name__ == "__main__":
    main()
