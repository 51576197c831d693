"""How many images a second does a DCGAN-64 training step take in, beside PyTorch, plain TensorFlow and Keras `fit`?

Batch 128, 64 filters, latent 100, 64x64x3, 4x4 kernels: the same 3,576,704 and 2,765,568 weights for everybody, on made
images in memory. Ours is fed uint8 through its own feed; the others find float32 batches ready.
"""

from collections.abc import Sequence

from benchmarks import machine, work
from benchmarks.measure import PRODUCT, Rate, Taken, alternate, limits, number, ratio, spread, table
from benchmarks.options import parser, variant
from benchmarks.workers import Contestant, Worker, WorkerFailed, started

PARAMETERS = (3_576_704, 2_765_568)
SHAPE = {"image_size": 64, "channels": 3, "width": 64, "latent_dim": 100, "batch_size": 128}
OURS = "ours"


def contestants(variants: Sequence[str], shape: dict[str, int]) -> list[Contestant]:
    """Everybody, ours first.

    Args:
        variants: further options of ours, each `name=value,…`.
        shape: the networks' sizes.
    """
    home = "benchmarks.contestants."
    torch, ours = f"{home}torch_loop:TorchLoop", f"{home}ours:made"
    return [
        Contestant(OURS, ours, shape),
        *(Contestant(f"{OURS}, {text}", ours, {**shape, **variant(text)}) for text in variants),
        Contestant("PyTorch eager", torch, shape),
        Contestant("PyTorch eager, channels-last", torch, {**shape, "channels_last": True}),
        Contestant("PyTorch torch.compile", torch, {**shape, "compiled": True}),
        Contestant("PyTorch torch.compile, channels-last", torch, {**shape, "channels_last": True, "compiled": True}),
        Contestant("TensorFlow, two tapes", f"{home}two_tapes:dcgan", shape),
        Contestant("Keras fit", f"{home}keras_fit:Fit", shape),
        Contestant("Keras fit, jit_compile=True", f"{home}keras_fit:Fit", {**shape, "jit_compile": True}),
        PRODUCT,
    ]


def facts_of(worker: Worker) -> dict:
    """What a contestant says of itself; nothing of the limit, and of one that failed."""
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
        taken: images a second by contestant and round; of the limit, operations a second.
        facts: by contestant, as `work.facts` has them; who can't count its own work has networks like the first's.
        errors: by contestant that failed, why.
    """
    known = next((each["forward"] for each in facts.values() if "forward" in each), None)
    flops = {
        name: work.step_flops(forward, each["passes"])
        for name, each in facts.items()
        if "passes" in each and (forward := each.get("forward", known))
    }
    rows = [_row(name, taken, flops.get(name), errors.get(name)) for name in taken if name != PRODUCT.name]
    head = ("", "images/s, median (least–most)", "ours / theirs", "GFLOP an image", "of the limit")
    return table(head, rows)


def _row(name: str, taken: Taken, flops: float | None, error: str | None) -> list[str]:
    """One contestant: speed, ratio, counted work, and its part of the limit."""
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
    chosen = [c for c in contestants(options.variant, SHAPE) if _wanted(c.name, options.only)]
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
