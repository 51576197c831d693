"""Find the images of a data set with the largest activations of a layer's feature maps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.core.streams import shows_progress
from dcgan.networks.submodel import layers_to

MAX_PIXELS = 1 << 20
"""Pixels of a batch: 256 images of 64×64, 20 of 224×224."""

MAX_BATCH = 256


@dataclass(frozen=True, eq=False)
class TopActivations:
    """For each of F feature maps, the k images with the largest activations, in descending order.

    Args:
        indices: int64 (F, k), indices of the images in the data set.
        positions: int64 (F, k), position of the largest activation in the feature map, `row · w + column`.
        values: float32 (F, k), the activations at these positions.
    """

    indices: np.ndarray
    positions: np.ndarray
    values: np.ndarray

    def merge(self, other: "TopActivations", count: int) -> "TopActivations":
        """Return the `count` largest of both; of equal activations, those of `self` first, then the earlier ones.

        Args:
            other: top activations of the same feature maps over other images.
            count: number of images to keep per feature map.
        """
        indices, positions, values = (
            np.concatenate([getattr(self, name), getattr(other, name)], axis=1)
            for name in ("indices", "positions", "values")
        )
        first = np.argsort(-values, axis=1, kind="stable")[:, :count]
        return TopActivations(*(np.take_along_axis(array, first, axis=1) for array in (indices, positions, values)))


def find_top_activations(
    model: keras.Model, layer: str, features: Sequence[int], images: np.ndarray, count: int
) -> TopActivations:
    """Find the images with the largest activation of each feature map; an image counts once per map.

    Args:
        model: functional or sequential; its first input is the image.
        layer: name of a layer that depends on the image alone.
        features: indices of F feature maps of the layer.
        images: uint8 (N, H, W, C), in memory or memory-mapped; they are read in batches.
        count: number of images to find per feature map.

    Returns:
        `count` images per feature map, or N if there are fewer.

    Raises:
        UserError: there is no such layer or feature map, or the layer depends on other inputs.
    """
    forward = _maxima_function(layers_to(model, layer), features)
    best = TopActivations(*(np.empty((len(features), 0), dtype) for dtype in (np.int64, np.int64, np.float32)))
    size = max(1, min(MAX_BATCH, MAX_PIXELS // (images.shape[1] * images.shape[2])))
    with tqdm(total=len(images), unit=" images", leave=False, disable=not shows_progress()) as progress:
        for start in range(0, len(images), size):
            values, positions = (part.numpy().T for part in forward(tf.constant(images[start : start + size])))
            indices = np.broadcast_to(np.arange(start, start + values.shape[1]), values.shape)
            best = best.merge(TopActivations(indices, positions, values), count)
            progress.update(values.shape[1])
    return best


def _maxima_function(layers: Sequence[Any], features: Sequence[int]) -> Callable:
    """Return a function from uint8 (N, H, W, C) to the maxima of feature maps, float32 (N, F), and their positions,
    int64 (N, F)."""
    available = layers[-1].output.shape[-1]
    if unknown := [feature for feature in features if not 0 <= feature < available]:
        hint = f"It has {available} feature maps: 0 to {available - 1}."
        raise UserError(f"The layer {layers[-1].name!r} has no feature map {unknown[0]}.", hint)

    @tf.function(reduce_retracing=True)
    def forward(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values: Any = to_float(images)
        for layer in layers:
            values = layer(values, training=False)
        values = tf.gather(tf.cast(values, tf.float32), list(features), axis=-1)
        cells = tf.reshape(values, (tf.shape(values)[0], -1, len(features)))
        return tf.reduce_max(cells, axis=1), tf.argmax(cells, axis=1)

    return forward
