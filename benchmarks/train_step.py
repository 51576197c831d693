"""How many images per second does a DCGAN-64 training step process, beside PyTorch, plain TensorFlow and Keras `fit`?

Batch 128, 64 filters, latent 100, 64x64x3, 4x4 kernels: 3,576,704 and 2,765,568 weights in every row, on random images
in memory. Ours reads uint8 images through its own input pipeline; the baselines have float32 batches ready.
"""

from collections.abc import Sequence

from benchmarks import machine
from benchmarks.baselines import DCGANSize
from benchmarks.flops import step_flops
from benchmarks.options import argument_parser, parse_variant
from benchmarks.tables import format_number, markdown_table, median_and_range, ratio
from benchmarks.timing import MATRIX_PRODUCT, Measurements, Throughput, describe_limits, measure_in_rounds
from benchmarks.workers import Baseline, Worker, WorkerError, start_workers

PARAMETERS = (3_576_704, 2_765_568)
OURS = "ours"


def baselines(variants: Sequence[str], size: DCGANSize) -> list[Baseline]:
    """Return all baselines, ours first.

    Args:
        variants: further options of ours, each `name=value,…`.
        size: sizes of the networks and the step.
    """
    package, options = "benchmarks.baselines.", {"size": size}
    torch, ours = f"{package}torch_loop:TorchLoop", f"{package}ours:random_image_training"
    keras_fit = f"{package}keras_fit:KerasFit"
    return [
        Baseline(OURS, ours, options),
        *(Baseline(f"{OURS}, {text}", ours, {**options, **parse_variant(text)}) for text in variants),
        Baseline("PyTorch eager", torch, options),
        Baseline("PyTorch eager, channels-last", torch, {**options, "channels_last": True}),
        Baseline("PyTorch eager, bfloat16", torch, {**options, "bfloat16": True}),
        Baseline("PyTorch eager, bfloat16, channels-last", torch, {**options, "bfloat16": True, "channels_last": True}),
        Baseline("PyTorch torch.compile", torch, {**options, "compiled": True}),
        Baseline("PyTorch torch.compile, channels-last", torch, {**options, "channels_last": True, "compiled": True}),
        Baseline(
            "PyTorch torch.compile, bfloat16, channels-last",
            torch,
            {**options, "bfloat16": True, "channels_last": True, "compiled": True},
        ),
        Baseline("TensorFlow, two tapes", f"{package}tensorflow_loop:dcgan_loop", options),
        Baseline("Keras fit", keras_fit, options),
        Baseline("Keras fit, jit_compile=True", keras_fit, {**options, "jit_compile": True}),
        MATRIX_PRODUCT,
    ]


def training_cost(worker: Worker) -> dict:
    """Return a baseline's `flops.training_cost`; an empty dictionary for the limit and for one that failed."""
    if worker.name == MATRIX_PRODUCT.name:
        return {}
    try:
        return worker.call("cost")[0]
    except WorkerError:
        return {}


def check_parameters(costs: dict[str, dict], parameters: tuple[int, int]) -> None:
    """Check that all baselines have networks of the same size.

    Args:
        costs: `training_cost` by baseline name.
        parameters: trainable weights of the generator and the discriminator.

    Raises:
        ValueError: a network has another number of weights.
    """
    different = {name: cost["parameters"] for name, cost in costs.items() if cost["parameters"] != parameters}
    if different:
        raise ValueError(f"trainable weights of {different} differ from the expected {parameters}")


def report(measurements: Measurements, costs: dict[str, dict], errors: dict[str, str]) -> str:
    """Return the table.

    Args:
        measurements: images per second by baseline; of the limit, operations per second.
        costs: `training_cost` by baseline; one without `forward` has the operations of the first one's networks.
        errors: error message by the name of each baseline that failed.
    """
    known = next((cost["forward"] for cost in costs.values() if "forward" in cost), None)
    flops = {
        name: step_flops(forward, cost["passes"])
        for name, cost in costs.items()
        if "passes" in cost and (forward := cost.get("forward", known))
    }
    rows = [
        _row(name, measurements, flops.get(name), errors.get(name))
        for name in measurements
        if name != MATRIX_PRODUCT.name
    ]
    head = ("", "images/s, median (least–most)", "ours / this", "GFLOP per image", "fraction of limit")
    return markdown_table(head, rows)


def _row(name: str, measurements: Measurements, flops: float | None, error: str | None) -> list[str]:
    """Return one baseline's speed, ratio, operations per image, and fraction of the limit."""
    if error:
        return [name, error, "–", "–", "–"]
    fraction = ratio(measurements[name], measurements[MATRIX_PRODUCT.name])
    return [
        name,
        median_and_range(measurements[name]),
        format_number(ratio(measurements[OURS], measurements[name])),
        format_number(flops and flops / 1e9),
        format_number(fraction and flops and fraction * flops),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.train_step`."""
    parser = argument_parser(__doc__, rounds=7, seconds=20)
    parser.add_argument("--variant", action="append", default=[], help="add a row of ours with options NAME=VALUE,…")
    parser.add_argument("--only", default="", help="text that the names of the baselines to measure contain")
    options = parser.parse_args(arguments)
    chosen = [each for each in baselines(options.variant, DCGANSize()) if _is_chosen(each.name, options.only)]
    with start_workers(chosen) as workers:
        costs = {worker.name: cost for worker in workers if (cost := training_cost(worker))}
        check_parameters(costs, PARAMETERS)
        measurements = measure_in_rounds(workers, options.rounds, Throughput(options.seconds))
        errors = {worker.name: worker.error for worker in workers}
    print(f"{report(measurements, costs, errors)}\n\n{describe_limits(measurements)}\n{machine.describe()}")


def _is_chosen(name: str, only: str) -> bool:
    """Return whether to measure a baseline; ours and the limit always are."""
    return only in name or name.startswith(OURS) or name == MATRIX_PRODUCT.name


if __name__ == "__main__":
    main()
