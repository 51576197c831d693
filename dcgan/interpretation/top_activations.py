"""The images of a data set that excite a network's feature maps most."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.networks.submodel import layers_to

MOST_PIXELS = 1 << 20
"""Of the images in one forward pass: 256 of 64×64, 20 of 224×224."""

MOST_IMAGES = 256


@dataclass(frozen=True, eq=False)
class TopActivations:
    """For each of F feature maps, its k strongest images, the strongest first.

    Args:
        images: int64 (F, k), their numbers in the data set.
        places: int64 (F, k), where in the map each is strongest, `row · w + column`.
        values: float32 (F, k), how strong the map is there.
    """

    images: np.ndarray
    places: np.ndarray
    values: np.ndarray

    def merged(self, other: "TopActivations", count: int) -> "TopActivations":
        """The `count` strongest of both, of equal ones those of `self`, then the earlier."""
        images, places, values = (
            np.concatenate([getattr(self, name), getattr(other, name)], axis=1)
            for name in ("images", "places", "values")
        )
        first = np.argsort(-values, axis=1, kind="stable")[:, :count]
        return TopActivations(*(np.take_along_axis(array, first, axis=1) for array in (images, places, values)))


def find_top_activations(
    model: keras.Model, layer: str, features: Sequence[int], images: np.ndarray, count: int
) -> TopActivations:
    """Find the images whose feature maps have the largest maxima; an image counts once a map.

    Args:
        model: functional or sequential; its first input is the image.
        layer: the name of one that only the image leads to.
        features: which of its maps, F of them.
        images: uint8 (N, H, W, C), in memory or memory-mapped: they are read piece by piece.
        count: how many to find, N at most.

    Returns:
        `count` images a map, or N where there are fewer.

    Raises:
        UserError: there is no such layer or map, or other inputs lead to the layer.
    """
    forward = _maxima(layers_to(model, layer), features)
    best = TopActivations(*(np.empty((len(features), 0), kind) for kind in (np.int64, np.int64, np.float32)))
    size = max(1, min(MOST_IMAGES, MOST_PIXELS // (images.shape[1] * images.shape[2])))
    with tqdm(total=len(images), unit=" images", leave=False, disable=None) as bar:
        for start in range(0, len(images), size):
            values, places = (part.numpy().T for part in forward(tf.constant(images[start : start + size])))
            numbers = np.broadcast_to(np.arange(start, start + values.shape[1]), values.shape)
            best = best.merged(TopActivations(numbers, places, values), count)
            bar.update(values.shape[1])
    return best


def _maxima(layers: Sequence[keras.layers.Layer], features: Sequence[int]) -> Callable:
    """A function from uint8 (N, H, W, C) to the maxima of some maps, float32 (N, F), and their places, int64 (N, F)."""
    available = layers[-1].output.shape[-1]
    if wrong := [feature for feature in features if not 0 <= feature < available]:
        hint = f"There are {available} maps: 0 to {available - 1}."
        raise UserError(f"The layer {layers[-1].name!r} has no map {wrong[0]}.", hint)

    @tf.function(reduce_retracing=True)
    def forward(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values = to_float(images)
        for layer in layers:
            values = layer(values, training=False)
        values = tf.gather(tf.cast(values, tf.float32), list(features), axis=-1)
        cells = tf.reshape(values, (tf.shape(values)[0], -1, len(features)))
        return tf.reduce_max(cells, axis=1), tf.argmax(cells, axis=1)

    return forward
