"""How near does `generate.py` come to the generator's own speed, and does its memory grow with what it draws?

The command is run as a user runs it, start-up and writing included; the limit is the forward pass alone, at the same
batch size, before and after it in each round. The generator is untrained: its speed does not depend on its weights.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.commands import CHECKOUT, Outcome, command
from benchmarks.timing import PRODUCT, Rate, limits, median, number, ratio, spread, table
from benchmarks.options import parser
from benchmarks.workers import Baseline, Worker, started

FEW = 1_000
SIZES = {"image_size": (64, 64), "channels": 3, "width": 64, "latent_dim": 100}


def draw(run_dir: Path, count: int) -> Outcome:
    """Draw `count` images to an `.npy` file with the command, and remove it."""
    out = run_dir / "drawn.npy"
    try:
        return command([CHECKOUT / "generate.py", "--run-dir", run_dir, "--num", str(count), "--out", out])
    finally:
        out.unlink(missing_ok=True)


def one_round(run_dir: Path, count: int, forward: Worker, product: Worker, rate: Rate) -> dict[str, float]:
    """Everybody once: the machine, the forward pass, few images, the forward pass again, many images, and again."""
    numbers = {"product": rate(product)}
    passes = [rate(forward)]
    few = draw(run_dir, FEW)
    passes.append(rate(forward))
    many = draw(run_dir, count)
    passes.append(rate(forward))
    return {
        **numbers,
        "forward": sum(passes) / len(passes),
        "whole": count / many.seconds,
        "without start": (count - FEW) / (many.seconds - few.seconds),
        "few peak": few.peak,
        "many peak": many.peak,
    }


def report(rounds: Sequence[dict[str, float]], count: int, flops: float) -> str:
    """The table of speeds, and that of memory."""
    taken = {name: [each[name] for each in rounds] for name in rounds[0]}
    names = {
        "forward": "the forward pass alone",
        "whole": f"generate.py --num {count}, from call to end",
        "without start": f"the same without start-up: its images after the first {FEW}",
    }
    rows = [
        [text, spread(taken[name]), number(ratio(taken[name], taken["forward"])), _part(taken, name, flops)]
        for name, text in names.items()
    ]
    speeds = table(("64x64x3", "images/s, median (least–most)", "of the forward pass", "of the limit"), rows)
    few, many = taken["few peak"], taken["many peak"]
    memory = [
        [f"{FEW:,}", spread(few, 1e-6), ""],
        [f"{count:,}", spread(many, 1e-6), number(1e-6 * (median(many) - median(few)))],
    ]
    head = ("images drawn", "peak memory, MB, median (least–most)", "more than for the first")
    return f"{speeds}\n\n{table(head, memory)}\n\n{limits({PRODUCT.name: taken['product']})}"


def _part(taken: dict[str, list[float]], name: str, flops: float) -> str:
    """The part of the product's limit that a speed is, by counted work."""
    return number(flops * ratio(taken[name], taken["product"]))


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m benchmarks.sampling`"""
    made = parser(__doc__, rounds=3, seconds=20)
    made.add_argument("--num", type=int, default=100_000, help=f"images to draw, more than {FEW}")
    options = made.parse_args(arguments)
    if options.num <= FEW:
        made.error(f"--num has to be more than {FEW}")
    with tempfile.TemporaryDirectory() as folder:
        run_dir, rate = Path(folder), Rate(options.seconds)
        forward = {"sizes": SIZES, "path": str(run_dir / "generator.keras")}
        sides = [Baseline("forward", "benchmarks.baselines.drawing:Forward", forward), PRODUCT]
        with started(sides) as workers:
            rounds = [one_round(run_dir, options.num, *workers, rate) for _ in range(options.rounds)]
            flops = workers[0].ask("flops")[0]
    print(f"{report(rounds, options.num, flops)}\n{machine.describe()}")


if __name__ == "__main__":
    main()
