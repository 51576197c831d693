"""How close is the least memory that a training is refused by to what the training takes?

Every configuration trains two steps on random images, as a user starts it, in a process of its own. Beside the estimate
of `dcgan.config.memory` stands the largest resident memory, measured from outside. A configuration whose estimate is
more than half of the memory that is available is left out.
"""

import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.commands import CommandError, run_python
from benchmarks.options import argument_parser
from benchmarks.synthetic_images import random_images
from benchmarks.tables import markdown_table
from dcgan.config import TrainConfig
from dcgan.config.memory import least_memory
from dcgan.config.parser import parse
from dcgan.core.resources import available_memory

CONFIGURATIONS = (
    "--image-size 28 --channels 1",
    "--image-size 28 --batch-size 256 --channels 1",
    "--image-size 64 --batch-size 8",
    "--image-size 64",
    "--image-size 64 --batch-size 128",
    "--image-size 128 --batch-size 8",
    "--image-size 128",
    "--image-size 128 --batch-size 64",
    "--image-size 128 --compile none",
    "--image-size 128 --compile xla",
    "--image-size 128 --precision mixed_bfloat16",
    "--image-size 128 --kernel 5",
    "--image-size 128 --generator-width 64 --discriminator-width 64",
    "--image-size 128 --upsampling nearest",
    "--image-size 128 --upsampling bilinear",
    "--image-size 128 --upsampling subpixel",
    "--image-size 128 --upsampling unpool --downsampling maxpool",
    "--image-size 128 --gradient-penalty 1",
    "--image-size 256 --batch-size 2 --compile none --no-health-checks --no-tensorboard",
    "--image-size 256 --batch-size 2",
    "--image-size 256 --batch-size 8",
    "--image-size 256 --batch-size 16",
    "--image-size 256",
    "--image-size 512 --batch-size 2",
)
"""Options of `dcgan train`."""

STEPS = 2
"""Training steps: the second one has all that a later one has."""


def compare(options: str) -> list[str]:
    """Train a configuration for some steps; return its row.

    Args:
        options: of `dcgan train`, with `--image-size`.
    """
    with tempfile.TemporaryDirectory() as place:
        paths = ["--data-dir", f"{place}/images.npy", "--run-dir", f"{place}/run", "--cache-dir", f"{place}/cache"]
        arguments = ["--dataset", "folder", "--channels", "3", "--steps", str(STEPS), *paths, *shlex.split(options)]
        config = parse(TrainConfig, arguments, "dcgan train").resolve()
        estimate, available = least_memory(config).total, available_memory()
        if available is not None and 2 * estimate > available:
            return [options, gibibytes(estimate), "not enough memory", "–"]
        np.save(Path(place) / "images.npy", random_images(config.batch_size, int(config.image_size), 3))
        try:
            measured = run_python(["-m", "dcgan", "train", *arguments]).peak_memory
        except CommandError as error:
            return [options, gibibytes(estimate), str(error), "–"]
    return [options, gibibytes(estimate), gibibytes(measured), f"{estimate / measured:.2f}"]


def gibibytes(size: int) -> str:
    """Return a number of bytes as text in GiB, with two places."""
    return f"{size / 2**30:.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.memory`."""
    parser = argument_parser(__doc__)
    parser.add_argument("--options", nargs="+", default=CONFIGURATIONS, help="options of train, a text for each row")
    rows = []
    for options in parser.parse_args(arguments).options:
        rows.append(compare(options))
        print("  ".join(rows[-1]), file=sys.stderr, flush=True)
    head = (f"options, {STEPS} steps of a folder in three channels", "at least, GiB", "measured, GiB", "ratio")
    print(f"{markdown_table(head, rows)}\n\n{machine.describe()}")


if __name__ == "__main__":
    main()
