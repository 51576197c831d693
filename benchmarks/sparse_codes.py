"""How well is a digit reconstructed from its code? Sparse codes, an autoencoder and a generator at equal code size.

Every method learns from training images and reconstructs held-out ones from codes with as many active coefficients as
the generator's latent is long. The error is the squared difference divided by the squared norm of the images, with
black as 0; the mean image is the reference to beat. Active coefficients are those that are not 0, counted on the
held-out images. A sparse code also carries information in the positions of these few among many, and with pooling in
the switches. The weight of the sparse codes is chosen on training images to reach that number. The generator was not
trained to encode: its latents are found by gradient descent on the pixels of each image (`dcgan.sampling.projection`).
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
from benchmarks.options import add_dataset_options, argument_parser
from benchmarks.tables import format_number, markdown_table

FIRST_FILTERS, SECOND_FILTERS, KERNEL = 16, 32, 5

FIRST_WEIGHT = 20.0
"""λ of the first of two layers: the code is dense enough to determine the switches."""

TRAINING_WEIGHT = 4.0
"""λ with which the top layer's filters are learned, whatever λ encodes with them."""


class Reconstruction(NamedTuple):
    """A method's reconstruction of the held-out images."""

    method: str
    size: int
    """Coefficients of a code."""
    active: float
    """Mean number of coefficients that are not 0."""
    images: np.ndarray
    """float32 (N, H, W, C) in [0, 1], black is 0."""
    seconds: float
    """Processor time of learning and encoding."""


def relative_error(images: np.ndarray, reconstructed: np.ndarray) -> float:
    """Return ‖x̂ − x‖² / ‖x‖² over all images x, float32 (N, H, W, C) with black as 0."""
    difference = np.sum(np.square(reconstructed - images, dtype=np.float64))
    return float(difference / np.sum(np.square(images, dtype=np.float64)))


def mean_image(training: np.ndarray, held_out: np.ndarray) -> Reconstruction:
    """Reconstruct every image as the training images' mean, float32 (N, H, W, C)."""
    return Reconstruction("mean image", 0, 0.0, np.broadcast_to(training.mean(axis=0), held_out.shape), 0.0)


def one_layer(training: np.ndarray, held_out: np.ndarray, active: int, rounds: int) -> Reconstruction:
    """Reconstruct with one layer of convolutional sparse coding.

    Args:
        training: images to learn filters from, float32 (N, H, W, C).
        held_out: images to reconstruct, float32 (N, H, W, C).
        active: number of active coefficients to reach.
        rounds: alternations of updating codes and filters.
    """
    from dcgan.deconvolution import learn_sparse_coding

    start = time.process_time()
    coding, _ = learn_sparse_coding(training, FIRST_FILTERS, KERNEL, TRAINING_WEIGHT, rounds=rounds)
    coding = choose_weight(
        lambda weight: replace(coding, weight=weight),
        lambda coding, images: np.count_nonzero(coding.encode(images)) / len(images),
        training,
        active,
    )
    codes = coding.encode(held_out)
    return _sparse_reconstruction("one layer", codes, coding.decode(codes), start)


def pooled_layers(
    method: str, plans: Sequence[tuple], training: np.ndarray, held_out: np.ndarray, active: int, rounds: int
) -> Reconstruction:
    """Reconstruct with an adaptive deconvolutional network.

    Args:
        method: name of the row.
        plans: filters, kernel and weight of each layer.
        training: as for `one_layer`.
        held_out: as for `one_layer`.
        active: as for `one_layer`.
        rounds: as for `one_layer`.
    """
    from dcgan.deconvolution import Plan, learn_deep_sparse_coding

    start = time.process_time()
    network = learn_deep_sparse_coding(training, [Plan(*plan) for plan in plans], rounds)
    network = choose_weight(
        lambda weight: replace(network, layers=(*network.layers[:-1], replace(network.layers[-1], weight=weight))),
        lambda network, images: np.count_nonzero(network.encode(images).values) / len(images),
        training,
        active,
    )
    values, switches = network.encode(held_out)
    return _sparse_reconstruction(method, values, network.reconstruct(values, switches), start)


def autoencoder(training: np.ndarray, held_out: np.ndarray, active: int, steps: int, width: int) -> Reconstruction:
    """Reconstruct with the denoising autoencoder, from images without noise.

    Args:
        training: uint8 (N, H, W, C).
        held_out: uint8 (N, H, W, C).
        active: length of the code.
        steps: training steps.
        width: filters of the first layer.
    """
    from dcgan.deconvolution import build_autoencoder, denoise, train_autoencoder

    start = time.process_time()
    model = build_autoencoder(training.shape[1:3], training.shape[3], width, active)
    train_autoencoder(model, training, steps)
    _, restored = denoise(model, held_out, noise=0.0)
    seconds = time.process_time() - start
    return Reconstruction("denoising autoencoder", active, active, to_float(restored), seconds)


def generator(model: Any, held_out: np.ndarray, restarts: int, steps: int) -> Reconstruction:
    """Reconstruct with a trained generator's nearest images, of any class.

    Args:
        model: as `Run.load_generator` returns it.
        held_out: uint8 (N, H, W, C).
        restarts: initial latents per image and class.
        steps: steps of the projection.
    """
    from dcgan.sampling.generation import input_widths
    from dcgan.sampling.projection import project

    start, (width, *classes) = time.process_time(), input_widths(model)
    images = to_float(project(model, held_out, restarts=restarts, steps=steps).images)
    method = f"generator, {restarts} restarts" + (" per class" if classes else "")
    seconds = time.process_time() - start
    return Reconstruction(method, width + sum(classes), width + len(classes), images, seconds)


def choose_weight(
    make: Callable[[float], Any], count: Callable[[Any, np.ndarray], float], images: np.ndarray, active: int
) -> Any:
    """Return the coding with about as many active coefficients as given, by bisection of the logarithm of λ.

    Args:
        make: returns the coding with a weight λ.
        count: returns the active coefficients per image from a coding and images.
        images: images of which the first 20 are encoded.
        active: number of active coefficients to reach.
    """
    low, high = np.log(0.05), np.log(500.0)
    for _ in range(8):
        middle = (low + high) / 2
        too_dense = count(make(float(np.exp(middle))), images[:20]) > active
        low, high = (low, middle) if too_dense else (middle, high)
    return make(float(np.exp((low + high) / 2)))


def to_float(images: np.ndarray) -> np.ndarray:
    """Return uint8 images as float32 in [0, 1], so that black is 0."""
    return images.astype(np.float32) / 255


def report(reconstructions: Sequence[Reconstruction], held_out: np.ndarray) -> str:
    """Return the table.

    Args:
        reconstructions: a row each.
        held_out: float32, as for `relative_error`.
    """
    rows = [
        [
            each.method,
            f"{each.size:,}",
            format_number(each.active),
            f"{each.active / each.size:.2%}" if each.size else "–",
            f"{relative_error(held_out, each.images):.4f}",
            format_number(each.seconds),
        ]
        for each in reconstructions
    ]
    return markdown_table(("", "coefficients", "active", "fraction", "error", "processor seconds"), rows)


def reconstruction_grid(
    reconstructions: Sequence[Reconstruction], held_out: np.ndarray, columns: int = 12
) -> np.ndarray:
    """Return a grid of the first held-out images, with a row of reconstructions per method below them: uint8.

    Args:
        reconstructions: a row each.
        held_out: float32, as for `relative_error`.
        columns: number of images.
    """
    from dcgan.visualization import tile

    rows = [held_out[:columns], *(each.images[:columns] for each in reconstructions)]
    return tile(np.round(np.clip(np.concatenate(rows), 0, 1) * 255).astype(np.uint8), min(columns, len(held_out)))


def reconstruct(
    options: argparse.Namespace, training: np.ndarray, held_out: np.ndarray, model: Any
) -> Iterator[Reconstruction]:
    """Yield the reconstruction of each method.

    Args:
        options: options of the command.
        training: uint8 (N, H, W, C).
        held_out: uint8 (N, H, W, C).
        model: the generator; None for none.
    """
    few, targets = to_float(training[: options.train_images]), to_float(held_out)
    active = options.active or (100 if model is None else model.inputs[0].shape[-1])
    yield mean_image(to_float(training), targets)
    yield one_layer(few, targets, active, options.rounds)
    single = [(FIRST_FILTERS, KERNEL, TRAINING_WEIGHT)]
    yield pooled_layers("one layer, pooled", single, few, targets, active, options.rounds)
    double = [(FIRST_FILTERS, KERNEL, FIRST_WEIGHT), (SECOND_FILTERS, KERNEL, TRAINING_WEIGHT)]
    yield pooled_layers("two layers, pooled", double, few, targets, active, options.rounds)
    yield autoencoder(training, held_out, active, options.steps, options.width)
    if model is not None:
        yield generator(model, held_out, options.restarts, options.projection_steps)


def _sparse_reconstruction(method: str, codes: Any, images: Any, start: float) -> Reconstruction:
    """Return the reconstruction from sparse codes (N, …)."""
    seconds = time.process_time() - start
    size, active = int(np.prod(codes.shape[1:])), np.count_nonzero(codes) / len(codes)
    return Reconstruction(method, size, active, np.asarray(images), seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.sparse_codes`."""
    parser = argument_parser(__doc__)
    parser.add_argument("--run-dir", type=Path, help="run directory of the generator; no generator if not given")
    add_dataset_options(parser)
    parser.add_argument("--num", type=int, default=50, help="number of held-out images to reconstruct")
    parser.add_argument("--train-images", type=int, default=150, help="training images of the sparse codes")
    parser.add_argument("--rounds", type=int, default=20, help="alternations of updating codes and filters")
    parser.add_argument("--active", type=int, help="active coefficients; the latent's length, or 100, if not given")
    parser.add_argument("--steps", type=int, default=3000, help="training steps of the autoencoder")
    parser.add_argument("--width", type=int, default=32, help="filters of the autoencoder's first layer")
    parser.add_argument("--restarts", type=int, default=4, help="initial latents per image and class")
    parser.add_argument("--projection-steps", type=int, default=300, help="steps of the projection")
    parser.add_argument("--figure", type=Path, help="PNG file to write: held-out images and their reconstructions")
    options = parser.parse_args(arguments)
    from dcgan.config import DataConfig
    from dcgan.core import devices
    from dcgan.evaluation.splits import load_splits, random_subset
    from dcgan.runs import find_run
    from dcgan.visualization import save_png

    devices.configure_tensorflow(0)
    model = find_run(options.run_dir).load_generator() if options.run_dir else None
    splits = load_splits(DataConfig(dataset=options.dataset, data_dir=options.data_dir))
    training = random_subset(splits.training, min(len(splits.training), 10_000))[0]
    held_out = random_subset(splits.held_out, options.num)[0]
    targets, reconstructions = to_float(held_out), []
    for each in reconstruct(options, training, held_out, model):
        print(f"{each.method}: {relative_error(targets, each.images):.4f}", file=sys.stderr, flush=True)
        reconstructions.append(each)
    summary = f"- {splits.description} {len(held_out)} held-out images are reconstructed."
    print(report(reconstructions, targets), f"{summary}\n{machine.describe()}", sep="\n\n")
    if options.figure:
        save_png(options.figure, reconstruction_grid(reconstructions, targets))


if __name__ == "__main__":
    main()
