"""How many images a second does a DCGAN-64 training step take in, beside PyTorch, plain TensorFlow and Keras `fit`?

Batch 128, 64 filters, latent 100, 64x64x3, 4x4 kernels: the same 3,576,704 and 2,765,568 weights for everybody, on made
images in memory. Ours is fed uint8 through its own feed; the others find float32 batches ready.
"""

from collections.abc import Sequence

from benchmarks import flops, machine
from benchmarks.timing import PRODUCT, Rate, Taken, alternate, limits, number, ratio, spread, table
from benchmarks.options import parser, variant
from benchmarks.workers import Baseline, Worker, WorkerFailed, started

PARAMETERS = (3_576_704, 2_765_568)
SHAPE = {"image_size": 64, "channels": 3, "width": 64, "latent_dim": 100, "batch_size": 128}
OURS = "ours"


def baselines(variants: Sequence[str], shape: dict[str, int]) -> list[Baseline]:
    """Everybody, ours first.

    Args:
        variants: further options of ours, each `name=value,…`.
        shape: the networks' sizes.
    """
    home = "benchmarks.baselines."
    torch, ours = f"{home}torch_loop:TorchLoop", f"{home}ours:made"
    return [
        Baseline(OURS, ours, shape),
        *(Baseline(f"{OURS}, {text}", ours, {**shape, **variant(text)}) for text in variants),
        Baseline("PyTorch eager", torch, shape),
        Baseline("PyTorch eager, channels-last", torch, {**shape, "channels_last": True}),
        Baseline("PyTorch torch.compile", torch, {**shape, "compiled": True}),
        Baseline("PyTorch torch.compile, channels-last", torch, {**shape, "channels_last": True, "compiled": True}),
        Baseline("TensorFlow, two tapes", f"{home}tensorflow_loop:dcgan", shape),
        Baseline("Keras fit", f"{home}keras_fit:Fit", shape),
        Baseline("Keras fit, jit_compile=True", f"{home}keras_fit:Fit", {**shape, "jit_compile": True}),
        PRODUCT,
    ]


def facts_of(worker: Worker) -> dict:
    """What a baseline says of itself; nothing of the limit, and of one that failed."""
    if worker.name == PRODUCT.name:
        return {}
    try:
        return worker.ask("facts")[0]
    except WorkerFailed:
        return {}


def check_same(facts: dict[str, dict], parameters: tuple[int, int]) -> None:
    """Refuse to compare networks of different sizes.

    Raises:
        ValueError: somebody has other numbers of weights.
    """
    different = {name: each["parameters"] for name, each in facts.items() if each["parameters"] != parameters}
    if different:
        raise ValueError(f"not the same networks: {different} instead of {parameters}")


def report(taken: Taken, facts: dict[str, dict], errors: dict[str, str]) -> str:
    """The table.

    Args:
        taken: images a second by baseline and round; of the limit, operations a second.
        facts: by baseline, as `flops.facts` has them; who can't count its own work has networks like the first's.
        errors: by baseline that failed, why.
    """
    known = next((each["forward"] for each in facts.values() if "forward" in each), None)
    flops = {
        name: flops.step_flops(forward, each["passes"])
        for name, each in facts.items()
        if "passes" in each and (forward := each.get("forward", known))
    }
    rows = [_row(name, taken, flops.get(name), errors.get(name)) for name in taken if name != PRODUCT.name]
    head = ("", "images/s, median (least–most)", "ours / theirs", "GFLOP an image", "of the limit")
    return table(head, rows)


def _row(name: str, taken: Taken, flops: float | None, error: str | None) -> list[str]:
    """One baseline: speed, ratio, counted work, and its part of the limit."""
    if error:
        return [name, error, "–", "–", "–"]
    part = ratio(taken[name], taken[PRODUCT.name])
    return [
        name,
        spread(taken[name]),
        number(ratio(taken[OURS], taken[name])),
        number(flops and flops / 1e9),
        number(part and flops and part * flops),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m benchmarks.train_step`"""
    made = parser(__doc__, rounds=7, seconds=20)
    made.add_argument("--variant", action="append", default=[], help="also ours with NAME=VALUE,… of its options")
    made.add_argument("--only", default="", help="leave out all peers whose name does not hold this text")
    options = made.parse_args(arguments)
    chosen = [c for c in baselines(options.variant, SHAPE) if _wanted(c.name, options.only)]
    with started(chosen) as workers:
        facts = {worker.name: found for worker in workers if (found := facts_of(worker))}
        check_same(facts, PARAMETERS)
        taken = alternate(workers, options.rounds, Rate(options.seconds))
        errors = {worker.name: worker.error for worker in workers}
    print(f"{report(taken, facts, errors)}\n\n{limits(taken)}\n{machine.describe()}")


def _wanted(name: str, only: str) -> bool:
    return only in name or name.startswith(OURS) or name == PRODUCT.name


if __name__ == "__main__":
    main()
