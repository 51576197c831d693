"""How close is `generate.py` to the speed of the generator alone, and does its memory grow with the number of images?

The command runs as for a user, start-up and writing included. The limit is the forward pass alone at the same batch
size, before, between and after the commands of each round. The generator is untrained: its speed does not depend on its
weights.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.commands import CHECKOUT, CommandResult, run_python
from benchmarks.options import argument_parser
from benchmarks.tables import format_number, markdown_table, median, median_and_range, ratio
from benchmarks.timing import MATRIX_PRODUCT, Throughput, describe_limits
from benchmarks.workers import Baseline, Worker, start_workers

FEW = 1_000
SIZES = {"image_size": (64, 64), "channels": 3, "width": 64, "latent_dim": 100}


def generate(run_dir: Path, count: int) -> CommandResult:
    """Generate `count` images to an `.npy` file with the command, and delete the file.

    Args:
        run_dir: directory of `generator.keras`.
        count: number of images.
    """
    out = run_dir / "generated.npy"
    try:
        return run_python([CHECKOUT / "generate.py", "--run-dir", run_dir, "--num", str(count), "--out", out])
    finally:
        out.unlink(missing_ok=True)


def measure_round(
    run_dir: Path, count: int, forward: Worker, product: Worker, throughput: Throughput
) -> dict[str, float]:
    """Measure the limit and the command once, with a forward pass before, between and after the commands.

    Args:
        run_dir: directory of `generator.keras`.
        count: number of images of the long command; the short one generates `FEW`.
        forward: worker of the forward pass.
        product: worker of the matrix product.
        throughput: measures both workers.
    """
    product_speed = throughput(product)
    forward_speeds = [throughput(forward)]
    few = generate(run_dir, FEW)
    forward_speeds.append(throughput(forward))
    many = generate(run_dir, count)
    forward_speeds.append(throughput(forward))
    return {
        "product": product_speed,
        "forward": sum(forward_speeds) / len(forward_speeds),
        "command": count / many.seconds,
        "without start-up": (count - FEW) / (many.seconds - few.seconds),
        "peak memory of few": few.peak_memory,
        "peak memory of many": many.peak_memory,
    }


def report(rounds: Sequence[dict[str, float]], count: int, flops: float) -> str:
    """Return the tables of speed and memory.

    Args:
        rounds: results of `measure_round`.
        count: number of images of the long command.
        flops: operations per image.
    """
    measurements = {name: [values[name] for values in rounds] for name in rounds[0]}
    names = {
        "forward": "forward pass alone",
        "command": f"generate.py --num {count}, whole process",
        "without start-up": f"the same without start-up (images after the first {FEW})",
    }
    rows = [
        [
            text,
            median_and_range(measurements[name]),
            format_number(ratio(measurements[name], measurements["forward"])),
            format_number(flops * (ratio(measurements[name], measurements["product"]) or 0.0)),
        ]
        for name, text in names.items()
    ]
    head = ("64x64x3", "images/s, median (least–most)", "fraction of forward pass", "fraction of limit")
    speeds = markdown_table(head, rows)
    few, many = measurements["peak memory of few"], measurements["peak memory of many"]
    memory = [
        [f"{FEW:,}", median_and_range(few, 1e-6), ""],
        [f"{count:,}", median_and_range(many, 1e-6), format_number(1e-6 * ((median(many) or 0) - (median(few) or 0)))],
    ]
    head = ("images generated", "peak memory, MB, median (least–most)", "increase, MB")
    limit = describe_limits({MATRIX_PRODUCT.name: [*measurements["product"]]})
    return f"{speeds}\n\n{markdown_table(head, memory)}\n\n{limit}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.sampling`."""
    parser = argument_parser(__doc__, rounds=3, seconds=20)
    parser.add_argument("--num", type=int, default=100_000, help=f"number of images to generate, more than {FEW}")
    options = parser.parse_args(arguments)
    if options.num <= FEW:
        parser.error(f"--num {options.num} is too small. Use more than {FEW}.")
    with tempfile.TemporaryDirectory() as folder:
        run_dir, throughput = Path(folder), Throughput(options.seconds)
        forward_options = {"sizes": SIZES, "path": str(run_dir / "generator.keras")}
        forward_pass = Baseline("forward pass", "benchmarks.baselines.ours:ForwardPass", forward_options)
        with start_workers([forward_pass, MATRIX_PRODUCT]) as (forward, product):
            rounds = [measure_round(run_dir, options.num, forward, product, throughput) for _ in range(options.rounds)]
            flops = forward.call("flops")[0]
    print(f"{report(rounds, options.num, flops)}\n{machine.describe()}")


if __name__ == "__main__":
    main()
