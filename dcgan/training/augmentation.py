"""Differentiable augmentation of everything the discriminator sees, real and generated images alike.

Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training". The discriminator of a small data set
memorizes it; with augmentation it never sees the same image twice. Because generated images are augmented too, and
gradients flow through the augmentation, the generator does not learn to imitate it. Strengths as in the paper's code:
brightness ±0.5, saturation 0 to 2, contrast 0.5 to 1.5, translation by up to an eighth of the side, cutout of half the
side.

With `--adaptive-augment` each augmentation is applied to an image with a probability that follows the discriminator:
Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data" (ADA), section 3.1.

A new augmentation is a function `(images, random) -> images` and one entry in `AUGMENTATION_FUNCTIONS`.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from dcgan.networks.fast.xla import static_shape

NUM_RANDOM = 7
"""Random numbers per image, whichever augmentations are used."""

TARGET = 0.6
"""Mean sign of the logits of real images above which the probability rises, and below which it falls: the discriminator
takes four in five of them for real."""

MAX_PROBABILITY = 0.8
"""Up to here no augmentation is found in generated images (Karras et al. 2020, section 2.2)."""

IMAGES_TO_ONE = 100_000
"""Images in which the probability could rise from 0 to 1. The paper has 500,000, for trainings of 25 million."""


def adapt_probability(probability: tf.Tensor, sign: tf.Tensor, batch_size: int) -> tf.Tensor:
    """Return the probability of the next step, a float32 scalar from 0 to `MAX_PROBABILITY`.

    Args:
        probability: that of this step, a float32 scalar.
        sign: mean sign of the logits of this step's real images, in [-1, 1].
        batch_size: images of a step.
    """
    change = tf.sign(sign - TARGET) * (batch_size / IMAGES_TO_ONE)
    return tf.clip_by_value(probability + change, 0.0, MAX_PROBABILITY)


def augment_images(
    images: tf.Tensor, random: tf.Tensor, names: Sequence[str], applied: tf.Tensor | None = None
) -> tf.Tensor:
    """Augment each image with its own random strengths.

    Args:
        images: float32 (N, H, W, C) in [-1, 1]; pixels that are shifted in or cut out become 0.
        random: float32 (N, NUM_RANDOM), uniform in [0, 1).
        names: keys of `AUGMENTATION_FUNCTIONS`, in any order.
        applied: bool (N, number of `AUGMENTATION_FUNCTIONS`), which are applied to which image; None for all.

    Returns:
        Images of the same shape; color may leave [-1, 1].
    """
    for index, (name, augment) in enumerate(AUGMENTATION_FUNCTIONS.items()):
        if name in names:
            augmented = augment(images, random)
            images = augmented if applied is None else tf.where(applied[:, index, None, None, None], augmented, images)
    return images


def _color(images: tf.Tensor, random: tf.Tensor) -> tf.Tensor:
    """Change brightness, saturation (no effect on grayscale) and contrast, not transparency."""
    if images.shape[-1] == 4:
        color, transparency = tf.split(images, [3, 1], axis=3)
        return tf.concat([_color(color, random), transparency], axis=3)
    brightness, saturation, contrast = (random[:, i, None, None, None] for i in range(3))
    images = images + (brightness - 0.5)
    gray = tf.reduce_mean(images, axis=3, keepdims=True)
    images = gray + (images - gray) * (2.0 * saturation)
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    return mean + (images - mean) * (0.5 + contrast)


def _translation(images: tf.Tensor, random: tf.Tensor) -> tf.Tensor:
    """Shift by whole pixels, as a product with a 0/1 matrix, whose gradient does not depend on summation order."""
    height, width = static_shape(images)[1:3]
    images = tf.einsum("nyr,nrxc->nyxc", _shift_matrices(height, random[:, 3]), images)
    return tf.einsum("nxr,nyrc->nyxc", _shift_matrices(width, random[:, 4]), images)


def _shift_matrices(side: int, random: tf.Tensor) -> tf.Tensor:
    """Return matrices (N, side, side) that shift a row of pixels by up to an eighth of its length."""
    limit = side // 8
    amount = tf.cast(tf.floor(random * (2 * limit + 1)), tf.int32) - limit
    return tf.one_hot(tf.range(side)[None] - amount[:, None], side)


def _cutout(images: tf.Tensor, random: tf.Tensor) -> tf.Tensor:
    """Set a rectangle of half the height and width to 0; its center is anywhere, so part of it may be outside."""
    height, width = static_shape(images)[1:3]
    rows, columns = (_cutout_mask(side, random[:, 5 + i]) for i, side in enumerate((height, width)))
    return images * (1.0 - rows[:, :, None, None] * columns[:, None, :, None])


def _cutout_mask(side: int, random: tf.Tensor) -> tf.Tensor:
    """Return ones in (N, side) where the pixels of one side are cut out."""
    first = tf.floor(random * (side + 1)) - side // 4
    offset = tf.range(side, dtype=tf.float32)[None] - first[:, None]
    return tf.cast((offset >= 0) & (offset < side // 2), tf.float32)


AUGMENTATION_FUNCTIONS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "color": _color,
    "translation": _translation,
    "cutout": _cutout,
}
"""Every augmentation by its name on the command line, in the order in which they are applied."""
