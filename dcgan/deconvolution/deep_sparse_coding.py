"""Adaptive deconvolutional networks: layers of sparse codes, each of which explains the image, not the layer below.

Zeiler, Taylor and Fergus 2011 ("Adaptive Deconvolutional Networks for Mid and High Level Feature Learning", section 2).
Layer l has feature maps z_l, which max-pooling reduces to p_l and switches s_l. The reconstruction of the image,

    R_l z_l = F_1 U(s_1) F_2 U(s_2) … F_l z_l,

alternates between transposed convolutions F and unpooling U, as a generator would whose unpooling adapts to the image.
It is linear for fixed switches, and each layer minimizes λ_l/2 · ‖R_l z_l − y‖² + ‖z_l‖₁ for the image y itself. Unlike
the paper's, pooling windows span one map and not two neighboring ones, and the iterations are FISTA's, not ISTA's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution.arithmetic import output_length, pair
from dcgan.deconvolution.deep_reconstruction import correlate_maps, minimize_cost, pool_by_magnitude, reconstruct_maps
from dcgan.deconvolution.sparse_coding import SparseCoding
from dcgan.deconvolution.unpooling import max_unpool


@dataclass(frozen=True, eq=False, init=False)
class Layer:
    """The filters and settings of one layer.

    Args:
        filters: float32 (kh, kw, maps below, K); by convention each of the K filters has norm 1.
        weight: λ, positive: the larger, the better the reconstruction and the denser the code.
        pool: size of the pooling windows, one number or (height, width); 1 for no pooling.

    Raises:
        UserError: the size of the windows is not positive.
    """

    filters: np.ndarray
    weight: float
    pool: tuple[int, int]

    def __init__(self, filters: np.ndarray, weight: float, pool: int | Sequence[int] = 2):
        for name, value in {"filters": filters, "weight": weight, "pool": pair(pool, "The pool size")}.items():
            object.__setattr__(self, name, value)


class Codes(NamedTuple):
    """The code of images in a layer."""

    values: tf.Tensor
    """The pooled maps p_l, float32 (N, h, w, K), most of them 0."""
    switches: tuple[tf.Tensor, ...]
    """s_1 to s_l, int64, as in `max_pool_with_switches`."""


@dataclass(frozen=True, eq=False, init=False)
class DeepSparseCoding:
    """Layers, the lowest first, for images of one size.

    Convolutions have stride 1 and "same" padding, which is also the padding of pooling.

    Args:
        layers: at least one layer.
        size: (H, W) of the images.

    Raises:
        UserError: the layers do not match each other, or a number is not positive.
    """

    layers: tuple[Layer, ...]
    size: tuple[int, int]

    def __init__(self, layers: Sequence[Layer], size: Sequence[int]):
        object.__setattr__(self, "size", pair(size, "The image size"))
        object.__setattr__(self, "layers", tuple(layers))
        if not layers:
            raise UserError("A deconvolutional network has no layers.", "Use at least one.")
        for below, above in zip((None, *layers), layers, strict=False):
            SparseCoding(above.filters, above.weight, self.size)  # raises for invalid filters and weights
            if below is not None and below.filters.shape[3] != above.filters.shape[2]:
                raise UserError(
                    f"Filters {above.filters.shape} do not match the {below.filters.shape[3]} maps of the layer below.",
                    "Use filters (kh, kw, maps below, filters).",
                )

    @cached_property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(h, w) of every layer's maps before pooling."""
        sizes = [self.size]
        for layer in self.layers[:-1]:
            sizes.append(_pooled_size(sizes[-1], layer.pool))
        return tuple(sizes)

    @cached_property
    def filters(self) -> tuple[tf.Tensor, ...]:
        """The filters of every layer."""
        return tuple(tf.constant(layer.filters, tf.float32) for layer in self.layers)

    def lowest(self, depth: int) -> "DeepSparseCoding":
        """Return the network of the lowest layers.

        Args:
            depth: number of layers, at least 1.

        Returns:
            A network that shares these layers.
        """
        return replace(self, layers=self.layers[:depth])

    def reconstruct(self, values: Any, switches: Sequence[tf.Tensor]) -> tf.Tensor:
        """Reconstruct images from the top layer's maps.

        Args:
            values: (N, h, w, K): the pooled maps, if there are switches for each layer; the maps before pooling, if
                there are none for the top layer.
            switches: switches of the layers, the lowest first.

        Returns:
            Images (N, H, W, C).
        """
        return reconstruct_maps(tf.convert_to_tensor(values), self.filters, tuple(switches), self.sizes)

    def correlate(self, images: Any, switches: Sequence[tf.Tensor]) -> tf.Tensor:
        """Compute the adjoint of `reconstruct` for the same switches.

        Args:
            images: (N, H, W, C).
            switches: switches of the layers, the lowest first, with or without the top layer's.

        Returns:
            (N, h, w, K), the shape of the values of `reconstruct`.
        """
        return correlate_maps(tf.convert_to_tensor(images), self.filters, tuple(switches))

    def norm_bound(self) -> float:
        """Return an upper bound of the squared norm of `reconstruct` for all switches; unpooling has norm 1."""
        layers = zip(self.layers, self.sizes, strict=True)
        return float(np.prod([SparseCoding(layer.filters, 1.0, size).norm_bound() for layer, size in layers]))

    def objective(self, images: Any, values: Any, switches: Sequence[tf.Tensor]) -> float:
        """Compute the top layer's cost.

        Args:
            images: (N, H, W, C).
            values: as for `reconstruct`.
            switches: as for `reconstruct`.

        Returns:
            The sum over the images.
        """
        error = tf.reduce_sum(tf.square(self.reconstruct(values, switches) - images))
        return float(self.layers[-1].weight / 2 * error + tf.reduce_sum(tf.abs(values)))

    def encode(self, images: Any, steps: int = 20, updates: int = 5, final_steps: int = 100) -> Codes:
        """Infer the codes layer by layer, each with the final switches of the layers below.

        Each layer alternates between FISTA on its maps and pooling, which keeps the largest value of every window and
        sets the others to 0. Once the top layer's switches are known too, its pooled maps alone are optimized further,
        which is a convex problem.

        Args:
            images: float32 (N, H, W, C), with 0 as background.
            steps: iterations of FISTA between two updates of the switches.
            updates: updates of each layer's switches, at least 1.
            final_steps: iterations of FISTA with all switches fixed.

        Returns:
            The top layer's code.

        Raises:
            UserError: the images have another shape, or a number is too small.
        """
        images = tf.convert_to_tensor(images, tf.float32)
        shape = (*self.size, self.layers[0].filters.shape[2])
        if images.shape[1:] != shape or min(steps, final_steps) < 0 or updates < 1:
            raise UserError(
                f"Can't encode images {tuple(images.shape)} with {updates} updates of {steps} steps and {final_steps}.",
                f"Use images {shape}, at least 1 update and at least 0 steps.",
            )
        switches: tuple[tf.Tensor, ...] = ()
        for depth in range(1, len(self.layers) + 1):
            network = self.lowest(depth)
            maps = network.zero_maps(len(images))
            for _ in range(updates):
                maps = network.optimize(images, maps, switches, steps)
                values, switch = pool_by_magnitude(maps, network.layers[-1].pool)
                maps = max_unpool(values, switch, maps.shape)
            switches = (*switches, switch)
        return Codes(self.optimize(images, values, switches, final_steps), switches)

    def zero_maps(self, count: int) -> tf.Tensor:
        """Return maps of the top layer before pooling, all 0.

        Args:
            count: number of images.

        Returns:
            float32 (count, h, w, K).
        """
        return tf.zeros((count, *self.sizes[-1], self.layers[-1].filters.shape[3]))

    def optimize(self, images: Any, values: Any, switches: Sequence[tf.Tensor], steps: int) -> tf.Tensor:
        """Continue to minimize the cost over the top layer's maps, with fixed switches.

        Args:
            images: float32 (N, H, W, C).
            values: the maps to start from, as for `reconstruct`.
            switches: as for `reconstruct`.
            steps: iterations of FISTA.

        Returns:
            The new maps, of the shape of `values`.
        """
        bound = self.norm_bound()
        if bound == 0:
            return values
        bound, threshold = (tf.constant(number, tf.float32) for number in (bound, 1 / self.layers[-1].weight))
        return minimize_cost(
            images, values, self.filters, tuple(switches), self.sizes, bound, threshold, tf.constant(steps)
        )


def _pooled_size(size: tuple[int, int], pool: tuple[int, int]) -> tuple[int, int]:
    rows, columns = (output_length(side, window, window, "same") for side, window in zip(size, pool, strict=True))
    return rows, columns
