"""Which upsampling method generates the best images after equal time, and which leaves checkerboards?

The default preset with each method of `--upsampling` in turn, with and without the discriminator's hidden layer: which
of the two is better depends on the method, and `train.py` has the layer by default only with those that resize. Every
training has the same processor time of one core, as in `benchmarks.ablation_study`. The energy of checkerboards is the
fraction of an image's energy that repeats every 2 or 4 pixels, left by the generator's last upsampling and the one
before it. The contrast compares this with neighboring frequencies of the spectrum. Real images have some of both.
"""

import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.ablation_study import Results, Variants, study
from benchmarks.baselines import Variant
from benchmarks.options import add_dataset_options, argument_parser
from benchmarks.tables import format_number, markdown_table, mean_and_deviation
from dcgan.config import UPSAMPLERS, DataConfig

TRAINING = "benchmarks.baselines.upsampling:UpsamplingTraining"

MILLIONTHS = 1e6
"""Unit of the energies in the table."""


def method_variants(methods: Sequence[str], hidden_units: Sequence[int]) -> Variants:
    """Return the default preset with every method and every size of the discriminator's hidden layer.

    Args:
        methods: upsampling methods.
        hidden_units: units of the hidden layer; 0 for none.

    Returns:
        Variants by row name; rows of one size differ in the method alone, rows of one method in the size alone.
    """
    return {
        f"{method}, {f'{units} hidden units' if units else 'no hidden layer'}": Variant(
            {"upsampling": method, "discriminator_hidden": units}
        )
        for units in hidden_units
        for method in methods
    }


def real_checkerboards(dataset: str, data_dir: Path | None) -> dict[str, float]:
    """Return the checkerboards of held-out images, at most as many as are generated to measure them.

    Args:
        dataset: as for `train.py`.
        data_dir: as for `train.py`.
    """
    from benchmarks.baselines.upsampling import CHECKERBOARD_IMAGES, checkerboards
    from dcgan.evaluation.splits import load_splits, random_subset

    held_out = load_splits(DataConfig(dataset=dataset, data_dir=data_dir)).held_out
    return checkerboards(random_subset(held_out, min(CHECKERBOARD_IMAGES, len(held_out)))[0])


def report(results: Results, real: Mapping[str, float]) -> str:
    """Return the table: a row per variant, with mean and standard deviation over the seeds, and a row of real images.

    Args:
        results: as `benchmarks.ablation_study.study` returns them, with one training time.
        real: `checkerboards` of real images.
    """
    rows = [_row(name, by_seed) for name, by_seed in results.items()]
    rows.append(["real images", "", *_checkerboard_cells([real]), ""])
    columns = [f"{quantity}, period {period}" for period in (2, 4) for quantity in ("energy, 10⁻⁶", "contrast")]
    return markdown_table(("", "distance", *columns, "steps"), rows)


def _row(name: str, by_seed: Sequence[list[dict[str, Any]] | str]) -> list[str]:
    """Return the row of a variant, or its error message."""
    failed = [error for error in by_seed if isinstance(error, str)]
    if failed:
        return [name, failed[0], *[""] * 5]
    last = [metrics[-1] for metrics in by_seed if not isinstance(metrics, str)]
    distance = mean_and_deviation([metrics["frechet_distance"] for metrics in last])
    steps = statistics.mean(metrics["step"] for metrics in last)
    return [name, distance, *_checkerboard_cells(last), format_number(steps)]


def _checkerboard_cells(by_seed: Sequence[Mapping[str, float]]) -> list[str]:
    """Return energy and contrast of each period, in the order of the columns."""
    names = [
        (f"{quantity}_{period}", scale)
        for period in (2, 4)
        for quantity, scale in (("energy", MILLIONTHS), ("contrast", 1))
    ]
    return [mean_and_deviation([scale * metrics[name] for metrics in by_seed]) for name, scale in names]


def stage_figure(results: Results) -> np.ndarray:
    """Return a grid of the first seed's images, a column per stage: for each image a row per variant.

    Args:
        results: as for `report`.

    Returns:
        uint8 (H, W, C).
    """
    from dcgan.sampling.generator_stages import stage_grid

    stages = [by_seed[0][-1]["stages"] for by_seed in results.values() if not isinstance(by_seed[0], str)]
    return stage_grid(np.stack(stages, axis=1).reshape(-1, *stages[0].shape[1:]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.upsampling`."""
    parser = argument_parser(__doc__)
    parser.add_argument("--methods", nargs="+", choices=UPSAMPLERS, default=UPSAMPLERS, help="methods to compare")
    parser.add_argument(
        "--hidden", type=int, nargs="+", default=[256, 0], help="units of the discriminator's hidden layer; 0 for none"
    )
    add_dataset_options(parser)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="seeds of the trainings of each method")
    parser.add_argument("--minutes", type=float, default=2.0, help="processor time of one core before the evaluation")
    parser.add_argument("--num", type=int, default=10_000, help="number of images to generate for the evaluation")
    parser.add_argument("--jobs", type=int, default=2, help="number of trainings at a time, on a core each")
    parser.add_argument("--figure", type=Path, help="PNG file to write: images at each stage of the generators")
    options = parser.parse_args(arguments)
    training_options = {name: getattr(options, name) for name in ("dataset", "data_dir", "num")}
    training_options["train_images"] = None
    results: dict[str, Any] = {}
    for name, variant in method_variants(options.methods, options.hidden).items():
        # One after the other, each printed at once: the whole takes long.
        results |= study({name: variant}, options.seeds, [options.minutes], options.jobs, TRAINING, **training_options)
        print(" | ".join(_row(name, results[name])), file=sys.stderr, flush=True)
    real = real_checkerboards(options.dataset, options.data_dir)
    print(report(results, real), machine.describe(), sep="\n\n")
    if options.figure:
        from dcgan.visualization import save_png

        save_png(options.figure, stage_figure(results))


if __name__ == "__main__":
    main()
