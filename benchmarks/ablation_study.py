"""Which recipe draws best after equal time? Each differs from another in one thing; the winners are the defaults.

Every training has the same time of one core, by its process' own clock, so that two run side by side and what else the
machine does costs nothing but patience. The Fréchet distance is to held-out images, in the features of the data set's
classifier: to the test split, or where there is none to half of the images, which is then not trained on. `--few 1000`
trains on so many images, which is what DiffAugment is for. R1 needs gradients of gradients, which the compiled layers
don't have: it runs with `compile=none`, and does fewer steps in the time than it could.
"""

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks import machine
from benchmarks.timing import number, table
from benchmarks.workers import ONEDNN, Baseline, Worker, WorkerFailed

HOME = "benchmarks.baselines.variants:Training"

ONE_CORE = ONEDNN | {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}

Recipes = Mapping[str, dict[str, Any]]
"""Arguments of `benchmarks.baselines.variants.Recipe` by a name for the table."""


def _paper(**options: Any) -> dict[str, Any]:
    return {"options": {"preset": "paper", **options}}


PAPER: Recipes = {
    "paper": _paper(),
    "batch 64": _paper(batch_size=64),
    "batch 32": _paper(batch_size=32),
    "learning rates 5e-4": _paper(generator_lr=5e-4, discriminator_lr=5e-4),
    "learning rates 1e-3": _paper(generator_lr=1e-3, discriminator_lr=1e-3),
    "G 2e-4, D 8e-4": _paper(discriminator_lr=8e-4),
    "width 32": _paper(generator_width=32, discriminator_width=32),
    "kernel 5": _paper(kernel=5),
    "EMA 0.999": _paper(ema_decay=0.999),
    "labels": _paper(conditional=True),
    "smoothing 0.9": _paper() | {"target": 0.9},
    "spectral normalisation": _paper() | {"spectral": True},
    "R1, γ 0.1": _paper(compile="none") | {"penalty": 0.1},
    "hinge": _paper() | {"loss": "hinge"},
    "256 hidden units": _paper(discriminator_hidden=256),
    "enlarging, nearest": _paper(upsampling="nearest"),
    "DiffAugment, translation": _paper(augment="translation"),
    "packing 2": _paper() | {"pack": 2},
}
"""The plain recipe, and one thing changed at a time."""

DEFAULT: Recipes = {
    "default": {},
    "without labels": {"options": {"conditional": False}},
    "without labels, no hidden layer": {"options": {"conditional": False, "discriminator_hidden": 0}},
    "batch 128": {"options": {"batch_size": 128}},
    "batch 32": {"options": {"batch_size": 32}},
    "learning rates 2e-4": {"options": {"generator_lr": 2e-4, "discriminator_lr": 2e-4}},
    "learning rates 1e-3": {"options": {"generator_lr": 1e-3, "discriminator_lr": 1e-3}},
    "kernel 4": {"options": {"kernel": 4}},
    "kernels learnt pixel by pixel": {"options": {"upsampling": "transposed"}},
    "generator's width 32": {"options": {"generator_width": 32}},
    "generator's width 64": {"options": {"generator_width": 64}},
    "discriminator's width 64": {"options": {"discriminator_width": 64}},
    "no hidden layer": {"options": {"discriminator_hidden": 0}},
    "1024 hidden units": {"options": {"discriminator_hidden": 1024}},
    "latents of 100": {"options": {"latent_dim": 100}},
    "no EMA": {"options": {"ema_decay": 0.0}},
    "smoothing 0.9": {"target": 0.9},
    "R1, γ 0.1": {"options": {"compile": "none"}, "penalty": 0.1},
    "DiffAugment, translation": {"options": {"augment": "translation"}},
}
"""The default recipe, and one thing changed at a time."""

SETS = {"paper": PAPER, "default": DEFAULT}


def study(
    recipes: Recipes, seeds: Sequence[int], minutes: Sequence[float], jobs: int, home: str = HOME, **where: Any
) -> dict:
    """Train every recipe with every seed.

    Args:
        recipes: what is compared.
        seeds: one training each.
        minutes: of one core, after which it is judged; increasing.
        jobs: trainings at a time.
        home: of the baseline that trains.
        where: `dataset`, `data_dir`, `few` and `pictures` of the trainings.

    Returns:
        By recipe, a list a seed: what `Training.train` returned after each of the minutes, or why there is nothing.
    """
    tasks = [(name, seed) for seed in seeds for name in recipes]

    def run(task: tuple[str, int]) -> list[dict[str, float]] | str:
        name, seed = task
        return _train(Baseline(name, home, {"recipe": recipes[name], "seed": seed, **where}, ONE_CORE), minutes, seed)

    first, *rest = tasks
    results = {first: run(first)}  # alone: it may have to train the classifier
    with ThreadPoolExecutor(jobs) as pool:
        results |= dict(zip(rest, pool.map(run, rest), strict=True))
    return {name: [results[name, seed] for seed in seeds] for name in recipes}


def _train(baseline: Baseline, minutes: Sequence[float], seed: int) -> list[dict[str, float]] | str:
    """One training, or why it came to nothing."""
    worker = Worker(baseline)
    try:
        spans = [60 * (end - start) for start, end in zip([0.0, *minutes], minutes, strict=False)]
        answers = [worker.ask("train", span)[0] for span in spans]
    except WorkerFailed as error:
        print(f"{baseline.name}, seed {seed}, failed: {error}", file=sys.stderr, flush=True)
        return str(error)
    finally:
        worker.close()
    told = ", ".join(f"{answer['frechet_distance']:.3g} at step {answer['step']}" for answer in answers)
    print(f"{baseline.name}, seed {seed}: {told}", file=sys.stderr, flush=True)
    return answers


def report(results: Mapping[str, Sequence], minutes: Sequence[float]) -> str:
    """The table: mean and standard deviation over the seeds, and the ratio to the first recipe's mean.

    Below it, which trainings failed, and why; a row is about the others.
    """
    done = {name: [seed for seed in answers if not isinstance(seed, str)] for name, answers in results.items()}
    means = {name: _means(answers, len(minutes)) for name, answers in done.items()}
    reference = next(iter(means.values()))
    rows = []
    for name, answers in done.items():
        if not answers:
            rows.append([name, *["failed"] * len(minutes), "", ""])
            continue
        cells = [spread([seed[i]["frechet_distance"] for seed in answers]) for i in range(len(minutes))]
        ratio = means[name][-1] / reference[-1] if reference else None
        rows.append([name, *cells, number(ratio), number(statistics.mean(seed[-1]["step"] for seed in answers))])
    columns = [f"distance after {number(end)} min" for end in minutes]
    return "\n\n".join([table(("", *columns, "ratio", "steps"), rows), *_failures(results)])


def _failures(results: Mapping[str, Sequence]) -> list[str]:
    """A line a training that failed; seeds are counted from 0."""
    tried = ((name, seed, each) for name, answers in results.items() for seed, each in enumerate(answers))
    return [
        f"{name}, seed {seed}, failed and is not in its row: {why}" for name, seed, why in tried if isinstance(why, str)
    ]


def _means(answers: Sequence, count: int) -> list[float]:
    """The mean distance after each of the minutes; empty where no training came to an end."""
    if not answers:
        return []
    return [statistics.mean(seed[i]["frechet_distance"] for seed in answers) for i in range(count)]


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation."""
    deviation = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3g}{deviation}"


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m benchmarks.ablation_study`"""
    made = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    made.add_argument("--set", choices=SETS, default="paper", help="which recipe the others differ from")
    made.add_argument("--only", default="", help="part of the names to compare beside the first, parted by commas")
    made.add_argument("--dataset", default="mnist10k", help="as for train.py")
    made.add_argument("--data-dir", help="as for train.py")
    made.add_argument("--seeds", type=int, default=3, help="trainings of each")
    made.add_argument("--minutes", type=float, nargs="+", default=[2.0, 4.0], help="of one core, when they are judged")
    made.add_argument("--pictures", type=int, default=10_000, help="drawn to be judged")
    made.add_argument("--few", type=int, help="train on so many images only")
    made.add_argument("--jobs", type=int, default=2, help="trainings at a time, a core each")
    options = made.parse_args(arguments)
    first, *others = SETS[options.set].items()
    parts = [part.strip() for part in options.only.split(",")]
    recipes = dict([first, *(pair for pair in others if any(part in pair[0] for part in parts))])
    where = {name: getattr(options, name) for name in ("dataset", "data_dir", "few", "pictures")}
    results = study(recipes, range(options.seeds), sorted(options.minutes), options.jobs, **where)
    print(report(results, sorted(options.minutes)), machine.describe(), sep="\n\n")


if __name__ == "__main__":
    main()
