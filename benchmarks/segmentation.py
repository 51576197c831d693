"""Which pixel belongs to which digit? FCN-32s, 16s, 8s, … on an unsupervised and on a random trunk, in mean IoU.

Canvases hold two to four embedded MNIST digits of several sizes. The unsupervised trunk is the discriminator of a DCGAN
trained on canvases without their labels; the random trunk is that discriminator before its training. Both then get the
same training with labels, of all weights or of the score layers alone, and are evaluated on canvases of held-out
digits.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.options import argument_parser
from benchmarks.tables import markdown_table

FROZEN = {"all": (False,), "scores": (True,), "both": (False, True)}
"""Whether the trunk's weights are frozen, by the value of `--train`; `both` trains twice."""

FIGURE_CANVASES = 6


def train_unsupervised_trunk(canvases: Any, steps: int, batch_size: int, width: int, seed: int) -> tuple[Any, Any]:
    """Train a DCGAN on canvases without their labels.

    Args:
        canvases: `dcgan.deconvolution.segmentation.Canvases`; the first 4,000 are the dataset.
        steps: number of steps; 0 to build the random discriminator alone.
        batch_size: canvases per step.
        width: width of both networks, as for `TrainConfig`.
        seed: seed of the training.

    Returns:
        The discriminator before and after the training, two Keras models.
    """
    import tensorflow as tf

    from dcgan.config import TrainConfig
    from dcgan.networks import build_discriminator
    from dcgan.training.trainer import Trainer

    sizes = {"kernel": 4, "generator_width": width, "discriminator_width": width, "discriminator_hidden": 0}
    config = TrainConfig(conditional=False, batch_size=batch_size, seed=seed, **sizes).resolve()
    channels = canvases.digits.shape[3]
    before, after = (build_discriminator(canvases.size, channels, width, config.kernel, seed) for _ in range(2))
    if steps:
        trainer, images = Trainer(config, canvases.size, channels), canvases.make(range(4000))[0]
        metrics = trainer.train_steps(trainer.batches(images, steps), tf.constant(steps))
        print(f"at the end D(x) {metrics['d_real']:.3f}, D(G(z)) {metrics['d_fake']:.3f}", flush=True)
        after.set_weights(trainer.discriminator.get_weights())
    return before, after


def load_or_train_trunks(canvases: Any, options: argparse.Namespace) -> tuple[Any, Any]:
    """Return the discriminator before and after the unsupervised training; load the latter if `--trunk` exists.

    Args:
        canvases: as for `train_unsupervised_trunk`.
        options: options of the command.
    """
    import keras

    if options.trunk and options.trunk.exists():
        before, _ = train_unsupervised_trunk(canvases, 0, options.trunk_batch, options.width, options.seed)
        return before, keras.models.load_model(options.trunk)
    start = time.process_time()
    before, after = train_unsupervised_trunk(
        canvases, options.trunk_steps, options.trunk_batch, options.width, options.seed
    )
    seconds = time.process_time() - start
    print(f"{options.trunk_steps} steps without labels: {seconds:.0f} s of processor time", flush=True)
    if options.trunk:
        after.save(options.trunk)
    return before, after


def train_ladders(trunks: Mapping[str, Any], canvases: Any, held_out: Any, options: argparse.Namespace) -> dict:
    """Train the ladder from coarse to fine strides on every trunk, with all weights trained and with the trunk frozen.

    Args:
        trunks: discriminators by name.
        canvases: canvases to train on.
        held_out: canvases to evaluate on.
        options: options of the command.

    Returns:
        A list of `LadderStep` per column of the table.
    """
    from dcgan.deconvolution.segmentation import train_ladder

    results = {}
    for frozen in FROZEN[options.train]:
        for trunk, discriminator in trunks.items():
            start, column = time.process_time(), f"{trunk}, frozen" if frozen else trunk
            ladder = train_ladder(
                discriminator, canvases, held_out, options.strides, options.steps, frozen, options.canvases
            )
            results[column] = ladder
            scores = ", ".join(f"{step.mean_iou:.3f} at stride {step.stride}" for step in ladder)
            print(f"{column}: {scores}; {time.process_time() - start:.0f} s of processor time", flush=True)
    return results


def report(results: Mapping[str, Sequence[Any]]) -> str:
    """Return the table: mean IoU by stride and trunk.

    Args:
        results: as `train_ladders` returns them.
    """
    columns = list(results.values())
    rows = [
        [f"FCN-{first.stride}s", str(first.steps), *(f"{ladder[row].mean_iou:.3f}" for ladder in columns)]
        for row, first in enumerate(columns[0])
    ]
    return markdown_table(("", "steps", *results), rows)


def save_figure(path: Path, ladder: Sequence[Any], held_out: Any) -> None:
    """Write a PNG with a row each of held-out canvases, their labels, and the predictions at each stride.

    Args:
        path: file to write.
        ladder: steps whose models predict.
        held_out: canvases to show.
    """
    from dcgan.deconvolution.segmentation import comparison_grid, segment
    from dcgan.visualization import save_png

    images, labels = held_out.make(range(FIGURE_CANVASES))
    save_png(path, comparison_grid(images, [labels, *(segment(step.model, images) for step in ladder)]))


def run(options: argparse.Namespace) -> tuple[dict, Any]:
    """Return the results of all trunks, and the held-out canvases.

    Args:
        options: options of the command.
    """
    import dcgan
    from dcgan.config import DataConfig
    from dcgan.core import devices
    from dcgan.deconvolution.segmentation import Canvases, split_digits

    devices.configure_tensorflow(options.seed)
    train, test = split_digits(dcgan.load(DataConfig()), options.held_out)
    layout = {"size": (options.size, options.size), "sides": tuple(options.sides)}
    canvases, held_out = Canvases(*train, seed=options.seed, **layout), Canvases(*test, seed=options.seed + 1, **layout)
    before, after = load_or_train_trunks(canvases, options)
    return train_ladders({"random trunk": before, "unsupervised trunk": after}, canvases, held_out, options), held_out


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.segmentation`."""
    parser = argument_parser(__doc__)
    parser.add_argument("--strides", type=int, nargs="+", default=[32, 16, 8, 4], help="strides, from coarse to fine")
    parser.add_argument("--steps", type=int, default=400, help="steps with labels per stride")
    parser.add_argument("--trunk-steps", type=int, default=400, help="steps without labels")
    parser.add_argument("--trunk-batch", type=int, default=32, help="canvases per step without labels")
    parser.add_argument("--width", type=int, default=16, help="filters of the discriminator's first layer")
    parser.add_argument("--size", type=int, default=128, help="height and width of a canvas in pixels")
    parser.add_argument("--sides", type=int, nargs=2, default=[32, 72], help="sizes of the smallest and largest digit")
    parser.add_argument("--canvases", type=int, default=200, help="number of held-out canvases to evaluate on")
    parser.add_argument("--held-out", type=int, default=2000, help="number of digits that are not trained on")
    parser.add_argument("--train", choices=FROZEN, default="both", help="weights that the training with labels changes")
    parser.add_argument("--seed", type=int, default=0, help="seed of canvases and trainings")
    parser.add_argument(
        "--trunk", type=Path, help="file of the unsupervised discriminator: loaded if it exists, or saved"
    )
    parser.add_argument("--figure", type=Path, help="PNG file to write: canvases, labels and the best predictions")
    options = parser.parse_args(arguments)
    results, held_out = run(options)
    print("", report(results), "", machine.describe(), sep="\n")
    if options.figure:
        save_figure(options.figure, max(results.values(), key=lambda ladder: ladder[-1].mean_iou), held_out)


if __name__ == "__main__":
    main()
