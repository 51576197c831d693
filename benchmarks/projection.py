"""Does a generator find its own pictures again, and how near does it come to real ones that no training saw?

Pictures that it drew and held-out images are projected alike (see `dcgan.sampling.projection`); a conditional generator
is told the class of each. The error is the mean square of the pixels' differences, in [-1, 1]. Rounding to 256 shades
alone is 5e-6.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.timing import number, table

KINDS = "held-out", "drawn"


def pictures(run_dir: Path | None, data_dir: Path | None, weights: str, count: int) -> tuple[str, object, dict]:
    """What is projected.

    Returns:
        A line about it, the generator, and by kind the images, uint8 (N, H, W, C), and their classes or None.
    """
    from dcgan.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    from dcgan import runs
    from dcgan.config import EvaluateConfig
    from dcgan.core import devices
    from dcgan.evaluation.splits import load_splits, random_subset
    from dcgan.runs.loading import data_options
    from dcgan.sampling.generation import generate_images
    from dcgan.sampling.selection import Selection

    devices.configure_tensorflow(seed=0)
    run = runs.find_run(run_dir)
    generator, classes = run.load_generator(weights), run.classes()
    real = load_splits(data_options(EvaluateConfig(run_dir=run_dir, data_dir=data_dir), run))
    images, labels = random_subset(real.held_out, count)
    drawn = generate_images(generator, Selection(range(count), classes).rows(generator.inputs[0].shape[-1]))
    kinds = (labels, classes.labels_for(range(count))) if classes else (None, None)
    return (
        f"{run.path.resolve().name}; {real.words}",
        generator,
        dict(zip(KINDS, zip((images, drawn), kinds, strict=True), strict=True)),
    )


def compare(generator, asked: dict, rarest: float | None, **options) -> dict[str, np.ndarray]:
    """The errors of each kind, float32 (N,).

    Args:
        generator: that draws.
        asked: as `pictures` gives it.
        rarest: as for `project`.
        options: of `project` as well.
    """
    from dcgan.sampling.projection import project

    found = {kind: project(generator, *known, rarest=rarest, **options) for kind, known in asked.items()}
    return {kind: one.errors[-1] for kind, one in found.items()}


def rows(name: str, errors: dict[str, np.ndarray]) -> list[list[str]]:
    """Two kinds, and how many times smaller the errors of drawn pictures are."""
    figures = {kind: (each.mean(), np.median(each), each.min(), each.max()) for kind, each in errors.items()}
    cells = [[f"{kind}, {name}", *(f"{value:.2g}" for value in each)] for kind, each in figures.items()]
    times = (number(real / drawn) for real, drawn in list(zip(*(figures[kind] for kind in KINDS), strict=True))[:2])
    return [*cells, [f"times smaller, {name}", *times, "", ""]]


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m benchmarks.projection`"""
    made = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    made.add_argument("--run-dir", type=Path, help="the run whose generator draws; by default the newest")
    made.add_argument("--data-dir", type=Path, help="where the data set lies, if not where the run had it")
    made.add_argument("--weights", choices=("ema", "raw", "best"), default="ema", help="as for generate.py")
    made.add_argument("--num", type=int, default=100, help="pictures of each kind")
    made.add_argument("--steps", type=int, default=2000, help="of the search")
    made.add_argument("--starts", type=int, default=4, help="of the search for each picture")
    made.add_argument("--seed", type=int, default=0, help="of the starts")
    options = made.parse_args(arguments)
    words, generator, asked = pictures(options.run_dir, options.data_dir, options.weights, options.num)
    print(words, flush=True)
    began, lines = time.monotonic(), []
    from dcgan.sampling.projection import RAREST

    search = {"starts": options.starts, "steps": options.steps, "seed": options.seed}
    for name, rarest in (("as long as training's", RAREST), ("of any length", None)):
        lines += rows(f"latents {name}", compare(generator, asked, rarest, **search))
    print(f"\n{table(('error', 'mean', 'median', 'least', 'most'), lines)}\n")
    print(f"- {options.num} pictures of each kind, {time.monotonic() - began:.0f} s\n{machine.describe()}")


if __name__ == "__main__":
    main()
