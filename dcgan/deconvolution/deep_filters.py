"""Learning the filters of adaptive deconvolutional networks, and looking at them.

Zeiler, Taylor and Fergus 2011, sections 2.3 and 3: layer by layer, the filters are fitted to the images themselves
through the layers below; a filter of a higher layer is looked at through the switches it has in an image.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed
from dcgan.deconvolution.arithmetic import pair, zeros_before
from dcgan.deconvolution.backprop import backpropagate
from dcgan.deconvolution.deep_sparse_coding import Codes, DeepSparseCoding, Layer, pool_by_magnitude, reconstruct_maps
from dcgan.deconvolution.unpooling import max_unpool


class Plan(NamedTuple):
    """A layer that is to be learned."""

    filters: int
    """How many."""
    kernel: int | Sequence[int]
    """Their side, one number or (vertical, horizontal)."""
    weight: float
    """λ, as for `Layer`."""
    pool: int | Sequence[int] = 2
    """As for `Layer`."""


CONVERGED = 1e-5
"""How small, beside its first, a gradient is that least squares need not follow any more."""


def learn_deep_sparse_coding(
    images: np.ndarray, plans: Sequence[Plan], rounds: int = 30, steps: int = 10, seed: int = 0
) -> DeepSparseCoding:
    """Learn the filters layer by layer: by turns, better codes for the filters and better filters for the codes.

    Args:
        images: float32 (N, H, W, C), around 0 where there is nothing to see; a few hundred are enough.
        plans: the layers, the lowest first.
        rounds: turns of each layer: steps of FISTA, a pooling step, and least squares for the filters.
        steps: of FISTA in each turn.
        seed: the filters begin as normal noise that follows from it.

    Raises:
        UserError: a number is not positive, or `images` has not four axes.
    """
    images = tf.convert_to_tensor(images, tf.float32)
    if images.shape.rank != 4 or not plans or min(plan.filters for plan in plans) < 1:
        raise UserError(f"{len(plans)} layers of filters can't be learned from images {tuple(images.shape)}.")
    network, switches = None, ()
    for number, plan in enumerate(plans):
        layer = _noise(plan, images.shape[3] if network is None else plans[number - 1].filters, number, seed)
        network = DeepSparseCoding((*(network.layers if network else ()), layer), tuple(images.shape[1:3]))
        network, switch = _learn_top(network, images, switches, rounds, steps)
        switches = (*switches, switch)
    return network


def _learn_top(network, images, switches, rounds: int, steps: int) -> tuple[DeepSparseCoding, tf.Tensor]:
    """Learn the top layer's filters; also returns its switches."""
    maps = network.empty_maps(len(images))
    for _ in range(rounds):
        maps = network.improved(images, maps, switches, steps)
        values, switch = pool_by_magnitude(maps, network.layers[-1].pool)
        maps = max_unpool(values, switch, maps.shape)
        network, maps = fit_filters(network, images, maps, switches)
    return network, pool_by_magnitude(network.improved(images, maps, switches, steps), network.layers[-1].pool)[1]


def fit_filters(
    network: DeepSparseCoding, images: tf.Tensor, maps: tf.Tensor, switches: Sequence[tf.Tensor], steps: int = 3
) -> tuple[DeepSparseCoding, tf.Tensor]:
    """Fit the top layer's filters to the images by least squares, and bring them back to norm 1.

    Conjugate gradients on ‖R(f) z − y‖² (section 2.3 of the paper), which is linear in the filters. What a filter
    loses in norm its maps gain, so that the reconstruction is that of the fit.

    Args:
        network: the filters to begin with.
        images: float32 (N, H, W, C).
        maps: of the top layer, before pooling, (N, h, w, K).
        switches: of the layers below.
        steps: of conjugate gradients.

    Returns:
        The network with other filters, and the maps at their scale.
    """
    below, top, sizes = network.filters[:-1], network.filters[-1], network.sizes

    def apply(filters: tf.Tensor) -> tf.Tensor:
        return reconstruct_maps(maps, (*below, filters), tuple(switches), sizes)

    fitted = _least_squares(apply, images, top, steps).numpy()
    norms = np.sqrt(np.sum(np.square(fitted), axis=(0, 1, 2)))
    layer = replace(network.layers[-1], filters=fitted / np.maximum(norms, np.finfo(np.float32).tiny))
    return replace(network, layers=(*network.layers[:-1], layer)), maps * norms


def atom_images(network: DeepSparseCoding, codes: Codes) -> np.ndarray:
    """Draw every filter of the top layer as the pixels that it makes.

    What a filter above the first layer makes depends on the switches below it; it is shown with those of the image
    and place where its code is strongest.

    Args:
        network: as it was learned.
        codes: of some images, as `network.encode` gives them.

    Returns:
        uint8 (K, h, w, C), the pixels that one code reaches; 128 is 0, and the largest absolute value of each picture
        is 1 or 255. The picture of a filter that no image uses is empty.
    """
    values = np.asarray(codes.values)
    strongest = [np.unravel_index(np.argmax(np.abs(values[..., k])), values.shape[:3]) for k in range(values.shape[3])]
    alone = np.zeros((len(strongest), *values.shape[1:]), np.float32)
    for k, (image, row, column) in enumerate(strongest):
        alone[k, row, column, k] = np.sign(values[image, row, column, k])
    switches = [tf.gather(switch, [image for image, _, _ in strongest]) for switch in codes.switches]
    pixels = np.asarray(network.reconstruct(alone, switches))
    parts = np.stack([_part_of(network, all_, place[1:]) for all_, place in zip(pixels, strongest, strict=True)])
    peak = np.maximum(np.abs(parts).max(axis=(1, 2, 3), keepdims=True), np.finfo(np.float32).tiny)
    return np.round(128 + 127 * parts / peak).astype(np.uint8)


def _part_of(network: DeepSparseCoding, pixels: np.ndarray, place: Sequence[int]) -> np.ndarray:
    """The part of an image that a code at a place of the top layer's grid reaches, with 0 beyond the border."""
    spans = [_reach(network, axis, start) for axis, start in enumerate(place)]
    pad = max(max(-start, start + length - side, 0) for (start, length), side in zip(spans, network.size, strict=True))
    rows, columns = (slice(start + pad, start + pad + length) for start, length in spans)
    return np.pad(pixels, [(pad, pad), (pad, pad), (0, 0)])[rows, columns]


def _reach(network: DeepSparseCoding, axis: int, start: int) -> tuple[int, int]:
    """First pixel and number of pixels, along an axis, that a pooled code reaches."""
    length = 1
    for layer, size in zip(reversed(network.layers), reversed(network.sizes), strict=True):
        window, kernel = layer.pool[axis], layer.filters.shape[axis]
        start, length = start * window - zeros_before(size[axis], window, window, "same"), length * window
        start, length = start - zeros_before(size[axis], kernel, 1, "same"), length + kernel - 1
    return start, length


def _noise(plan: Plan, below: int, number: int, seed: int) -> Layer:
    random = np.random.default_rng(derived_seed(seed, f"deep sparse coding/filters {number}"))
    filters = random.standard_normal((*pair(plan.kernel, "The kernel"), below, plan.filters)).astype(np.float32)
    return Layer(filters / np.sqrt(np.sum(np.square(filters), axis=(0, 1, 2))), plan.weight, plan.pool)


def _least_squares(apply: Callable[[tf.Tensor], tf.Tensor], target: tf.Tensor, x: tf.Tensor, steps: int) -> tf.Tensor:
    """A few steps of conjugate gradients on ‖apply(x) − target‖², `apply` being linear (Björck 1996, CGLS)."""
    rest = target - apply(x)
    slope = direction = backpropagate(apply, x, rest)
    size = tf.reduce_sum(tf.square(slope))
    enough = CONVERGED**2 * size
    for _ in range(steps):
        if size <= enough:  # what is left is rounding, and dividing by it would lead away again
            break
        image = apply(direction)
        far = size / tf.reduce_sum(tf.square(image))
        x, rest = x + far * direction, rest - far * image
        slope, before = backpropagate(apply, x, rest), size
        size = tf.reduce_sum(tf.square(slope))
        direction = slope + size / before * direction
    return x
