"""Linear maps, pooling and cost minimization of a deep sparse coding network with fixed switches."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from dcgan.deconvolution.unpooling import max_pool_with_switches, max_unpool

INITIAL_BOUND_DIVISOR = 8
"""The first steps assume a norm this many times smaller per layer than the bound."""

ROUNDING = 1e-8
"""Fraction of an image's square that float32 may lose in a difference of two reconstructions."""


def pool_by_magnitude(maps: Any, pool: int | Sequence[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the value of largest magnitude in every window, with its sign.

    Args:
        maps: (N, H, W, K).
        pool: size of the windows, one number or (height, width).

    Returns:
        Values (N, h, w, K), and switches of the same shape.
    """
    _, switches = max_pool_with_switches(tf.abs(maps), pool, "same")
    return read_switched(maps, switches), switches


def read_switched(maps: Any, switches: Any) -> tf.Tensor:
    """Read maps at the positions of switches, the adjoint of unpooling.

    Args:
        maps: (N, H, W, K).
        switches: int64 (N, h, w, K).

    Returns:
        Values of the switches' shape.
    """
    count = tf.shape(maps)[0]
    values = tf.gather(tf.reshape(maps, (count, -1)), tf.reshape(switches, (count, -1)), batch_dims=1)
    return tf.ensure_shape(tf.reshape(values, tf.shape(switches)), switches.shape)


def reconstruct_maps(
    maps: Any, filters: Sequence[Any], switches: Sequence[Any], sizes: Sequence[tuple[int, int]]
) -> tf.Tensor:
    """Reconstruct images from the top layer's maps, as `DeepSparseCoding.reconstruct` does, with given filters.

    Args:
        maps: (N, h, w, K), as the values of `DeepSparseCoding.reconstruct`.
        filters: filters of the layers, the lowest first.
        switches: switches of the layers, with or without the top layer's.
        sizes: (h, w) of every layer's maps before pooling.

    Returns:
        Images (N, H, W, C).
    """
    for level in reversed(range(len(filters))):
        if level < len(switches):
            maps = max_unpool(maps, switches[level], sizes[level])
        shape = tf.stack([tf.shape(maps)[0], *sizes[level], filters[level].shape[2]])
        maps = tf.nn.conv2d_transpose(maps, filters[level], shape, 1, "SAME")
    return maps


def correlate_maps(maps: Any, filters: Sequence[Any], switches: Sequence[Any]) -> tf.Tensor:
    """Apply the adjoint of `reconstruct_maps`, as `DeepSparseCoding.correlate` does.

    Args:
        maps: images (N, H, W, C).
        filters: filters of the layers, the lowest first.
        switches: switches of the layers, with or without the top layer's.

    Returns:
        (N, h, w, K), the shape of the top layer's maps.
    """
    for level, weights in enumerate(filters):
        maps = tf.nn.conv2d(maps, weights, 1, "SAME")
        if level < len(switches):
            maps = read_switched(maps, switches[level])
    return maps


@tf.function
def minimize_cost(
    images: Any,
    values: Any,
    filters: Sequence[Any],
    switches: Sequence[Any],
    sizes: Sequence[tuple[int, int]],
    bound: Any,
    threshold: Any,
    steps: Any,
) -> Any:
    """Minimize the top layer's cost by FISTA with backtracking (Beck and Teboulle 2009, section 4), per image.

    The bound is several times too large for most switches, so each image starts with a fraction of it as its curvature,
    and repeats a step with twice the curvature if that was too small. Since reconstruction is linear, the test reuses
    reconstructions that are needed anyway.

    Args:
        images: float32 (N, H, W, C).
        values: the top layer's maps to start from, (N, h, w, K).
        filters: filters of the layers, the lowest first.
        switches: switches of the layers, with or without the top layer's.
        sizes: (h, w) of every layer's maps before pooling.
        bound: upper bound of the squared norm of the reconstruction, a positive float32 scalar.
        threshold: 1/λ of the top layer, a float32 scalar.
        steps: number of iterations, an int32 scalar.

    Returns:
        The new maps, of the shape of `values`.
    """
    reconstructed = reconstruct_maps(values, filters, switches, sizes)
    extrapolated, reconstructed_extrapolated, square = values, reconstructed, _squares(images)
    time = tf.ones_like(square)
    curvature = bound * time / INITIAL_BOUND_DIVISOR ** (len(filters) - 1)
    for _ in tf.range(steps):
        moved = extrapolated - correlate_maps(reconstructed_extrapolated - images, filters, switches) / curvature
        shrunk = tf.sign(moved) * tf.maximum(tf.abs(moved) - threshold / curvature, 0)
        reconstructed_shrunk = reconstruct_maps(shrunk, filters, switches, sizes)
        excess = _squares(reconstructed_shrunk - reconstructed_extrapolated) - curvature * _squares(
            shrunk - extrapolated
        )
        accepted = (excess <= ROUNDING * square) | (curvature >= bound)
        next_time = (1 + tf.sqrt(1 + 4 * time**2)) / 2
        momentum = (time - 1) / next_time
        extrapolated = tf.where(accepted, shrunk + momentum * (shrunk - values), extrapolated)
        reconstructed_extrapolated = tf.where(
            accepted,
            reconstructed_shrunk + momentum * (reconstructed_shrunk - reconstructed),
            reconstructed_extrapolated,
        )
        values = tf.where(accepted, shrunk, values)
        reconstructed = tf.where(accepted, reconstructed_shrunk, reconstructed)
        time = tf.where(accepted, next_time, time)
        curvature = tf.where(accepted, curvature, tf.minimum(2 * curvature, bound))
    return values


def _squares(x: tf.Tensor) -> tf.Tensor:
    """The sum of squares of every image, (N, 1, 1, 1)."""
    return tf.reduce_sum(tf.square(x), axis=(1, 2, 3), keepdims=True)
