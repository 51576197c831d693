"""Adaptive deconvolutional networks: layers of sparse codes that all explain the image, not the layer below.

Zeiler, Taylor and Fergus 2011 ("Adaptive Deconvolutional Networks for Mid and High Level Feature Learning", section 2).
Layer l has feature maps z_l, which max-pooling shrinks to p_l and switches s_l. The way back to the image,

    R_l z_l = F_1 U(s_1) F_2 U(s_2) … F_l z_l,

takes turns of transposed convolutions F and unpooling U, a generator whose unpooling adapts to the image. It is linear
for fixed switches, and each layer makes λ_l/2 · ‖R_l z_l − y‖² + ‖z_l‖₁ small for the image y itself. Unlike the paper,
pooling takes windows of one map, not of two neighbouring ones, and the iterations are FISTA's instead of ISTA's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution.arithmetic import outputs, pair
from dcgan.deconvolution.sparse_coding import SparseCoding
from dcgan.deconvolution.unpooling import max_pool_with_switches, max_unpool

STARTS_LOWER = 8
"""How many times smaller than a layer's share in the bound the first steps take the norm to be."""

ROUNDING = 1e-8
"""Of an image's square that float32 may lose in a difference of two reconstructions."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer's filters and settings.

    Args:
        filters: float32 (kh, kw, maps below, K); the convention is that each of the K has norm 1.
        weight: λ, positive: the larger, the better the reconstruction and the denser the code.
        pool: side of the pooling windows, one number or (height, width); 1 for none.
    """

    filters: np.ndarray
    weight: float
    pool: int | Sequence[int] = 2


class Codes(NamedTuple):
    """What a layer says about images."""

    values: tf.Tensor
    """The pooled maps p_l, float32 (N, h, w, K), most of them 0."""
    switches: tuple[tf.Tensor, ...]
    """s_1 to s_l, int64, as `max_pool_with_switches` counts."""


@dataclass(frozen=True, eq=False)
class DeepSparseCoding:
    """Layers, the lowest first, and what they say about images of one size.

    Convolutions have stride 1 and "same" padding, and so has the pooling.

    Args:
        layers: at least one.
        size: (H, W) of the images.

    Raises:
        UserError: the layers do not stand on each other, or a number is not positive.
    """

    layers: tuple[Layer, ...]
    size: tuple[int, int]

    def __post_init__(self):
        object.__setattr__(self, "size", pair(self.size, "The image size"))
        object.__setattr__(self, "layers", tuple(replace(o, pool=pair(o.pool, "The pool size")) for o in self.layers))
        if not self.layers:
            raise UserError("A deconvolutional network has at least one layer.")
        for below, above in zip((None, *self.layers), self.layers, strict=False):
            SparseCoding(above.filters, above.weight, self.size)  # refuses what no layer can have
            if below is not None and below.filters.shape[3] != above.filters.shape[2]:
                raise UserError(f"Filters {above.filters.shape} can't stand on {below.filters.shape[3]} maps.")

    @cached_property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(h, w) of every layer's maps before they are pooled."""
        sizes = [self.size]
        for layer in self.layers[:-1]:
            sizes.append(_pooled(sizes[-1], layer.pool))
        return tuple(sizes)

    def lowest(self, depth: int) -> "DeepSparseCoding":
        """The network of the lowest `depth` layers."""
        return replace(self, layers=self.layers[:depth])

    def reconstruct(self, values: tf.Tensor, switches: Sequence[tf.Tensor]) -> tf.Tensor:
        """The images (N, H, W, C) of the top layer's maps.

        Args:
            values: (N, h, w, K): with a switch a layer, pooled maps; with one fewer, the maps before pooling.
            switches: of the layers, the lowest first.
        """
        return reconstruct_maps(tf.convert_to_tensor(values), self.filters, tuple(switches), self.sizes)

    def correlate(self, images: tf.Tensor, switches: Sequence[tf.Tensor]) -> tf.Tensor:
        """The adjoint of `reconstruct` for the same switches: from images (N, H, W, C) to (N, h, w, K)."""
        return _up(tf.convert_to_tensor(images), self.filters, tuple(switches))

    def norm_bound(self) -> float:
        """An upper bound of the squared norm of `reconstruct` for whatever switches: unpooling has norm 1."""
        layers = zip(self.layers, self.sizes, strict=True)
        return float(np.prod([SparseCoding(layer.filters, 1.0, size).norm_bound() for layer, size in layers]))

    def objective(self, images: tf.Tensor, values: tf.Tensor, switches: Sequence[tf.Tensor]) -> float:
        """The top layer's cost, summed over the images; arguments as for `reconstruct`."""
        error = tf.reduce_sum(tf.square(self.reconstruct(values, switches) - images))
        return float(self.layers[-1].weight / 2 * error + tf.reduce_sum(tf.abs(values)))

    def encode(self, images: tf.Tensor, steps: int = 20, updates: int = 5, settle: int = 100) -> Codes:
        """Infer the codes layer by layer, each with the switches that the layers below ended with.

        A layer's turns are steps of FISTA on its maps and a pooling step, after which of every window only what was
        largest goes on. When the top layer's switches are found too, its pooled maps alone are improved further: a
        convex problem.

        Args:
            images: float32 (N, H, W, C), around 0 where there is nothing to see.
            steps: of FISTA in each turn.
            updates: of each layer's switches, at least 1: its turns.
            settle: steps at the end.

        Returns:
            The top layer's code.

        Raises:
            UserError: the images have another shape, or a number is too small.
        """
        images = tf.convert_to_tensor(images, tf.float32)
        if images.shape[1:] != (*self.size, self.layers[0].filters.shape[2]) or min(steps, settle) < 0 or updates < 1:
            raise UserError(
                f"Images {tuple(images.shape)} can't be encoded in {updates} turns of {steps} steps, and {settle}."
            )
        switches: tuple[tf.Tensor, ...] = ()
        for depth in range(1, len(self.layers) + 1):
            network = self.lowest(depth)
            maps = network.empty_maps(len(images))
            for _ in range(updates):
                maps = network.improved(images, maps, switches, steps)
                values, switch = pool_by_magnitude(maps, network.layers[-1].pool)
                maps = max_unpool(values, switch, maps.shape)
            switches = (*switches, switch)
        return Codes(self.improved(images, values, switches, settle), switches)

    def empty_maps(self, count: int) -> tf.Tensor:
        """The top layer's maps of `count` images before pooling, all 0."""
        return tf.zeros((count, *self.sizes[-1], self.layers[-1].filters.shape[3]))

    def improved(self, images: tf.Tensor, values: tf.Tensor, switches: Sequence[tf.Tensor], steps: int) -> tf.Tensor:
        """Go on minimising the cost over the top layer's maps, the switches held fixed; see `reconstruct`."""
        bound = self.norm_bound()
        if bound == 0:
            return values
        numbers = (tf.constant(number, tf.float32) for number in (bound, 1 / self.layers[-1].weight))
        return _iterate(images, values, self.filters, tuple(switches), self.sizes, *numbers, tf.constant(steps))

    @cached_property
    def filters(self) -> tuple[tf.Tensor, ...]:
        """Every layer's filters."""
        return tuple(tf.constant(layer.filters, tf.float32) for layer in self.layers)


def pool_by_magnitude(maps: tf.Tensor, pool: int | Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Of every window keep what is farthest from 0, with its sign; values (N, h, w, K) and switches of that shape."""
    _, switches = max_pool_with_switches(tf.abs(maps), pool, "same")
    return read_switched(maps, switches), switches


def read_switched(maps: tf.Tensor, switches: tf.Tensor) -> tf.Tensor:
    """Read where the switches point, the adjoint of unpooling: from (N, H, W, K) to the switches' shape."""
    count = tf.shape(maps)[0]
    read = tf.gather(tf.reshape(maps, (count, -1)), tf.reshape(switches, (count, -1)), batch_dims=1)
    return tf.ensure_shape(tf.reshape(read, tf.shape(switches)), switches.shape)


def _pooled(size: tuple[int, int], pool: tuple[int, int]) -> tuple[int, int]:
    rows, columns = (outputs(side, length, length, "same") for side, length in zip(size, pool, strict=True))
    return rows, columns


def reconstruct_maps(
    maps: tf.Tensor,
    filters: Sequence[tf.Tensor],
    switches: Sequence[tf.Tensor],
    sizes: Sequence[tuple[int, int]],
) -> tf.Tensor:
    """From the top layer's maps to the image; as `DeepSparseCoding.reconstruct`, for filters of one's own."""
    for level in reversed(range(len(filters))):
        if level < len(switches):
            maps = max_unpool(maps, switches[level], sizes[level])
        shape = tf.stack([tf.shape(maps)[0], *sizes[level], filters[level].shape[2]])
        maps = tf.nn.conv2d_transpose(maps, filters[level], shape, 1, "SAME")
    return maps


def _up(maps, filters, switches) -> tf.Tensor:
    """The adjoint of `reconstruct_maps`."""
    for level, weights in enumerate(filters):
        maps = tf.nn.conv2d(maps, weights, 1, "SAME")
        if level < len(switches):
            maps = read_switched(maps, switches[level])
    return maps


@tf.function
def _iterate(images, values, filters, switches, sizes, bound, threshold, steps):
    """FISTA with backtracking (Beck and Teboulle 2009, section 4), every image by itself.

    The bound is several times too large for most switches, so an image begins with a part of it, and repeats a step
    with twice as much where that was too little. As the way down is linear, knowing so costs nothing.
    """
    drawn = reconstruct_maps(values, filters, switches, sizes)
    ahead, drawn_ahead, square = values, drawn, _per_image(images)
    time = tf.ones_like(square)
    curve = bound * time / STARTS_LOWER ** (len(filters) - 1)
    for _ in tf.range(steps):
        moved = ahead - _up(drawn_ahead - images, filters, switches) / curve
        shrunk = tf.sign(moved) * tf.maximum(tf.abs(moved) - threshold / curve, 0)
        drawn_shrunk = reconstruct_maps(shrunk, filters, switches, sizes)
        bent = _per_image(drawn_shrunk - drawn_ahead) - curve * _per_image(shrunk - ahead)
        sound = (bent <= ROUNDING * square) | (curve >= bound)
        later = (1 + tf.sqrt(1 + 4 * time**2)) / 2
        push = (time - 1) / later
        ahead = tf.where(sound, shrunk + push * (shrunk - values), ahead)
        drawn_ahead = tf.where(sound, drawn_shrunk + push * (drawn_shrunk - drawn), drawn_ahead)
        values, drawn = tf.where(sound, shrunk, values), tf.where(sound, drawn_shrunk, drawn)
        time, curve = tf.where(sound, later, time), tf.where(sound, curve, tf.minimum(2 * curve, bound))
    return values


def _per_image(x: tf.Tensor) -> tf.Tensor:
    """Sums of squares, (N, 1, 1, 1)."""
    return tf.reduce_sum(tf.square(x), axis=(1, 2, 3), keepdims=True)
