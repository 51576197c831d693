"""How many images per second does training process on a GPU, beside PyTorch on the same card?

DCGAN-64 (64 filters, latent 100, 64x64x3, 4x4 kernels) with 128 and 1,024 images a step, and the default network of
digits with 64 and 1,024. Ours is what `train.py` does: `--compile auto`, `--precision auto`, images in the GPU's
memory. PyTorch's rows go from its DCGAN example to everything that makes it faster. Rows that the time does not suffice
for say so.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import machine
from benchmarks.baselines import DCGANSize
from benchmarks.flops import step_flops
from benchmarks.options import argument_parser
from benchmarks.tables import format_number, markdown_table, median, median_and_range, ratio
from benchmarks.timing import Throughput, measure_in_rounds
from benchmarks.workers import Baseline, Worker, WorkerError, start_workers
from dcgan.core.resources import count_cores

OURS = "ours"
PACKAGE = "benchmarks.baselines."
TORCH = f"{PACKAGE}torch_loop:TorchGPULoop"
ROWS_AT_ONCE_FROM_CORES = 8
"""With so many cores all rows are built, and then compiled, at the same time: one after the other they take six
minutes."""

LIMIT = Baseline("limit: bfloat16 matrix product", f"{PACKAGE}torch_loop:TorchMatrixProduct")


class Group(NamedTuple):
    """Rows that are measured in turns.

    Args:
        name: what they compute.
        baselines: ours first.
    """

    name: str
    baselines: list[Baseline]


def groups(rehearse: bool = False) -> list[Group]:
    """Return all comparisons, the most important first.

    Args:
        rehearse: make networks, images and batches tiny, to try the command on a CPU.
    """
    tiny = {"image_size": 16, "width": 8} if rehearse else {}
    small, large = (DCGANSize(batch_size=size // (16 if rehearse else 1), **tiny) for size in (128, 1024))
    limit = replace(LIMIT, options={"size": 512}) if rehearse else LIMIT
    device = "cpu" if rehearse else "cuda"
    return [
        Group("DCGAN-64, 128 images a step", [_ours(small), *_torch(small, device), limit]),
        Group("digits, 64 images a step", _digits(64)),
        Group("DCGAN-64, 1,024 images a step", [_ours(large), *_torch(large, device)[:2]]),
        Group("digits, 1,024 images a step", _digits(1024)),
        Group("DCGAN-64, 1,024 images generated", _sampling(large)),
        Group("DCGAN-64, 128 images a step, options of ours", [_ours(small), *_variants(small)]),
    ]


def _ours(size: DCGANSize, **options: Any) -> Baseline:
    """Return our training with default options, or with others that change its speed."""
    name = "".join(f" --{key} {value}" for key, value in options.items())
    return Baseline(OURS + name, f"{PACKAGE}ours:random_image_training", {"size": size, **options})


def _variants(size: DCGANSize) -> list[Baseline]:
    """Return our training with every option that `auto` decides about."""
    return [
        _ours(size, precision="mixed_float16"),
        _ours(size, precision="float32"),
        _ours(size, compile="none"),
    ]


def _torch(size: DCGANSize, device: str) -> list[Baseline]:
    """Return PyTorch's fastest variants and its example."""
    fast = {"size": size, "channels_last": True, "bfloat16": True, "fused": True}
    name = "PyTorch, bfloat16, channels-last, fused Adam"
    compiled = fast | {"channels_last": False, "compiled": True}  # PyTorch 2.11 can't compile these in channels-last
    example = f"{PACKAGE}torch_loop:TorchLoop"
    return [
        Baseline(f"{name}, CUDA graph", TORCH, fast | {"graph": True}),
        Baseline("PyTorch, bfloat16, fused Adam, CUDA graph, torch.compile", TORCH, compiled | {"graph": True}),
        Baseline(name, TORCH, fast),
        Baseline("PyTorch, bfloat16, fused Adam, torch.compile", TORCH, compiled),
        Baseline("PyTorch, the example's loop", example, {"size": size, "device": device}),
        Baseline(
            "PyTorch, the example's loop, channels-last",
            example,
            {"size": size, "device": device, "channels_last": True},
        ),
    ]


def _digits(batch_size: int) -> list[Baseline]:
    """Return the default training on the embedded digits, and PyTorch with the same networks."""
    fast = {"batch_size": batch_size, "bfloat16": True, "channels_last": True, "fused": True, "graph": True}
    digits = f"{PACKAGE}torch_loop:TorchDigits"
    return [
        Baseline(OURS, f"{PACKAGE}ours:digit_training", {"batch_size": batch_size}),
        Baseline("PyTorch, bfloat16, channels-last, fused Adam, CUDA graph", digits, fast),
        Baseline("PyTorch, the same, torch.compile", digits, fast | {"compiled": True}),
    ]


def _sampling(size: DCGANSize) -> list[Baseline]:
    """Return `generate.py` and PyTorch's forward pass."""
    torch_sampling = f"{PACKAGE}torch_loop:TorchSampling"
    return [
        Baseline(OURS, f"{PACKAGE}ours:Sampling", {"size": size}),
        Baseline("PyTorch, TF32, channels-last", torch_sampling, {"size": size}),
        Baseline("PyTorch, bfloat16, channels-last", torch_sampling, {"size": size, "bfloat16": True}),
    ]


def distinct(baselines: Sequence[Baseline]) -> list[Baseline]:
    """Return each baseline once, in the order of the first: a row of two groups is built and compiled once."""
    return [baseline for index, baseline in enumerate(baselines) if baseline not in baselines[:index]]


def compile_rows(workers: Sequence[Worker], at_once: bool) -> dict[Worker, float | None]:
    """Run the first step of every row, the first row alone: XLA chooses kernels by measuring them.

    Args:
        workers: one per row, built.
        at_once: compile all but the first at the same time, which may cost them some of their speed.

    Returns:
        The seconds of each row's first step, None for a row that failed.
    """
    first, *others = workers
    seconds = {first: _run_once(first)}
    with ThreadPoolExecutor(len(workers) if at_once else 1) as pool:
        return seconds | dict(zip(others, pool.map(_run_once, others), strict=True))


def measure(
    group: Group,
    workers: Sequence[Worker],
    first_steps: Mapping[Worker, float | None],
    rounds: int,
    seconds: float,
    end: float,
) -> list[dict[str, Any]]:
    """Measure the rows of a group in turns.

    Args:
        group: what to measure.
        workers: one per row, compiled.
        first_steps: what `compile_rows` returned.
        rounds: number of measurements of each row.
        seconds: approximate length of a measurement.
        end: `time.monotonic()` after which no further group is measured.

    Returns:
        A record per row: `group`, `name`, `values` (images per second in each round), `median`, `ours_over_this`,
        `peak_memory` in bytes, `fraction_of_limit`, `first_step_seconds` and `error`.
    """
    ready = workers if time.monotonic() < end else []
    measurements = measure_in_rounds(ready, rounds, Throughput(seconds)) if ready else {}
    costs = {worker.name: _call(worker, "cost", {}) for worker in ready if worker.name == OURS}
    ours, limit = measurements.get(OURS, []), measurements.get(LIMIT.name)
    flops = step_flops(costs[OURS]["forward"]) if costs.get(OURS) else None
    records = []
    for worker in workers:
        values = measurements.get(worker.name, [])
        error = worker.error if None in values else "" if values else "not measured: the time was up"
        is_limit = worker.name == LIMIT.name
        of_limit = ratio(values, limit) if values and limit and not is_limit else None
        records.append(
            {
                "group": group.name,
                "name": worker.name,
                "values": values,
                "median": median(values),
                "ours_over_this": ratio(ours, values) if ours and values and not is_limit else None,
                "peak_memory": _call(worker, "peak_memory", None) if values and not error else None,
                "fraction_of_limit": of_limit and flops and of_limit * flops,
                "first_step_seconds": first_steps.get(worker),
                "error": error,
            }
        )
    return records


def _run_once(worker: Worker) -> float | None:
    """Return the seconds of a row's first step, which compiles; None if it failed."""
    try:
        return round(worker.call("run", 1)[1], 1)
    except WorkerError:
        return None


def _call(worker: Worker, method: str, default: Any) -> Any:
    """Return the result of a method that not every row has."""
    try:
        return worker.call(method)[0]
    except WorkerError:
        return default


def report(records: Sequence[dict[str, Any]]) -> str:
    """Return one Markdown table per group."""
    head = (
        "",
        "images/s, median (least–most)",
        "ours / this",
        "peak memory, MiB",
        "fraction of limit",
        "first step, s",
    )
    parts = []
    for name in dict.fromkeys(record["group"] for record in records):
        rows = [_row(record) for record in records if record["group"] == name]
        parts.append(f"{name}\n\n{markdown_table(head, rows)}")
    return "\n\n".join(parts)


def _row(record: dict[str, Any]) -> list[str]:
    if record["error"]:
        return [record["name"], record["error"], *["–"] * 4]
    speed = median_and_range(record["values"])
    if record["name"] == LIMIT.name:
        speed = f"{median_and_range(record['values'], 1e-12)} TFLOP/s"
    memory = record["peak_memory"]
    return [
        record["name"],
        speed,
        format_number(record["ours_over_this"]),
        format_number(memory and memory / 2**20),
        format_number(record["fraction_of_limit"]),
        format_number(record["first_step_seconds"]),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.gpu`."""
    parser = argument_parser(__doc__, rounds=5, seconds=0.5)
    parser.add_argument("--limit", type=float, default=220, help="seconds after which no further group is measured")
    parser.add_argument("--rehearse", action="store_true", help="tiny networks, to try the command on a CPU")
    parser.add_argument("--json", type=Path, help="file to write the measurements to, after each group")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    records: list[dict[str, Any]] = []
    compared = groups(options.rehearse)
    baselines = distinct([baseline for group in compared for baseline in group.baselines])
    at_once = count_cores() >= ROWS_AT_ONCE_FROM_CORES
    with start_workers(baselines, at_once) as workers:
        first_steps = compile_rows(workers, at_once)
        for group in compared:
            rows = [workers[baselines.index(baseline)] for baseline in group.baselines]
            records += measure(group, rows, first_steps, options.rounds, options.seconds, start + options.limit)
            if options.json:
                content = {"machine": machine.describe(), "cards": machine.describe_cards(), "records": records}
                options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            print(f"{time.monotonic() - start:.0f} s: {group.name}", file=sys.stderr, flush=True)
    print(f"{report(records)}\n\n{machine.describe_cards()}\n{machine.describe()}")


if __name__ == "__main__":
    main()
