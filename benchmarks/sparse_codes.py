"""How much of a digit is in its code? Sparse codes, an autoencoder and a DCGAN's generator at equal code size.

Every method learns from training images and gives back held-out ones from codes of as many active coefficients as the
generator's latent has numbers. The error is the squared difference divided by the images' square, black being 0; the
mean image's is the one to beat. Active coefficients are those that are not 0, counted on the held-out images: of a
sparse code a few among many, so that their places say something too, and where there is pooling so do the switches. The
weight of the sparse codes is chosen on training images so that so many are active. The generator was never taught to
encode: its latents are found by gradient descent on the pixels of the very image (`dcgan.sampling.projection`).
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import machine
from benchmarks.timing import number, table

FILTERS, ABOVE, KERNEL = 16, 32, 5
"""Filters of the first layer and of the second, and their side."""

FIRST_WEIGHT = 20.0
"""λ of the first of two layers: a dense enough code to tell the switches from."""

LEARNING = 4.0
"""λ with which filters of the top layer are learned, whatever they are used with."""


class Outcome(NamedTuple):
    """How a method gave back the held-out images."""

    name: str
    size: int
    """Coefficients of a code."""
    active: float
    """How many of them are not 0, on average."""
    images: np.ndarray
    """What was given back, float32 (N, H, W, C); black is 0, white 1."""
    seconds: float
    """Of processor time, to learn and to encode."""


def error(images: np.ndarray, others: np.ndarray) -> float:
    """‖x̂ − x‖² / ‖x‖² over all images x, float32 (N, H, W, C) with black 0."""
    return float(np.sum(np.square(others - images, dtype=np.float64)) / np.sum(np.square(images, dtype=np.float64)))


def mean_image(learnt: np.ndarray, held_out: np.ndarray) -> Outcome:
    """What costs nothing: the same picture for all."""
    return Outcome("mean image", 0, 0.0, np.broadcast_to(learnt.mean(axis=0), held_out.shape), 0.0)


def one_layer(learnt: np.ndarray, held_out: np.ndarray, active: int, rounds: int) -> Outcome:
    """Convolutional sparse coding."""
    from dcgan.deconvolution import learn_sparse_coding

    start = time.process_time()
    coding, _ = learn_sparse_coding(learnt, FILTERS, KERNEL, LEARNING, rounds=rounds)
    coding = weighed(lambda weight: replace(coding, weight=weight), _count_in_one, learnt, active)
    codes = coding.encode(held_out)
    return _outcome("one layer", codes, coding.decode(codes), start)


def pooled(name: str, plans: Sequence[tuple], learnt: np.ndarray, held_out: np.ndarray, active: int, rounds: int):
    """The adaptive deconvolutional network of some layers: filters, kernel and weight of each."""
    from dcgan.deconvolution import Plan, learn_deep_sparse_coding

    start = time.process_time()
    network = learn_deep_sparse_coding(learnt, [Plan(*plan) for plan in plans], rounds)

    def make(weight: float):
        return replace(network, layers=(*network.layers[:-1], replace(network.layers[-1], weight=weight)))

    network = weighed(make, _count_in_pooled, learnt, active)
    values, switches = network.encode(held_out)
    return _outcome(name, values, network.reconstruct(values, switches), start)


def autoencoder(learnt: np.ndarray, held_out: np.ndarray, active: int, steps: int, width: int) -> Outcome:
    """The denoising autoencoder, given images without noise.

    Args:
        learnt, held_out: uint8 (N, H, W, C).
        active: numbers of its code.
        steps: of training.
        width: its filters.
    """
    from dcgan.deconvolution import build_autoencoder, denoise, train_autoencoder

    start = time.process_time()
    model = build_autoencoder(learnt.shape[1:3], learnt.shape[3], width, active)
    train_autoencoder(model, learnt, steps)
    _, restored = denoise(model, held_out, noise=0.0)
    return Outcome("denoising autoencoder", active, active, as_float(restored), time.process_time() - start)


def generator(model: Any, held_out: np.ndarray, starts: int, steps: int) -> Outcome:
    """A trained generator's nearest pictures, of any class, to uint8 images (N, H, W, C)."""
    from dcgan.sampling.generation import input_widths
    from dcgan.sampling.projection import project

    start, (width, *classes) = time.process_time(), input_widths(model)
    found = project(model, held_out, starts=starts, steps=steps)
    name = f"generator, {starts} starts" + (" a class" if classes else "")
    return Outcome(
        name, width + sum(classes), width + len(classes), as_float(found.images), time.process_time() - start
    )


def weighed(make: Callable[[float], Any], count: Callable[[Any, np.ndarray], float], images: np.ndarray, active: int):
    """The coding whose weight leaves about so many coefficients active, by halving intervals of its logarithm.

    Args:
        make: the coding of a weight.
        count: active coefficients an image, by coding and images.
        images: some of these are counted on.
        active: how many are wanted.
    """
    low, high = np.log(0.05), np.log(500.0)
    for _ in range(8):
        middle = (low + high) / 2
        dense = count(make(float(np.exp(middle))), images[:20]) > active
        low, high = (low, middle) if dense else (middle, high)
    return make(float(np.exp((low + high) / 2)))


def as_float(images: np.ndarray) -> np.ndarray:
    """From uint8 to float32 in [0, 1]: nothing is where an image is black."""
    return images.astype(np.float32) / 255


def report(outcomes: Sequence[Outcome], held_out: np.ndarray) -> str:
    """The table; `held_out` is float32 as in `error`."""
    rows = [
        [
            each.name,
            f"{each.size:,}",
            number(each.active),
            f"{each.active / each.size:.2%}" if each.size else "–",
            f"{error(held_out, each.images):.4f}",
            number(each.seconds),
        ]
        for each in outcomes
    ]
    return table(("", "coefficients", "active", "part", "error", "processor seconds"), rows)


def sheet(outcomes: Sequence[Outcome], held_out: np.ndarray, columns: int = 12) -> np.ndarray:
    """The first held-out images, and below them what every method made of them: a uint8 sheet."""
    from dcgan.visualization import tile

    rows = [held_out[:columns], *(each.images[:columns] for each in outcomes)]
    return tile(np.round(np.clip(np.concatenate(rows), 0, 1) * 255).astype(np.uint8), min(columns, len(held_out)))


def outcomes(options: argparse.Namespace, learnt: np.ndarray, held_out: np.ndarray, model: Any) -> Iterator[Outcome]:
    """All methods, one after the other; images are uint8."""
    some, shown = as_float(learnt[: options.learn]), as_float(held_out)
    active = options.active or (100 if model is None else model.inputs[0].shape[-1])
    yield mean_image(as_float(learnt), shown)
    yield one_layer(some, shown, active, options.rounds)
    yield pooled("one layer, pooled", [(FILTERS, KERNEL, LEARNING)], some, shown, active, options.rounds)
    plans = [(FILTERS, KERNEL, FIRST_WEIGHT), (ABOVE, KERNEL, LEARNING)]
    yield pooled("two layers, pooled", plans, some, shown, active, options.rounds)
    yield autoencoder(learnt, held_out, active, options.steps, options.width)
    if model is not None:
        yield generator(model, held_out, options.starts, options.projection_steps)


def _count_in_one(coding: Any, images: np.ndarray) -> float:
    return np.count_nonzero(coding.encode(images)) / len(images)


def _count_in_pooled(network: Any, images: np.ndarray) -> float:
    return np.count_nonzero(network.encode(images).values) / len(images)


def _outcome(name: str, codes: Any, images: Any, start: float) -> Outcome:
    """Of a sparse code (N, …)."""
    seconds = time.process_time() - start
    size, active = int(np.prod(codes.shape[1:])), np.count_nonzero(codes) / len(codes)
    return Outcome(name, size, active, np.asarray(images), seconds)


def _told(each: Outcome, held_out: np.ndarray) -> Outcome:
    """The same, having said so."""
    print(f"{each.name}: {error(held_out, each.images):.4f}", file=sys.stderr, flush=True)
    return each


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m benchmarks.sparse_codes`"""
    made = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    made.add_argument("--run-dir", type=Path, help="a run whose generator takes part; None for none")
    made.add_argument("--dataset", default="mnist10k", help="as for train.py; one that the run was trained on")
    made.add_argument("--data-dir", type=Path, help="as for train.py")
    made.add_argument("--images", type=int, default=50, help="held-out ones that are given back")
    made.add_argument("--learn", type=int, default=150, help="training images for the sparse codes")
    made.add_argument("--rounds", type=int, default=20, help="turns of learning filters")
    made.add_argument("--active", type=int, help="active coefficients; by default the latent's length, or 100")
    made.add_argument("--steps", type=int, default=3000, help="of the autoencoder's training")
    made.add_argument("--width", type=int, default=32, help="filters of the autoencoder, as of a network in train.py")
    made.add_argument("--starts", type=int, default=4, help="of a projection, in every class")
    made.add_argument("--projection-steps", type=int, default=300, help="of Adam")
    made.add_argument("--sheet", type=Path, help="PNG to write: held-out images, and a row for every method")
    options = made.parse_args(arguments)
    from dcgan.config import DataConfig
    from dcgan.core import devices
    from dcgan.evaluation.splits import load_splits, random_subset
    from dcgan.runs import find_run
    from dcgan.visualization import save_png

    devices.configure_tensorflow(0)
    model = find_run(options.run_dir).load_generator() if options.run_dir else None
    parts = load_splits(DataConfig(dataset=options.dataset, data_dir=options.data_dir))
    learnt, held_out = (
        random_subset(parts.training, min(len(parts.training), 10_000))[0],
        random_subset(parts.held_out, options.images)[0],
    )
    shown = as_float(held_out)
    results = [_told(each, shown) for each in outcomes(options, learnt, held_out, model)]
    print(report(results, shown), parts.words, machine.describe(), sep="\n\n")
    if options.sheet:
        save_png(options.sheet, sheet(results, shown))


if __name__ == "__main__":
    main()
