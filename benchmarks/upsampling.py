"""Which way of upsampling draws best after equal time, and which leaves checkerboards?

The default recipe with each way of `--upsampling` in turn. Every training has the same time of one core, as in
`benchmarks.ablation_study`. The energy of checkerboards is the part of what pictures show that repeats every 2 or 4 pixels,
which the last doubling of the generator leaves and the one before it; the contrast says how far that stands out of what
lies around it in the spectrum. Real images have some of both, too.
"""

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.timing import number, table
from benchmarks.ablation_study import spread, study
from dcgan.config import UPSAMPLERS, DataConfig

HOME = "benchmarks.baselines.upsampling:Upsampled"

PARTS = 1e6
"""Energies are shown in millionths."""


def real_images(dataset: str, data_dir: Path | None) -> dict[str, float]:
    """The checkerboards of held-out images, as many as are drawn to look for them."""
    from benchmarks.baselines.upsampling import SEARCHED, checkerboards
    from dcgan.evaluation.splits import load_splits, random_subset

    held_out = load_splits(DataConfig(dataset=dataset, data_dir=data_dir)).held_out
    return checkerboards(random_subset(held_out, min(SEARCHED, len(held_out)))[0])


def report(results: Mapping[str, Sequence], real: Mapping[str, float]) -> str:
    """The table: a row a way, mean and standard deviation over the seeds, and a row for real images.

    Args:
        results: of `benchmarks.ablation_study.study`, judged once.
        real: what `checkerboards` says of real images.
    """
    rows = [_row(name, answers) for name, answers in results.items()]
    rows.append(["real images", "", *_checkerboards([real]), ""])
    columns = [f"{what}, period {period}" for period in (2, 4) for what in ("energy, 10⁻⁶", "contrast")]
    return table(("", "distance", *columns, "steps"), rows)


def _row(name: str, answers: Sequence) -> list[str]:
    """A way's figures, or why there are none."""
    failed = [answer for answer in answers if isinstance(answer, str)]
    if failed:
        return [name, failed[0], *[""] * 5]
    last = [seed[-1] for seed in answers]
    distance = spread([each["frechet_distance"] for each in last])
    return [name, distance, *_checkerboards(last), number(statistics.mean(each["step"] for each in last))]


def _checkerboards(figures: Sequence[Mapping[str, float]]) -> list[str]:
    """Energy and contrast of each period, in the order of the columns."""
    names = [(f"{what}_{period}", scale) for period in (2, 4) for what, scale in (("energy", PARTS), ("contrast", 1))]
    return [spread([scale * each[name] for each in figures]) for name, scale in names]


def sheet(results: Mapping[str, Sequence]) -> np.ndarray:
    """The stages of the first seed's pictures, a column a stage: for each picture a row a way, in the table's order."""
    from dcgan.sampling.generator_stages import stage_grid

    shown = [answers[0][-1]["stages"] for answers in results.values() if not isinstance(answers[0], str)]
    return stage_grid(np.stack(shown, axis=1).reshape(-1, *shown[0].shape[1:]))


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m benchmarks.upsampling`"""
    made = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    made.add_argument("--ways", nargs="+", choices=UPSAMPLERS, default=UPSAMPLERS, help="which to compare")
    made.add_argument("--dataset", default="mnist10k", help="as for train.py")
    made.add_argument("--data-dir", type=Path, help="as for train.py")
    made.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="a training of each")
    made.add_argument("--minutes", type=float, default=2.0, help="of one core, after which they are judged")
    made.add_argument("--pictures", type=int, default=10_000, help="drawn to be judged")
    made.add_argument("--jobs", type=int, default=2, help="trainings at a time, a core each")
    made.add_argument("--sheet", type=Path, help="PNG to write: pictures growing through the stages, way beside way")
    options = made.parse_args(arguments)
    where = {name: getattr(options, name) for name in ("dataset", "data_dir", "pictures")} | {"few": None}
    results = {}
    for way in options.ways:  # one after the other, each told as soon as it is known: the whole takes long
        recipe = {way: {"options": {"upsampling": way}}}
        results |= study(recipe, options.seeds, [options.minutes], options.jobs, HOME, **where)
        print(" | ".join(_row(way, results[way])), file=sys.stderr, flush=True)
    real = real_images(options.dataset, options.data_dir)
    print(report(results, real), machine.describe(), sep="\n\n")
    if options.sheet:
        from dcgan.visualization import save_png

        save_png(options.sheet, sheet(results))


if __name__ == "__main__":
    main()
