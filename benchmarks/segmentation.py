"""Which pixel is which digit? FCN-32s, 16s, 8s, … on an unsupervised trunk and on a random one, in mean IoU.

Canvases carry two to four embedded MNIST digits of several sizes. The unsupervised trunk is the discriminator of a
DCGAN that was trained on canvases without their labels; the random one is the discriminator as it was before. Both then
get the same training with labels, all weights or the score layers alone, and are measured on canvases of held-out
digits.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.timing import table

FROZEN = {"all": (False,), "scores": (True,), "both": (False, True)}
"""Whether the trunk stays what it is, by what `--train` says."""


def unsupervised_trunk(canvases, steps: int, batch_size: int, width: int, seed: int):
    """Train a DCGAN on canvases, without their labels.

    Args:
        canvases: `dcgan.deconvolution.segmentation.Canvases`; the first 4,000 are its data set.
        steps, batch_size, width, seed: as for `TrainConfig`; the width is that of both networks.

    Returns:
        The discriminator before the training and after it, two Keras models.
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
        told = trainer.update(trainer.feed(images, steps), tf.constant(steps))
        print(f"at the end D(x) {told['d_real']:.3f}, D(G(z)) {told['d_fake']:.3f}", flush=True)
        after.set_weights(trainer.discriminator.get_weights())
    return before, after


def discriminators(canvases, options: argparse.Namespace):
    """The discriminator before the training and after it; from a file where one is named and there."""
    import keras

    if options.trunk and options.trunk.exists():
        after = keras.models.load_model(options.trunk)
        return unsupervised_trunk(canvases, 0, options.trunk_batch, options.width, options.seed)[0], after
    began = time.process_time()
    before, after = unsupervised_trunk(canvases, options.trunk_steps, options.trunk_batch, options.width, options.seed)
    print(
        f"{options.trunk_steps} steps without labels: {time.process_time() - began:.0f} s of processor time", flush=True
    )
    if options.trunk:
        after.save(options.trunk)
    return before, after


def ladders(trunks: Mapping, canvases, held_out, options: argparse.Namespace) -> dict[str, list]:
    """Climb the ladder with every trunk, all weights trained and the trunk frozen: lists of rungs by a name."""
    from dcgan.deconvolution.segmentation import train_ladder

    results = {}
    for frozen in FROZEN[options.train]:
        for name, discriminator in trunks.items():
            began, title = time.process_time(), f"{name}, frozen" if frozen else name
            rungs = train_ladder(
                discriminator, canvases, held_out, options.strides, options.steps, frozen, options.canvases
            )
            results[title] = rungs
            told = ", ".join(f"{rung.mean_iou:.3f} at stride {rung.stride}" for rung in rungs)
            print(f"{title}: {told}; {time.process_time() - began:.0f} s of processor time", flush=True)
    return results


def report(results: Mapping[str, Sequence]) -> str:
    """The table: mean IoU by stride and trunk."""
    columns = list(results.values())
    rows = [
        [f"FCN-{first.stride}s", str(first.steps), *(f"{rungs[row].mean_iou:.3f}" for rungs in columns)]
        for row, first in enumerate(columns[0])
    ]
    return table(("", "steps", *results), rows)


def save_picture(path: Path, rungs: Sequence, held_out, count: int = 6) -> None:
    """Held-out canvases, what they show, and what every rung says they show: a row each."""
    from dcgan.deconvolution.segmentation import comparison_grid, segment
    from dcgan.visualization import save_png

    images, truth = held_out.make(range(count))
    save_png(path, comparison_grid(images, [truth, *(segment(rung.model, images) for rung in rungs)]))


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m benchmarks.segmentation`"""
    made = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    made.add_argument("--strides", type=int, nargs="+", default=[32, 16, 8, 4], help="the ladder")
    made.add_argument("--steps", type=int, default=400, help="with labels, for each stride")
    made.add_argument("--trunk-steps", type=int, default=400, help="without labels")
    made.add_argument("--trunk-batch", type=int, default=32, help="canvases a step without labels")
    made.add_argument("--width", type=int, default=16, help="filters of the discriminator's first layer")
    made.add_argument("--size", type=int, default=128, help="side of a canvas in pixels")
    made.add_argument("--sides", type=int, nargs=2, default=[32, 72], help="smallest and largest digit")
    made.add_argument("--canvases", type=int, default=200, help="held-out ones to measure on")
    made.add_argument("--held-out", type=int, default=2000, help="digits that no training sees")
    made.add_argument("--train", choices=FROZEN, default="both", help="which weights the training with labels moves")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--trunk", type=Path, help="the unsupervised discriminator's file: read, or written if it is new")
    made.add_argument("--picture", type=Path, help="file for canvases, truth and the best column's predictions (.png)")
    options = made.parse_args(arguments)
    results, held_out = run(options)
    print("", report(results), "", machine.describe(), sep="\n")
    if options.picture:
        save_picture(options.picture, max(results.values(), key=lambda rungs: rungs[-1].mean_iou), held_out)


def run(options: argparse.Namespace):
    """The ladders by the name of their trunk, and the held-out canvases."""
    import dcgan
    from dcgan.config import DataConfig
    from dcgan.core import devices
    from dcgan.deconvolution.segmentation import Canvases, split_digits

    devices.configure_tensorflow(options.seed)
    train, test = split_digits(dcgan.load(DataConfig()), options.held_out)
    how = {"size": (options.size, options.size), "sides": tuple(options.sides)}
    canvases, held_out = Canvases(*train, seed=options.seed, **how), Canvases(*test, seed=options.seed + 1, **how)
    before, after = discriminators(canvases, options)
    trunks = {"random trunk": before, "unsupervised trunk": after}
    return ladders(trunks, canvases, held_out, options), held_out


if __name__ == "__main__":
    main()
