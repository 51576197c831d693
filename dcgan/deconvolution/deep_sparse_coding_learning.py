"""Learning the filters of adaptive deconvolutional networks, and rendering them as images.

Zeiler, Taylor and Fergus 2011, sections 2.3 and 3: layer by layer, the filters are fitted to the images themselves
through the layers below; a filter of a higher layer is rendered with the switches that it has in an image.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed
from dcgan.deconvolution.arithmetic import padding_before, pair
from dcgan.deconvolution.deep_reconstruction import pool_by_magnitude, reconstruct_maps
from dcgan.deconvolution.deep_sparse_coding import Codes, DeepSparseCoding, Layer
from dcgan.deconvolution.unpooling import max_unpool

CONVERGED = 1e-5
"""Conjugate gradients stop at a gradient this small relative to the first one."""


class Plan(NamedTuple):
    """The settings of a layer to be learned."""

    filters: int
    """Number of filters."""
    kernel: int | Sequence[int]
    """Size of the filters, one number or (vertical, horizontal)."""
    weight: float
    """λ, as for `Layer`."""
    pool: int | Sequence[int] = 2
    """As for `Layer`."""


def backpropagate(function: Callable[[Any], Any], inputs: Any, signal: Any) -> tf.Tensor:
    """Compute the vector–Jacobian product: the derivative of Σ signal · function(inputs) by the inputs.

    Args:
        function: function of one tensor, made of TensorFlow's ops.
        inputs: array or tensor of floats at which the derivative is taken.
        signal: array or tensor of the shape of the function's outputs, treated as constant.

    Returns:
        A tensor of the shape of `inputs`. For a linear function it is the adjoint applied to the signal, whatever the
        inputs.
    """
    with tf.GradientTape() as tape:
        inputs = tf.convert_to_tensor(inputs)
        tape.watch(inputs)
        outputs = function(inputs)
    gradient: Any = tape.gradient(outputs, inputs, signal)
    return gradient


def learn_deep_sparse_coding(
    images: Any, plans: Sequence[Plan], rounds: int = 30, steps: int = 10, seed: int = 0
) -> DeepSparseCoding:
    """Learn filters layer by layer, alternating between the codes for the filters and the filters for the codes.

    Args:
        images: float32 (N, H, W, C), with 0 as background; a few hundred are enough.
        plans: settings of the layers, the lowest first.
        rounds: alternations per layer: steps of FISTA, a pooling step, and least squares for the filters.
        steps: iterations of FISTA per round.
        seed: seed of the normal noise that the filters are initialized with.

    Returns:
        The network.

    Raises:
        UserError: a number is not positive, or `images` does not have four axes.
    """
    images = tf.convert_to_tensor(images, tf.float32)
    if images.shape.rank != 4 or not plans or min(plan.filters for plan in plans) < 1:
        raise UserError(
            f"Can't learn {len(plans)} layers from images {tuple(images.shape)}.",
            "Use images (N, H, W, C), at least one layer, and at least one filter per layer.",
        )
    size = tuple(images.shape[1:3])
    layers: tuple[Layer, ...] = ()
    switches: tuple[tf.Tensor, ...] = ()
    for number, plan in enumerate(plans):
        channels = images.shape[3] if number == 0 else plans[number - 1].filters
        layers = (*layers, _initial_layer(plan, channels, number, seed))
        network, switch = _learn_top(DeepSparseCoding(layers, size), images, switches, rounds, steps)
        layers, switches = network.layers, (*switches, switch)
    return DeepSparseCoding(layers, size)


def _learn_top(
    network: DeepSparseCoding, images: tf.Tensor, switches: tuple[tf.Tensor, ...], rounds: int, steps: int
) -> tuple[DeepSparseCoding, tf.Tensor]:
    """Learn the top layer's filters; also returns its switches."""
    maps = network.zero_maps(len(images))
    for _ in range(rounds):
        maps = network.optimize(images, maps, switches, steps)
        values, switch = pool_by_magnitude(maps, network.layers[-1].pool)
        maps = max_unpool(values, switch, maps.shape)
        network, maps = fit_filters(network, images, maps, switches)
    return network, pool_by_magnitude(network.optimize(images, maps, switches, steps), network.layers[-1].pool)[1]


def fit_filters(
    network: DeepSparseCoding, images: Any, maps: Any, switches: Sequence[tf.Tensor], steps: int = 3
) -> tuple[DeepSparseCoding, tf.Tensor]:
    """Fit the top layer's filters to the images by least squares, and normalize them to norm 1.

    Conjugate gradients on ‖R(f) z − y‖² (section 2.3 of the paper), which is linear in the filters. The maps are scaled
    by the filters' norms, so that the reconstruction is that of the fit.

    Args:
        network: the filters to start from.
        images: float32 (N, H, W, C).
        maps: maps of the top layer before pooling, (N, h, w, K).
        switches: switches of the layers below.
        steps: iterations of conjugate gradients.

    Returns:
        The network with the new filters, and the scaled maps.
    """
    below, top, sizes = network.filters[:-1], network.filters[-1], network.sizes

    def reconstruct(filters: tf.Tensor) -> tf.Tensor:
        return reconstruct_maps(maps, (*below, filters), tuple(switches), sizes)

    fitted = _least_squares(reconstruct, images, top, steps).numpy()
    norms = np.sqrt(np.sum(np.square(fitted), axis=(0, 1, 2)))
    layer = replace(network.layers[-1], filters=fitted / np.maximum(norms, np.finfo(np.float32).tiny))
    return replace(network, layers=(*network.layers[:-1], layer)), maps * norms


def atom_images(network: DeepSparseCoding, codes: Codes) -> np.ndarray:
    """Render every filter of the top layer as the pixels that it contributes to an image.

    The contribution of a filter above the first layer depends on the switches below it; it is rendered with those of
    the image and position where its code is largest.

    Args:
        network: learned network.
        codes: codes of images, as `network.encode` returns them.

    Returns:
        uint8 (K, h, w, C), the pixels that one code reaches; 128 is 0, and the largest absolute value of each image
        becomes 1 or 255. The image of a filter that no code uses is 128 everywhere.
    """
    values = np.asarray(codes.values)
    largest = [np.unravel_index(np.argmax(np.abs(values[..., k])), values.shape[:3]) for k in range(values.shape[3])]
    positions = [(int(image), int(row), int(column)) for image, row, column in largest]
    single = np.zeros((len(positions), *values.shape[1:]), np.float32)
    for k, (image, row, column) in enumerate(positions):
        single[k, row, column, k] = np.sign(values[image, row, column, k])
    switches = [tf.gather(switch, [image for image, _, _ in positions]) for switch in codes.switches]
    images = np.asarray(network.reconstruct(single, switches))
    crops = [_crop(network, pixels, position[1:]) for pixels, position in zip(images, positions, strict=True)]
    atoms = np.stack(crops)
    peak = np.maximum(np.abs(atoms).max(axis=(1, 2, 3), keepdims=True), np.finfo(np.float32).tiny)
    return np.round(128 + 127 * atoms / peak).astype(np.uint8)


def _crop(network: DeepSparseCoding, pixels: np.ndarray, position: tuple[int, int]) -> np.ndarray:
    """Crop an image to what the code at a position of the top layer reaches, with 0 beyond the border."""
    spans = [_reach(network, axis, start) for axis, start in enumerate(position)]
    pad = max(max(-start, start + length - side, 0) for (start, length), side in zip(spans, network.size, strict=True))
    rows, columns = (slice(start + pad, start + pad + length) for start, length in spans)
    return np.pad(pixels, [(pad, pad), (pad, pad), (0, 0)])[rows, columns]


def _reach(network: DeepSparseCoding, axis: int, start: int) -> tuple[int, int]:
    """The first pixel and the number of pixels, along an axis, that a pooled code reaches."""
    length = 1
    for layer, size in zip(reversed(network.layers), reversed(network.sizes), strict=True):
        window, kernel = layer.pool[axis], layer.filters.shape[axis]
        start, length = start * window - padding_before(size[axis], window, window, "same"), length * window
        start, length = start - padding_before(size[axis], kernel, 1, "same"), length + kernel - 1
    return start, length


def _initial_layer(plan: Plan, channels: int, number: int, seed: int) -> Layer:
    """A layer whose filters are normal noise of norm 1."""
    random = np.random.default_rng(derived_seed(seed, f"deep sparse coding/filters {number}"))
    filters = random.standard_normal((*pair(plan.kernel, "The kernel"), channels, plan.filters)).astype(np.float32)
    return Layer(filters / np.sqrt(np.sum(np.square(filters), axis=(0, 1, 2))), plan.weight, plan.pool)


def _least_squares(apply: Callable[[Any], Any], target: Any, x: Any, steps: int) -> Any:
    """A few steps of conjugate gradients on ‖apply(x) − target‖², for a linear `apply` (Björck 1996, CGLS)."""
    residual = target - apply(x)
    gradient = direction = backpropagate(apply, x, residual)
    square = tf.reduce_sum(tf.square(gradient))
    converged = CONVERGED**2 * square
    for _ in range(steps):
        if square <= converged:  # the rest is rounding; dividing by it would diverge again
            break
        image = apply(direction)
        step_size = square / tf.reduce_sum(tf.square(image))
        x, residual = x + step_size * direction, residual - step_size * image
        gradient, previous = backpropagate(apply, x, residual), square
        square = tf.reduce_sum(tf.square(gradient))
        direction = gradient + square / previous * direction
    return x
