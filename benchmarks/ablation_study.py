"""Which variant of a preset generates the best images after equal time? A row differs in what its name says alone.

Every training has the same processor time of one core, so that two can run side by side and other load on the machine
costs patience alone. The Fréchet distance is to held-out images, in the features of the dataset's classifier: to the
test split, or without one to half of the images, which is then not trained on. `--train-images 1000` trains on that
many images, which is what DiffAugment is for. Most rows change one thing. Those that change two, because the two depend
on each other, stand beside rows that change one of them each: the discriminator's hidden layer with the upsampling,
whose default follows from it in `train.py`, and R1 with `compile=none`, since it needs second derivatives, which the
fast CPU layers don't have.
"""

import statistics
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from benchmarks import machine
from benchmarks.baselines import Variant
from benchmarks.options import add_dataset_options, argument_parser, parse_variant
from benchmarks.tables import format_number, markdown_table, mean_and_deviation
from benchmarks.workers import ONEDNN, Baseline, Worker, WorkerError
from dcgan.config import AUGMENTATIONS

TRAINING = "benchmarks.baselines.variants:VariantTraining"

ONE_CORE = ONEDNN | {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}

Variants = Mapping[str, Variant]
"""Variants by row name."""

Results = Mapping[str, Sequence[list[dict[str, Any]] | str]]
"""By row name, for each seed: the metrics after each training time, or the error message of a failed training."""


ALL = ",".join(AUGMENTATIONS)
"""Every augmentation, for `--augment`."""


def _paper(changes: Mapping[str, Any] | None = None, **ideas: Any) -> Variant:
    """Return a variant of the preset `paper`."""
    return Variant({"preset": "paper", **(changes or {})}, **ideas)


PAPER: Variants = {
    "paper": _paper(),
    "batch 64": _paper({"batch_size": 64}),
    "batch 32": _paper({"batch_size": 32}),
    "learning rates 5e-4": _paper({"generator_lr": 5e-4, "discriminator_lr": 5e-4}),
    "learning rates 1e-3": _paper({"generator_lr": 1e-3, "discriminator_lr": 1e-3}),
    "G 2e-4, D 8e-4": _paper({"discriminator_lr": 8e-4}),
    "width 32": _paper({"generator_width": 32, "discriminator_width": 32}),
    "kernel 5": _paper({"kernel": 5}),
    "EMA 0.999": _paper({"ema_decay": 0.999}),
    "conditional": _paper({"conditional": True}),
    "label smoothing 0.9": _paper(real_target=0.9),
    "spectral normalization": _paper(spectral_norm=True),
    "not compiled": _paper({"compile": "none"}),
    "R1, γ 0.1, not compiled": _paper({"compile": "none"}, r1_gamma=0.1),
    "hinge": _paper(loss="hinge"),
    "256 hidden units": _paper({"discriminator_hidden": 256}),
    "nearest upsampling": _paper({"upsampling": "nearest", "discriminator_hidden": 0}),
    "nearest upsampling, 256 hidden units": _paper({"upsampling": "nearest", "discriminator_hidden": 256}),
    "DiffAugment, translation": _paper({"augment": "translation"}),
    "packing 2": _paper(pack=2),
}
"""The preset `paper`, and one change at a time, or two that also stand alone."""

DEFAULT: Variants = {
    "default": Variant(),
    "unconditional": Variant({"conditional": False}),
    "unconditional, no hidden layer": Variant({"conditional": False, "discriminator_hidden": 0}),
    "unconditional, no clusters": Variant({"conditional": False, "clusters": 0}),
    "unconditional, 50 clusters": Variant({"conditional": False, "clusters": 50}),
    "no clusters": Variant({"clusters": 0}),
    "100 clusters": Variant({"clusters": 100}),
    "no discriminator norm": Variant({"discriminator_norm": "none"}),
    "relativistic loss": Variant({"loss": "relativistic"}),
    "no discriminator norm, relativistic loss, gradient penalty 0.01": Variant(
        {"discriminator_norm": "none", "loss": "relativistic", "gradient_penalty": 0.01}
    ),
    "width 64": Variant({"generator_width": 64, "discriminator_width": 64}),
    "width 64, no hidden layer": Variant({"generator_width": 64, "discriminator_width": 64, "discriminator_hidden": 0}),
    "batch 128": Variant({"batch_size": 128}),
    "batch 32": Variant({"batch_size": 32}),
    "learning rates 2e-4": Variant({"generator_lr": 2e-4, "discriminator_lr": 2e-4}),
    "learning rates 1e-3": Variant({"generator_lr": 1e-3, "discriminator_lr": 1e-3}),
    "kernel 4": Variant({"kernel": 4}),
    "transposed upsampling": Variant({"upsampling": "transposed", "discriminator_hidden": 256}),
    "transposed upsampling, no hidden layer": Variant({"upsampling": "transposed", "discriminator_hidden": 0}),
    "generator width 32": Variant({"generator_width": 32}),
    "generator width 64": Variant({"generator_width": 64}),
    "discriminator width 64": Variant({"discriminator_width": 64}),
    "no hidden layer": Variant({"discriminator_hidden": 0}),
    "1024 hidden units": Variant({"discriminator_hidden": 1024}),
    "latent dim 100": Variant({"latent_dim": 100}),
    "no EMA": Variant({"ema_decay": 0.0}),
    "label smoothing 0.9": Variant(real_target=0.9),
    "not compiled": Variant({"compile": "none"}),
    "R1, γ 0.1, not compiled": Variant({"compile": "none"}, r1_gamma=0.1),
    "DiffAugment, translation": Variant({"augment": "translation"}),
    "DiffAugment, all": Variant({"augment": ALL}),
    "adaptive, all": Variant({"augment": ALL, "adaptive_augment": True}),
    "no augmentation": Variant({"augment": "none"}),
}
"""The preset `default`, and one change at a time, or two that also stand alone."""


def _large(**changes: Any) -> Variant:
    """Return a variant of the preset `default` for images of 64 pixels."""
    return Variant({"image_size": "64", **changes})


LARGE: Variants = {
    "large": _large(),
    "no clusters": _large(clusters=0),
    "width 64": _large(generator_width=64, discriminator_width=64),
    "256 hidden units": _large(discriminator_hidden=256),
    "nearest upsampling": _large(upsampling="nearest"),
    "nearest upsampling, 256 hidden units": _large(upsampling="nearest", discriminator_hidden=256),
    "nearest upsampling, width 64": _large(upsampling="nearest", generator_width=64, discriminator_width=64),
    "nearest upsampling, width 64, batch 64, no clusters": _large(
        upsampling="nearest", generator_width=64, discriminator_width=64, batch_size=64, clusters=0
    ),
    "no discriminator norm": _large(discriminator_norm="none"),
    "relativistic loss": _large(loss="relativistic"),
    "no discriminator norm, relativistic loss, gradient penalty 1": _large(
        discriminator_norm="none", loss="relativistic", gradient_penalty=1.0
    ),
    "learning rates 2e-4": _large(generator_lr=2e-4, discriminator_lr=2e-4),
    "kernel 6": _large(kernel=6),
    "batch 64": _large(batch_size=64),
    "DiffAugment, translation": _large(augment="translation"),
    "DiffAugment, all": _large(augment=ALL),
    "adaptive, all": _large(augment=ALL, adaptive_augment=True),
    "no augmentation": _large(augment="none"),
}
"""What the preset `default` has for images of 64 pixels, and one change at a time, or several that also stand alone.
The default before clusters was *nearest upsampling, width 64, batch 64, no clusters*."""

PRESETS = {"paper": PAPER, "default": DEFAULT, "large": LARGE}


def study(
    variants: Variants,
    seeds: Sequence[int],
    minutes: Sequence[float],
    jobs: int,
    training: str = TRAINING,
    **options: Any,
) -> Results:
    """Train every variant with every seed.

    Args:
        variants: what to compare.
        seeds: seeds of the trainings.
        minutes: processor time of one core after which to evaluate, increasing.
        jobs: number of trainings at a time.
        training: factory of the baseline that trains.
        options: `dataset`, `data_dir`, `train_images` and `num` of the trainings.

    Returns:
        The results in the order of the variants and seeds.
    """
    tasks = [(name, seed) for seed in seeds for name in variants]

    def run(task: tuple[str, int]) -> list[dict[str, Any]] | str:
        name, seed = task
        return train_variant(
            Baseline(name, training, {"variant": variants[name], "seed": seed, **options}, ONE_CORE), minutes
        )

    first, *rest = tasks
    results = {first: run(first)}  # alone, since it may have to train the classifier
    with ThreadPoolExecutor(jobs) as pool:
        results |= dict(zip(rest, pool.map(run, rest), strict=True))
    return {name: [results[name, seed] for seed in seeds] for name in variants}


def train_variant(baseline: Baseline, minutes: Sequence[float]) -> list[dict[str, Any]] | str:
    """Return the metrics after each training time, or the error message."""
    worker, name = Worker(baseline), f"{baseline.name}, seed {baseline.options['seed']}"
    try:
        spans = [60 * (end - start) for start, end in zip([0.0, *minutes], minutes, strict=False)]
        metrics = [worker.call("train", span)[0] for span in spans]
    except WorkerError as error:
        print(f"{name} failed: {error}", file=sys.stderr, flush=True)
        return str(error)
    finally:
        worker.close()
    distances = ", ".join(f"{each['frechet_distance']:.3g} at step {each['step']}" for each in metrics)
    print(f"{name}: {distances}", file=sys.stderr, flush=True)
    return metrics


def report(results: Results, minutes: Sequence[float]) -> str:
    """Return the table: mean and standard deviation over the seeds, and the ratio to the first row's mean.

    Failed trainings are left out of their row and listed below the table with their error.

    Args:
        results: as `study` returns them.
        minutes: as for `study`.
    """
    completed = {
        name: [metrics for metrics in by_seed if not isinstance(metrics, str)] for name, by_seed in results.items()
    }
    first = next(iter(completed.values()))
    reference = _mean(first, -1, "frechet_distance") if first else None
    rows = []
    for name, by_seed in completed.items():
        if not by_seed:
            rows.append([name, *["failed"] * len(minutes), "", ""])
            continue
        cells = [
            mean_and_deviation([metrics[i]["frechet_distance"] for metrics in by_seed]) for i in range(len(minutes))
        ]
        ratio = _mean(by_seed, -1, "frechet_distance") / reference if reference else None
        rows.append([name, *cells, format_number(ratio), format_number(_mean(by_seed, -1, "step"))])
    columns = [f"distance after {format_number(end)} min" for end in minutes]
    failures = [
        f"{name}, seed {seed}, failed and is not in its row: {error}"
        for name, by_seed in results.items()
        for seed, error in enumerate(by_seed)
        if isinstance(error, str)
    ]
    return "\n\n".join([markdown_table(("", *columns, "ratio", "steps"), rows), *failures])


def _mean(by_seed: Sequence[list[dict[str, Any]]], index: int, metric: str) -> float:
    """Return a metric's mean over the seeds after one of the training times."""
    return statistics.mean(metrics[index][metric] for metrics in by_seed)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.ablation_study`."""
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--preset",
        choices=PRESETS,
        default="paper",
        help="preset that the variants differ from; `large` is `default` for images of 64 pixels",
    )
    parser.add_argument(
        "--common", type=parse_variant, default={}, help="options of every training: name=value,name=value"
    )
    parser.add_argument("--only", default="", help="comma-separated parts of the variants' names to compare")
    add_dataset_options(parser)
    parser.add_argument("--seeds", type=int, default=3, help="number of trainings of each variant")
    parser.add_argument(
        "--minutes", type=float, nargs="+", default=[2.0, 4.0], help="processor time of one core before each evaluation"
    )
    parser.add_argument("--num", type=int, default=10_000, help="number of images to generate for an evaluation")
    parser.add_argument("--train-images", type=int, help="number of training images; all if not given")
    parser.add_argument("--jobs", type=int, default=2, help="number of trainings at a time, on a core each")
    options = parser.parse_args(arguments)
    first, *others = PRESETS[options.preset].items()
    parts = [part.strip() for part in options.only.split(",")]
    variants = dict([first, *(pair for pair in others if any(part in pair[0] for part in parts))])
    variants = {name: replace(variant, options=variant.options | options.common) for name, variant in variants.items()}
    training_options = {name: getattr(options, name) for name in ("dataset", "data_dir", "train_images", "num")}
    results = study(variants, range(options.seeds), sorted(options.minutes), options.jobs, **training_options)
    print(report(results, sorted(options.minutes)), machine.describe(), sep="\n\n")


if __name__ == "__main__":
    main()
