"""Does projection recover a generator's own images, and how close does it come to held-out real images?

Generated and held-out images are projected alike (see `dcgan.sampling.projection`), with the class label of each for a
conditional generator. The error is the mean squared difference of the pixels, in [-1, 1]. Rounding to 256 levels alone
is 5e-6.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.options import add_run_options, argument_parser
from benchmarks.tables import format_number, markdown_table

HELD_OUT, GENERATED = "held-out", "generated"

Targets = dict[str, tuple[np.ndarray, np.ndarray | None]]
"""Images to project by row name, uint8 (N, H, W, C), with their class labels, int (N,), or None."""


def load_targets(run_dir: Path | None, data_dir: Path | None, weights: str, count: int) -> tuple[str, Any, Targets]:
    """Load a run's generator and the images to project.

    Args:
        run_dir: run directory; None for the newest run.
        data_dir: directory of the dataset, if it has moved since the training.
        weights: as for `Run.load_generator`.
        count: number of generated and of held-out images.

    Returns:
        A description, the generator, and the images.
    """
    from dcgan.core.imports import import_tensorflow

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
    held_out, labels = random_subset(real.held_out, count)
    generated = generate_images(generator, Selection(range(count), classes).rows(generator.inputs[0].shape[-1]))
    targets: Targets = {
        HELD_OUT: (held_out, labels if classes else None),
        GENERATED: (generated, classes.labels_for(range(count)) if classes else None),
    }
    return f"{run.path.resolve().name}; {real.description}", generator, targets


def projection_errors(
    generator: Any, targets: Targets, length_tail: float | None, **options: Any
) -> dict[str, np.ndarray]:
    """Project the images of each row; return the final errors, float32 (N,).

    Args:
        generator: as `Run.load_generator` returns it.
        targets: images and labels by row name.
        length_tail: as for `dcgan.sampling.projection.project`.
        options: further options of `project`.
    """
    from dcgan.sampling.projection import project

    return {
        name: project(generator, images, labels, length_tail=length_tail, **options).errors[-1]
        for name, (images, labels) in targets.items()
    }


def rows(name: str, errors: dict[str, np.ndarray]) -> list[list[str]]:
    """Return a row each for held-out and generated images, and one with the ratio of their errors.

    Args:
        name: what the rows have in common.
        errors: as `projection_errors` returns them.
    """
    statistics = {
        target: (values.mean(), np.median(values), values.min(), values.max()) for target, values in errors.items()
    }
    cells = [[f"{target}, {name}", *(f"{value:.2g}" for value in values)] for target, values in statistics.items()]
    ratios = [format_number(statistics[HELD_OUT][i] / statistics[GENERATED][i]) for i in range(2)]
    return [*cells, [f"ratio, {name}", *ratios, "", ""]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.projection`."""
    parser = argument_parser(__doc__)
    add_run_options(parser)
    parser.add_argument("--num", type=int, default=100, help="number of generated and of held-out images")
    parser.add_argument("--steps", type=int, default=2000, help="steps of the optimization")
    parser.add_argument("--restarts", type=int, default=4, help="initial latents per image")
    options = parser.parse_args(arguments)
    description, generator, targets = load_targets(options.run_dir, options.data_dir, options.weights, options.num)
    print(description, flush=True)
    start, lines = time.monotonic(), []
    from dcgan.sampling.projection import LENGTH_TAIL

    search = {"restarts": options.restarts, "steps": options.steps, "seed": options.seed}
    for name, length_tail in (("typical length", LENGTH_TAIL), ("any length", None)):
        lines += rows(f"latents of {name}", projection_errors(generator, targets, length_tail, **search))
    print(f"\n{markdown_table(('error', 'mean', 'median', 'least', 'most'), lines)}\n")
    print(f"- {options.num} images per row, {time.monotonic() - start:.0f} s\n{machine.describe()}")


if __name__ == "__main__":
    main()
