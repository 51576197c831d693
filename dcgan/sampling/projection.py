"""The way back from a picture to a latent: which point of its space does a generator draw it from, or what is nearest?

By gradient descent on the latent from several starts, the network held fixed (Lipton and Tripathi 2017, "Precise
Recovery of Latent Vectors from Generative Adversarial Networks"; Creswell and Bharath 2018, "Inverting the Generator of
a Generative Adversarial Network", algorithm 1).

Many starts are in a race at first, and only the best one goes on: which valley it is shows long before its ground.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from scipy.special import chdtri

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float, to_uint8
from dcgan.core.rng import derived_seed
from dcgan.sampling.generation import input_widths
from dcgan.sampling.latents import latents

AT_ONCE = 512
"""Latents that are improved together."""

RACE = 100
"""Steps that all starts are given; the best one of each image has the others alone."""

RISING = 50
"""Steps in which the winner's learning rate rises again."""

RAREST = 1e-3
"""The part of training's latents that are longer than any that is found."""


class Projection(NamedTuple):
    """The nearest that a generator came to some images."""

    latents: np.ndarray
    """float32 (N, latent_dim)."""
    labels: np.ndarray | None
    """int64 (N,): the class each is drawn in; None for a generator without classes."""
    images: np.ndarray
    """uint8 (N, H, W, C): what the generator draws there."""
    errors: np.ndarray
    """float32 (steps + 1, N): the mean squared error before each step and at the end, of the start that won, the images
    being in [-1, 1]."""
    stages: np.ndarray
    """float32 (stages, N, latent_dim): the latents of that start after the steps that were asked for."""


def project(
    generator: keras.Model,
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray | None = None,
    starts: int = 4,
    steps: int = 1000,
    learning_rate: float = 0.05,
    seed: int = 0,
    rarest: float | None = RAREST,
    stages: Sequence[int] = (),
) -> Projection:
    """Find latents whose pictures are near to images, by Adam on the mean squared error of the pixels.

    Args:
        generator: as for `dcgan.sampling.generation.generate_batches`.
        images: uint8 (N, H, W, C) of the generator's size.
        labels: for a conditional generator, the class (N,) of every image; None to try all classes, each from as many
            starts.
        starts: normal latents from which every image is sought; the one that is nearest after `RACE` steps goes on.
        steps: of Adam.
        learning_rate: of Adam; after the race it rises once more and falls to zero along a cosine.
        seed: the starts follow from it.
        rarest: a latent that grows longer than all but so large a part of those drawn in training is shortened after
            every step: this is what the generator draws where it was trained, and not all that it could draw. None sets
            no limit.
        stages: after how many steps latents are kept to be looked at; from 0 to `steps`.

    Raises:
        UserError: the images have another size, the labels are none of this generator, or a number is too small.
    """
    width, *kinds = input_widths(generator)
    _check(generator, images, labels, kinds, starts, steps)
    classes = kinds[0] if kinds else 0
    longest = None if rarest is None else float(np.sqrt(chdtri(width, rarest)))  # squared, they are χ² distributed
    search = _Search(generator, learning_rate, longest, sorted(stages))
    tried = starts * (classes if classes and labels is None else 1)
    first = latents([derived_seed(seed, f"projection/{start}") for start in range(tried)], width)
    hot, race = _one_hot(labels, len(images), starts, classes), min(steps, RACE)
    begun = _in_parts(
        max(1, AT_ONCE // tried),
        lambda some, hot: _race(search, some, np.tile(first, (len(some), 1)), hot, race),
        images,
        hot.reshape(len(images), tried, classes),
    )
    point, hot, course, kept = begun
    point, drawn, rest, others = _in_parts(
        AT_ONCE, lambda *some: _descend(search, *some, range(race, steps)), point, hot, images
    )
    errors, kept = np.concatenate([course, rest], axis=1).T, np.concatenate([kept, others], axis=1)
    return Projection(point, hot.argmax(axis=1) if classes else None, drawn, errors, kept.swapaxes(0, 1))


def _in_parts(size: int, work: Callable[..., tuple[np.ndarray, ...]], *arrays: np.ndarray) -> list[np.ndarray]:
    """What some work makes of arrays, at most so many of their rows at a time."""
    starts = range(0, len(arrays[0]), size)
    done = [work(*(array[start : start + size] for array in arrays)) for start in starts]
    return [np.concatenate(part) for part in zip(*done, strict=True)]


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


def _one_hot(labels: Sequence[int] | np.ndarray | None, count: int, starts: int, classes: int) -> np.ndarray:
    """The class of every start, image by image: float32 (count · starts, classes), or of all classes one by one."""
    if labels is None or not classes:
        kinds = np.eye(classes, dtype=np.float32) if classes else np.zeros((1, 0), np.float32)
        return np.tile(kinds.repeat(starts, axis=0), (count, 1))
    return np.eye(classes, dtype=np.float32)[np.asarray(labels)].repeat(starts, axis=0)


class _Search(NamedTuple):
    """How latents are improved; the fields as for `project`."""

    generator: keras.Model
    learning_rate: float
    longest: float | None
    """The length that latents may have."""
    stages: Sequence[int]


def _race(search: _Search, images, starts, kinds, steps: int) -> tuple[np.ndarray, ...]:
    """The best start of each image: latents, classes, and row by row the errors before each step and the stages.

    Args:
        images: uint8 (N, H, W, C).
        starts: float32 (N · tried, dim), image by image.
        kinds: float32 (N, tried, classes).
        steps: before the best one is chosen.
    """
    tried = kinds.shape[1]
    hot = kinds.reshape(len(starts), -1)
    point, _, course, stages = _descend(search, starts, hot, images.repeat(tried, axis=0), range(steps))
    best = course[:, -1].reshape(-1, tried).argmin(axis=1) + np.arange(len(images)) * tried
    return point[best], hot[best], course[best, :-1], stages[best, : sum(stage < steps for stage in search.stages)]


def _descend(search: _Search, start, hot, images, steps: range) -> tuple[np.ndarray, ...]:
    """Improve latents; what does not begin at the first step goes on gently, and more and more so.

    Returns:
        Where they end, (rows, dim); their pictures, uint8; the errors before each step and at the end, float32
        (rows, steps + 1); and the latents at the stages from the first step to the end, (rows, stages, dim).
    """
    generator, target = search.generator, to_float(images)
    point = keras.Variable(start, name="latents")
    adam = keras.optimizers.Adam(_falling(search.learning_rate, len(steps)) if steps.start else search.learning_rate)
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
        if search.longest is not None:
            point.assign(tf.clip_by_norm(point.value, search.longest, axes=1))
        return each

    course, stages = [], []
    for number in steps:
        stages += [point.numpy()] * search.stages.count(number)
        course.append(step().numpy())
    stages += [point.numpy()] * search.stages.count(steps.stop)
    each, drawn = errors()
    shown = np.stack(stages, axis=1) if stages else np.zeros((len(start), 0, start.shape[1]), np.float32)
    return point.numpy(), np.asarray(to_uint8(drawn)), np.stack([*course, each.numpy()], axis=1), shown


def _falling(rate: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """A learning rate that rises for a few steps, as Adam's first ones are large, and then falls to zero."""
    rising = min(RISING, steps // 2)
    return keras.optimizers.schedules.CosineDecay(0.0, max(1, steps - rising), warmup_target=rate, warmup_steps=rising)
