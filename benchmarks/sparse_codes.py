"""How well is a digit reconstructed from its code? Sparse codes, an autoencoder, a generator, PCA and JPEG by bits.

Every method learns from training images and reconstructs held-out ones. The error is the squared difference divided by
the squared norm of the images, with black as 0. The sparse codes have as many active coefficients as the generator's
latent is long, for which their weight is chosen on training images. But numbers are not all of a code: it also states
which coefficients are active, and with pooling the switches, which come from the image itself. So every code is
quantized and all of its bits are counted (`benchmarks.code_bits`), and beside it stand PCA coefficients, a JPEG and the
generator's latent of as many bits, or of the nearest number. With the switches of another image, the last column shows
what the values and positions alone are worth. The generator was not trained to encode: its latents are found by
gradient descent on the pixels of each image (`dcgan.sampling.projection`).
"""

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import machine
from benchmarks.code_bits import (
    Bits,
    Quantizer,
    choice_entropy,
    nearest_jpeg,
    pca_coder,
    position_bits,
    quantizer_of,
    switch_bits,
)
from benchmarks.options import add_dataset_options, argument_parser
from benchmarks.tables import format_number, markdown_table

FIRST_FILTERS, SECOND_FILTERS, KERNEL = 16, 32, 5

FIRST_WEIGHT = 20.0
"""λ of the first of two layers: the code is dense enough to determine the switches."""

TRAINING_WEIGHT = 4.0
"""λ with which the top layer's filters are learned, whatever λ encodes with them."""

CODE_IMAGES = 20
"""Training images on which λ is chosen, and from whose codes the range of the values is taken."""

LATENT_RANGE = 5.0
"""Largest magnitude of a quantized latent; a standard normal number exceeds it once in two million."""


class Reconstruction(NamedTuple):
    """A method's reconstruction of the held-out images from quantized codes."""

    method: str
    size: int
    """Coefficients of a code."""
    active: float
    """Mean number of coefficients that are not 0."""
    bits: Bits
    """Mean number of bits of a code."""
    images: np.ndarray
    """float32 (N, H, W, C) in [0, 1], black is 0."""
    seconds: float = 0.0
    """Processor time of learning and encoding."""
    other_switches: np.ndarray | None = None
    """The images with the switches of the next image; None without switches."""
    note: str = ""
    """A line below the table."""


def relative_error(images: np.ndarray, reconstructed: np.ndarray) -> float:
    """Return ‖x̂ − x‖² / ‖x‖² over all images x, float32 (N, H, W, C) with black as 0."""
    difference = np.sum(np.square(reconstructed - images, dtype=np.float64))
    return float(difference / np.sum(np.square(images, dtype=np.float64)))


def mean_image(training: np.ndarray, held_out: np.ndarray) -> Reconstruction:
    """Reconstruct every image as the training images' mean, float32 (N, H, W, C)."""
    return Reconstruction("mean image", 0, 0.0, Bits(), np.broadcast_to(training.mean(axis=0), held_out.shape))


def one_layer(training: np.ndarray, held_out: np.ndarray, active: int, rounds: int, value_bits: int) -> Reconstruction:
    """Reconstruct with one layer of convolutional sparse coding.

    Args:
        training: images to learn filters from, float32 (N, H, W, C).
        held_out: images to reconstruct, float32 (N, H, W, C).
        active: number of active coefficients to reach.
        rounds: alternations of updating codes and filters.
        value_bits: bits of a value.
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
    quantize = quantizer_of(np.asarray(coding.encode(training[:CODE_IMAGES])), value_bits)
    codes = quantize.sparse(np.asarray(coding.encode(held_out)))
    size, active_mean = codes[0].size, np.count_nonzero(codes) / len(codes)
    bits = Bits(active_mean * value_bits, position_bits(codes))
    seconds = time.process_time() - start
    return Reconstruction("one layer", size, active_mean, bits, np.asarray(coding.decode(codes)), seconds)


def pooled_layers(
    method: str,
    plans: Sequence[tuple],
    training: np.ndarray,
    held_out: np.ndarray,
    active: int,
    rounds: int,
    value_bits: int,
) -> Reconstruction:
    """Reconstruct with an adaptive deconvolutional network.

    Args:
        method: name of the row.
        plans: filters, kernel and weight of each layer.
        training: as for `one_layer`.
        held_out: as for `one_layer`.
        active: as for `one_layer`.
        rounds: as for `one_layer`.
        value_bits: as for `one_layer`.
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
    quantize = quantizer_of(np.asarray(network.encode(training[:CODE_IMAGES]).values), value_bits)
    values, switches = network.encode(held_out)
    codes = quantize.sparse(np.asarray(values))
    size, active_mean = codes[0].size, np.count_nonzero(codes) / len(codes)
    unpooled = unpooled_values(network, codes, switches)
    windows = [math.prod(layer.pool) for layer in network.layers]
    bits = Bits(active_mean * value_bits, position_bits(codes), switch_bits(unpooled, windows))
    next_switches = [np.roll(np.asarray(each), -1, axis=0) for each in switches]
    return Reconstruction(
        method,
        size,
        active_mean,
        bits,
        np.asarray(network.reconstruct(codes, switches)),
        time.process_time() - start,
        np.asarray(network.reconstruct(codes, next_switches)),
        f"{method}: {describe_switches(network, unpooled, switches)}",
    )


def unpooled_values(network: Any, codes: np.ndarray, switches: Sequence[Any]) -> list[np.ndarray]:
    """Return the values that the decoder writes to the switches of each layer, the lowest first, (N, h, w, K) each.

    Args:
        network: a `DeepSparseCoding`.
        codes: the top layer's pooled maps.
        switches: switches of the layers, the lowest first.
    """
    from dcgan.deconvolution.deep_reconstruction import reconstruct_maps

    sizes = [np.shape(each)[1:3] for each in switches]
    values = [codes]
    for depth in range(len(switches) - 1, 0, -1):
        upper = reconstruct_maps(codes, network.filters[depth:], tuple(switches[depth:]), network.sizes[depth:])
        assert upper.shape[1:3] == sizes[depth - 1]
        values.insert(0, np.asarray(upper))
    return values


def describe_switches(network: Any, unpooled: Sequence[np.ndarray], switches: Sequence[Any]) -> str:
    """Return how many switches of each layer are counted, and the entropy of their choices.

    Args:
        network: a `DeepSparseCoding`.
        unpooled: as `unpooled_values` returns them.
        switches: as for `unpooled_values`.
    """
    parts = []
    for layer, size, values, positions in zip(network.layers, network.sizes, unpooled, switches, strict=True):
        rows, columns = np.divmod(np.asarray(positions) // values.shape[-1], size[1])
        choices = rows % layer.pool[0] * layer.pool[1] + columns % layer.pool[1]
        entropy = choice_entropy(choices[values != 0], math.prod(layer.pool))
        count = np.count_nonzero(values) / len(values)
        parts.append(f"{format_number(count)} of {values[0].size:,} (entropy {entropy:.2f} bits each)")
    return f"switches per image, the lowest layer first: {', '.join(parts)}"


def autoencoder(
    training: np.ndarray, held_out: np.ndarray, active: int, steps: int, width: int, value_bits: int
) -> Reconstruction:
    """Reconstruct with the denoising autoencoder, from images without noise.

    Args:
        training: uint8 (N, H, W, C).
        held_out: uint8 (N, H, W, C).
        active: length of the code.
        steps: training steps.
        width: filters of the first layer.
        value_bits: as for `one_layer`.
    """
    from dcgan.core.image_range import to_float as to_symmetric_float
    from dcgan.core.image_range import to_uint8
    from dcgan.deconvolution import build_autoencoder, train_autoencoder

    start = time.process_time()
    model = build_autoencoder(training.shape[1:3], training.shape[3], width, active)
    train_autoencoder(model, training, steps)
    encoder, decoder = model.get_layer("encoder"), model.get_layer("generator")

    def encode(images: np.ndarray) -> np.ndarray:
        return np.asarray(encoder(to_symmetric_float(images), training=False))

    quantize = quantizer_of(encode(training[:1000]), value_bits, per_column=True)
    restored = np.asarray(to_uint8(decoder(quantize(encode(held_out)), training=False)))
    seconds = time.process_time() - start
    bits = Bits(active * value_bits)
    return Reconstruction("denoising autoencoder", active, active, bits, to_float(restored), seconds)


class GeneratorCoder:
    """Reconstruct with a trained generator's nearest images, of any class.

    Args:
        model: as `Run.load_generator` returns it.
        held_out: uint8 (N, H, W, C).
        restarts: initial latents per image and class.
        steps: steps of the projection.
    """

    def __init__(self, model: Any, held_out: np.ndarray, restarts: int, steps: int):
        from dcgan.sampling.generation import input_widths
        from dcgan.sampling.projection import project

        start, (self.width, *classes) = time.process_time(), input_widths(model)
        self.model, self.classes = model, classes[0] if classes else 0
        found = project(model, held_out, restarts=restarts, steps=steps)
        self.latents, self.labels = found.latents, found.labels
        self.method = f"generator, {restarts} restarts" + (" per class" if classes else "")
        self.seconds = time.process_time() - start

    def __call__(self, value_bits: int) -> Reconstruction:
        """Return the reconstruction from latents of `value_bits` bits per number, and the class."""
        from dcgan.sampling.generation import generate_images

        rows = Quantizer(-LATENT_RANGE, LATENT_RANGE, value_bits)(self.latents)
        if self.classes:
            rows = np.concatenate([rows, np.eye(self.classes, dtype=np.float32)[self.labels]], axis=1)
        size, active = self.width + self.classes, self.width + bool(self.classes)
        bits = Bits(self.width * value_bits + math.log2(self.classes or 1))
        images = to_float(generate_images(self.model, rows))
        method = f"{self.method}, {value_bits} bits per number"
        return Reconstruction(method, size, active, bits, images, self.seconds)

    def nearest(self, budget: float) -> Reconstruction:
        """Return the reconstruction whose number of bits comes nearest to a budget, at most 32 per number."""
        return self(min(32, max(1, round((budget - math.log2(self.classes or 1)) / self.width))))


def equal_budgets(
    reconstructions: Sequence[Reconstruction],
    training: np.ndarray,
    held_out: np.ndarray,
    coder: GeneratorCoder | None,
    value_bits: int,
) -> str:
    """Return the table of PCA, JPEG and the generator at the bits of each code.

    Args:
        reconstructions: the codes.
        training: float32 (N, H, W, C), from which PCA learns.
        held_out: uint8 (N, H, W, C).
        coder: the generator; None for none.
        value_bits: bits of a PCA coefficient.
    """
    encode, targets = pca_coder(training, value_bits), to_float(held_out)
    rows, header = [], 0.0
    for each in reconstructions:
        budget = each.bits.total
        images, bits = encode(targets, budget)
        file = nearest_jpeg(held_out, budget)
        header = file.header
        cells = [_bits_and_error(targets, bits, images), _bits_and_error(targets, file.bits, to_float(file.images))]
        latent = coder.nearest(budget) if coder else None
        cells.append(_bits_and_error(targets, latent.bits, latent.images) if latent else "–")
        cells[1] += f" (quality {file.quality})"
        rows.append([each.method, _bits_and_error(targets, each.bits, each.images), *cells])
    head = ("bits: error", "this code", f"PCA, {value_bits} bits per coefficient", "JPEG", "generator's latent")
    return f"{markdown_table(head, rows)}\n\n- JPEG: {header:,.0f} bytes of header per file are not counted."


def _bits_and_error(targets: np.ndarray, bits: Bits, images: np.ndarray) -> str:
    return f"{bits.total:,.0f}: {relative_error(targets, images):.4f}"


def choose_weight(
    make: Callable[[float], Any], count: Callable[[Any, np.ndarray], float], images: np.ndarray, active: int
) -> Any:
    """Return the coding with about as many active coefficients as given, by bisection of the logarithm of λ.

    Args:
        make: returns the coding with a weight λ.
        count: returns the active coefficients per image from a coding and images.
        images: images of which the first `CODE_IMAGES` are encoded.
        active: number of active coefficients to reach.
    """
    low, high = np.log(0.05), np.log(500.0)
    for _ in range(8):
        middle = (low + high) / 2
        too_dense = count(make(float(np.exp(middle))), images[:CODE_IMAGES]) > active
        low, high = (low, middle) if too_dense else (middle, high)
    return make(float(np.exp((low + high) / 2)))


def to_float(images: np.ndarray) -> np.ndarray:
    """Return uint8 images as float32 in [0, 1], so that black is 0."""
    return images.astype(np.float32) / 255


def report(reconstructions: Sequence[Reconstruction], held_out: np.ndarray) -> str:
    """Return the table of the codes.

    Args:
        reconstructions: a row each.
        held_out: float32, as for `relative_error`.
    """
    rows = [
        [
            each.method,
            f"{each.active:,.1f} of {each.size:,}",
            *(f"{bits:,.0f}" for bits in (*each.bits, each.bits.total)),
            f"{relative_error(held_out, each.images):.4f}",
            "–" if each.other_switches is None else f"{relative_error(held_out, each.other_switches):.4f}",
            format_number(each.seconds),
        ]
        for each in reconstructions
    ]
    head = ("", "active", "bits: values", "positions", "switches", "all", "error")
    head += ("error with another image's switches", "processor seconds")
    return markdown_table(head, rows)


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
    options: argparse.Namespace, training: np.ndarray, held_out: np.ndarray, active: int
) -> Iterator[Reconstruction]:
    """Yield the reconstruction of each method that learns its code.

    Args:
        options: options of the command.
        training: uint8 (N, H, W, C).
        held_out: uint8 (N, H, W, C).
        active: number of active coefficients to reach.
    """
    few, targets, bits = to_float(training[: options.train_images]), to_float(held_out), options.value_bits
    yield one_layer(few, targets, active, options.rounds, bits)
    single = [(FIRST_FILTERS, KERNEL, TRAINING_WEIGHT)]
    yield pooled_layers("one layer, pooled", single, few, targets, active, options.rounds, bits)
    double = [(FIRST_FILTERS, KERNEL, FIRST_WEIGHT), (SECOND_FILTERS, KERNEL, TRAINING_WEIGHT)]
    yield pooled_layers("two layers, pooled", double, few, targets, active, options.rounds, bits)
    yield autoencoder(training, held_out, active, options.steps, options.width, bits)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.sparse_codes`."""
    parser = argument_parser(__doc__)
    parser.add_argument("--run-dir", type=Path, help="run directory of the generator; no generator if not given")
    add_dataset_options(parser)
    parser.add_argument("--num", type=int, default=50, help="number of held-out images to reconstruct")
    parser.add_argument("--train-images", type=int, default=150, help="training images of the sparse codes")
    parser.add_argument("--rounds", type=int, default=20, help="alternations of updating codes and filters")
    parser.add_argument("--active", type=int, help="active coefficients; the latent's length, or 100, if not given")
    parser.add_argument("--value-bits", type=int, default=8, help="bits of a value of a code, 1 to 32")
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
    targets = to_float(held_out)
    active = options.active or (100 if model is None else model.inputs[0].shape[-1])
    reconstructions = [mean_image(to_float(training), targets)]
    coder = GeneratorCoder(model, held_out, options.restarts, options.projection_steps) if model else None
    learned = reconstruct(options, training, held_out, active)
    for each in (coder(options.value_bits), *learned) if coder else learned:
        print(f"{each.method}: {relative_error(targets, each.images):.4f}", file=sys.stderr, flush=True)
        reconstructions.append(each)
    budgets = equal_budgets(reconstructions[1:], to_float(training), held_out, coder, options.value_bits)
    notes = "\n".join(f"- {each.note}" for each in reconstructions if each.note)
    summary = f"- {splits.description} {len(held_out)} held-out images are reconstructed."
    print(report(reconstructions, targets), notes, budgets + f"\n{summary}\n{machine.describe()}", sep="\n\n")
    if options.figure:
        save_png(options.figure, reconstruction_grid(reconstructions, targets))


if __name__ == "__main__":
    main()
