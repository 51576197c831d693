"""The way back from a picture to a latent: which point of its space does a generator draw it from, or what is nearest?

By gradient descent on the latent from several starts, the network held fixed (Lipton and Tripathi 2017, "Precise
Recovery of Latent Vectors from Generative Adversarial Networks"; Creswell and Bharath 2018, "Inverting the Generator of
a Generative Adversarial Network", algorithm 1).
"""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from dcgan.errors import UserError
from dcgan.randomness import derived_seed
from dcgan.sampling.draw import input_widths
from dcgan.sampling.latents import latents
from dcgan.scaling import to_float, to_uint8

AT_ONCE = 512
"""Latents that are improved together."""


class Projection(NamedTuple):
    """The nearest that a generator came to some images."""

    latents: np.ndarray
    """float32 (N, latent_dim)."""
    labels: np.ndarray | None
    """int64 (N,): the class each is drawn in; None for a generator without classes."""
    images: np.ndarray
    """uint8 (N, H, W, C): what the generator draws there."""
    errors: np.ndarray
    """float32 (steps + 1, N): the mean squared error before each step and at the end, of the start that ended best, the
    images being in [-1, 1]."""


def project(
    generator: keras.Model,
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray | None = None,
    starts: int = 4,
    steps: int = 200,
    learning_rate: float = 0.05,
    seed: int = 0,
) -> Projection:
    """Find latents whose pictures are near to images, by Adam on the mean squared error of the pixels.

    Nothing holds the latents near the origin, where training drew them: this is what the generator can draw, and not
    what it would.

    Args:
        generator: as for `dcgan.sampling.draw.draw`.
        images: uint8 (N, H, W, C) of the generator's size.
        labels: for a conditional generator, the class (N,) of every image; None to try all classes, each from as many
            starts, which takes as many times longer.
        starts: normal latents from which every image is sought; the best end counts.
        steps: of Adam.
        learning_rate: of Adam; latents are of size 1.
        seed: the starts follow from it.

    Raises:
        UserError: the images have another size, the labels are none of this generator, or a number is too small.
    """
    width, *kinds = input_widths(generator)
    _check(generator, images, labels, kinds, starts, steps)
    classes = kinds[0] if kinds else 0
    tried = starts * (classes if classes and labels is None else 1)
    first = latents([derived_seed(seed, f"projection/{start}") for start in range(tried)], width)
    at_once = max(1, AT_ONCE // tried)
    parts = []
    for begin in range(0, len(images), at_once):
        some = images[begin : begin + at_once]
        known = None if labels is None else np.asarray(labels)[begin : begin + at_once]
        hot = _one_hot(known, len(some), starts, classes)
        parts.append(_project(generator, some, np.tile(first, (len(some), 1)), hot, steps, learning_rate))
    found, hot, drawn = (np.concatenate(part) for part in list(zip(*parts, strict=True))[:3])
    errors = np.concatenate([part[3] for part in parts], axis=1)
    return Projection(found, hot.argmax(axis=1) if classes else None, drawn, errors)


def _check(generator, images, labels, kinds: list[int], starts: int, steps: int) -> None:
    if (
        images.ndim != 4
        or images.dtype != np.uint8
        or images.shape[1:] != generator.output_shape[1:]
        or not len(images)
    ):
        raise UserError(
            f"Images {images.dtype} {images.shape} can't be projected.",
            f"This generator draws uint8 {generator.output_shape[1:]}.",
        )
    if starts < 1 or steps < 0:
        raise UserError(f"{starts} starts of {steps} steps lead nowhere.")
    if labels is None:
        return
    if not kinds or len(labels) != len(images) or not all(0 <= label < kinds[0] for label in labels):
        asked = f"one label below {kinds[0]} an image" if kinds else "no labels"
        raise UserError(f"The labels {list(labels)[:10]} don't fit.", f"This generator takes {asked}.")


def _one_hot(labels: np.ndarray | None, count: int, starts: int, classes: int) -> np.ndarray:
    """The class of every start, image by image: float32 (count · starts, classes), or of all classes one by one."""
    if labels is None:
        return np.tile(np.eye(classes, dtype=np.float32).repeat(starts, axis=0), (count, 1))
    return np.eye(classes, dtype=np.float32)[labels].repeat(starts, axis=0)


def _project(generator, images, start, hot, steps: int, learning_rate: float) -> tuple[np.ndarray, ...]:
    """Latents, classes, pictures and errors of some images, the starts lying image by image."""
    tried = len(start) // len(images)
    point = keras.Variable(start, name="latents")
    course, drawn = _descend(generator, point, hot, to_float(images.repeat(tried, axis=0)), steps, learning_rate)
    best = course[-1].reshape(-1, tried).argmin(axis=1) + np.arange(len(images)) * tried
    return point.numpy()[best], hot[best] if hot.size else best, drawn[best], course[:, best]


def _descend(generator, point, hot, target, steps: int, learning_rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Improve the latents; the errors (steps + 1, rows) and the last pictures."""
    adam = keras.optimizers.Adam(learning_rate)
    adam.build([point])
    kinds = [tf.constant(hot)] if hot.size else []

    def errors() -> tuple[tf.Tensor, tf.Tensor]:
        drawn = generator([point.value, *kinds] if kinds else point.value, training=False)
        return tf.reduce_mean(tf.square(drawn - target), axis=(1, 2, 3)), drawn

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(point.value)
            each, _ = errors()
            total = tf.reduce_sum(each)
        adam.apply([tape.gradient(total, point.value)], [point])
        return each

    course = [step().numpy() for _ in range(steps)]
    each, drawn = errors()
    return np.stack([*course, each.numpy()]), np.asarray(to_uint8(drawn))
