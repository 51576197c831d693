"""Projection of images into the latent space: the latent whose generated image is most similar to a given image.

By gradient descent on the latent from several random starting points, with fixed weights (Lipton and Tripathi 2017,
"Precise Recovery of Latent Vectors from Generative Adversarial Networks"; Creswell and Bharath 2018, "Inverting the
Generator of a Generative Adversarial Network", algorithm 1).

All starting points are optimized for some steps, and only the best one per image is continued: the ranking of the local
minima is known long before their final errors.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import scipy.spatial
import tensorflow as tf
from scipy.special import chdtri

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float, to_uint8
from dcgan.core.rng import derived_seed
from dcgan.sampling.generation import generate_images, input_widths
from dcgan.sampling.latents import latents

BATCH_SIZE = 512
"""Number of latents that are optimized together."""

SELECTION_STEPS = 100
"""Steps for all starting points of an image, before the best one is continued alone."""

WARMUP_STEPS = 50
"""Steps in which the learning rate rises again after the selection."""

MAX_STARTS = 64
"""Starting points that are optimized per image. Where there are more, those whose images are most similar are taken."""

LENGTH_TAIL = 1e-3
"""Probability that a latent in training is longer than the longest one the search allows."""


class Projection(NamedTuple):
    """The projections of some images."""

    latents: np.ndarray
    """float32 (N, latent_dim)."""
    labels: np.ndarray | None
    """Class of each image (the element of the class input), int64 (N,); None for an unconditional generator."""
    images: np.ndarray
    """Generated images of the latents, uint8 (N, H, W, C)."""
    errors: np.ndarray
    """Mean squared error before each step and at the end, float32 (steps + 1, N), of the selected starting point, with
    images in [-1, 1]."""
    stages: np.ndarray
    """Latents of that starting point after the requested steps, float32 (stages, N, latent_dim)."""


def project(
    generator: keras.Model,
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray | None = None,
    restarts: int = 4,
    steps: int = 1000,
    learning_rate: float = 0.05,
    seed: int = 0,
    length_tail: float | None = LENGTH_TAIL,
    stages: Sequence[int] = (),
    candidates: Sequence[int] | None = None,
) -> Projection:
    """Find latents whose generated images are similar to images, by Adam on the mean squared error of the pixels.

    Args:
        generator: as for `dcgan.sampling.generation.generate_batches`.
        images: uint8 (N, H, W, C) of the generator's size.
        labels: for a conditional generator, the class (N,) of each image; None to try all classes, each with as many
            restarts.
        restarts: number of normal latents the search of each image starts from; the one with the smallest error after
            `SELECTION_STEPS` is continued.
        steps: number of Adam steps.
        learning_rate: learning rate of Adam; after the selection it warms up again and decays to zero along a cosine.
        seed: seed of the starting points.
        length_tail: latents are shortened after each step to the length that this fraction of the latents in training
            exceeds, so that the result is an image the generator was trained for. None for no limit.
        stages: steps, from 0 to `steps`, after which latents are recorded.
        candidates: without labels, the classes that are tried; None for all.

    Returns:
        The projections, in the order of the images.

    Raises:
        UserError: the images have another size, the generator has no such labels, or a number is too small.
    """
    latent_dim, *class_counts = input_widths(generator)
    _validate(generator, images, labels, class_counts, restarts, steps)
    classes = class_counts[0] if class_counts else 0
    max_length = None if length_tail is None else longest_latent(latent_dim, length_tail)
    search = _Search(generator, learning_rate, max_length, sorted(stages))
    one_hot, selection = _one_hot(labels, len(images), restarts, classes, candidates), min(steps, SELECTION_STEPS)
    tried = one_hot.shape[1]
    starts = latents([derived_seed(seed, f"projection/{start}") for start in range(tried)], latent_dim)
    starts = np.tile(starts, (len(images), 1, 1))
    if tried > MAX_STARTS:
        starts, one_hot, tried = *_most_similar_starts(generator, images, starts, one_hot), MAX_STARTS
    points, one_hot, errors, recorded = _in_batches(
        max(1, BATCH_SIZE // tried),
        lambda batch, points, hot: _select_starts(search, batch, points, hot, selection),
        images,
        starts,
        one_hot,
    )
    points, generated, later_errors, later_recorded = _in_batches(
        BATCH_SIZE,
        lambda start, hot, batch: _optimize(search, start, hot, batch, range(selection, steps)),
        points,
        one_hot,
        images,
    )
    errors = np.concatenate([errors, later_errors], axis=1).T
    recorded = np.concatenate([recorded, later_recorded], axis=1).swapaxes(0, 1)
    return Projection(points, one_hot.argmax(axis=1) if classes else None, generated, errors, recorded)


def longest_latent(latent_dim: int, tail: float = LENGTH_TAIL) -> float:
    """Return the length that a fraction of the latents in training exceeds; squared lengths have a χ² distribution.

    Args:
        latent_dim: length of a latent vector, as a number of elements.
        tail: the fraction.
    """
    return float(np.sqrt(chdtri(latent_dim, tail)))


def _in_batches(size: int, function: Callable[..., tuple[np.ndarray, ...]], *arrays: np.ndarray) -> list[np.ndarray]:
    """Apply a function to at most `size` rows of the arrays at a time, and concatenate its results."""
    starts = range(0, len(arrays[0]), size)
    results = [function(*(array[start : start + size] for array in arrays)) for start in starts]
    return [np.concatenate(parts) for parts in zip(*results, strict=True)]


def _validate(
    generator: keras.Model,
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray | None,
    class_counts: list[int],
    restarts: int,
    steps: int,
) -> None:
    shape = generator.output_shape[1:]
    if images.ndim != 4 or images.dtype != np.uint8 or images.shape[1:] != shape or not len(images):
        raise UserError(
            f"Images {images.dtype} {images.shape} can't be projected.", f"This generator generates uint8 {shape}."
        )
    if restarts < 1 or steps < 0:
        raise UserError(f"{restarts} restarts with {steps} steps are too few.", "Use at least 1 restart and 0 steps.")
    if labels is None:
        return
    if not class_counts or len(labels) != len(images) or not all(0 <= label < class_counts[0] for label in labels):
        expected = f"one label below {class_counts[0]} per image" if class_counts else "no labels"
        raise UserError(f"The labels {list(labels)[:10]} do not fit.", f"This generator takes {expected}.")


def _one_hot(
    labels: Sequence[int] | np.ndarray | None,
    count: int,
    restarts: int,
    classes: int,
    candidates: Sequence[int] | None,
) -> np.ndarray:
    """Return the class of every start, float32 (count, starts, classes); without labels, all candidates' starts."""
    each_class = np.eye(classes, dtype=np.float32) if classes else np.zeros((1, 0), np.float32)
    if labels is not None and classes:
        return each_class[np.asarray(labels)][:, None].repeat(restarts, axis=1)
    tried = each_class if candidates is None or not classes else each_class[list(candidates)]
    return np.tile(tried.repeat(restarts, axis=0), (count, 1, 1))


def _most_similar_starts(
    generator: keras.Model, images: np.ndarray, starts: np.ndarray, one_hot: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Keep the `MAX_STARTS` starting points of each image whose generated images are most similar to it.

    Args:
        generator: as for `project`.
        images: uint8 (N, H, W, C).
        starts: float32 (N, tried, dim), the same ones for every image.
        one_hot: float32 (N, tried, classes), the same ones for every image.

    Returns:
        float32 (N, MAX_STARTS, dim) and (N, MAX_STARTS, classes).
    """
    rows = np.concatenate([starts[0], one_hot[0]], axis=1)
    generated = generate_images(generator, rows).reshape(len(rows), -1).astype(np.float32)
    errors = scipy.spatial.distance.cdist(images.reshape(len(images), -1), generated, "sqeuclidean")
    kept = np.argsort(errors, axis=1, kind="stable")[:, :MAX_STARTS]
    return starts[0][kept], one_hot[0][kept]


class _Search(NamedTuple):
    """How latents are optimized; fields as for `project`."""

    generator: keras.Model
    learning_rate: float
    max_length: float | None
    stages: Sequence[int]


def _select_starts(
    search: _Search, images: np.ndarray, starts: np.ndarray, one_hot: np.ndarray, steps: int
) -> tuple[np.ndarray, ...]:
    """Optimize all starting points of each image, and select the best.

    Args:
        search: how.
        images: uint8 (N, H, W, C).
        starts: float32 (N, tried, dim).
        one_hot: float32 (N, tried, classes).
        steps: number of steps before the selection.

    Returns:
        Per image: latent, class, errors before each step, and latents at the stages before the last step.
    """
    tried = one_hot.shape[1]
    start_classes = one_hot.reshape(len(images) * tried, -1)
    points, _, errors, stages = _optimize(
        search, np.concatenate(starts), start_classes, images.repeat(tried, axis=0), range(steps)
    )
    best = errors[:, -1].reshape(-1, tried).argmin(axis=1) + np.arange(len(images)) * tried
    recorded = sum(stage < steps for stage in search.stages)
    return points[best], start_classes[best], errors[best, :-1], stages[best, :recorded]


def _optimize(
    search: _Search, start: np.ndarray, one_hot: np.ndarray, images: np.ndarray, steps: range
) -> tuple[np.ndarray, ...]:
    """Optimize latents, with warm-up and decay of the learning rate where `steps` continues an earlier search.

    Returns:
        The final latents, (rows, dim); their images, uint8; the errors before each step and at the end, float32
        (rows, steps + 1); and the latents at the stages from the first step to the end, (rows, stages, dim).
    """
    generator, target = search.generator, to_float(images)
    points = keras.Variable(start, name="latents")
    rate: Any = _warmup_and_decay(search.learning_rate, len(steps)) if steps.start else search.learning_rate
    adam = keras.optimizers.Adam(rate)
    adam.build([points])
    class_inputs = [tf.constant(one_hot)] if one_hot.size else []

    def squared_errors() -> tuple[tf.Tensor, tf.Tensor]:
        generated = generator([points.value, *class_inputs] if class_inputs else points.value, training=False)
        return tf.reduce_mean(tf.square(generated - target), axis=(1, 2, 3)), generated

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(points.value)
            row_errors, _ = squared_errors()
            total = tf.reduce_sum(row_errors)
        adam.apply([tape.gradient(total, points.value)], [points])
        if search.max_length is not None:
            points.assign(tf.clip_by_norm(points.value, search.max_length, axes=1))
        return row_errors

    errors, stages = [], []
    for number in steps:
        stages += [points.numpy()] * search.stages.count(number)
        errors.append(step().numpy())
    stages += [points.numpy()] * search.stages.count(steps.stop)
    row_errors, generated = squared_errors()
    recorded = np.stack(stages, axis=1) if stages else np.zeros((len(start), 0, start.shape[1]), np.float32)
    return points.numpy(), np.asarray(to_uint8(generated)), np.stack([*errors, row_errors.numpy()], axis=1), recorded


def _warmup_and_decay(rate: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return a learning rate that rises for some steps, because Adam's first steps are large, and then decays."""
    warmup = min(WARMUP_STEPS, steps // 2)
    return keras.optimizers.schedules.CosineDecay(0.0, max(1, steps - warmup), warmup_target=rate, warmup_steps=warmup)
