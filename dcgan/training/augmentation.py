"""Differentiable augmentation: what the discriminator sees of every image, real or drawn, is changed at random.

Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training". The discriminator of a small data set
learns it by heart; this one never sees the same image twice, and because the generator's images go through the same
changes, and gradients through them, the changes are not learnt. Amounts as in the paper's code: brightness ±0.5,
saturation 0 to 2, contrast 0.5 to 1.5, shifts of up to an eighth of the side, a hole of half the side.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

NUMBERS = 7
"""Random numbers an image takes, whichever of the changes are made."""


def augment_images(images: tf.Tensor, numbers: tf.Tensor, changes: Sequence[str]) -> tf.Tensor:
    """Change images, each in its own way.

    Args:
        images: float32 (N, H, W, C) in [-1, 1]; what is shifted in or cut out is 0.
        numbers: float32 (N, NUMBERS), uniform in [0, 1): the amounts.
        changes: keys of `AUGMENTATION_FUNCTIONS`, in any order.

    Returns:
        The same shape; colours may leave [-1, 1].
    """
    for name, change in AUGMENTATION_FUNCTIONS.items():
        if name in changes:
            images = change(images, numbers)
    return images


def _color(images: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    """Brightness, saturation (nothing to a grey image) and contrast."""
    brightness, saturation, contrast = (numbers[:, i, None, None, None] for i in range(3))
    images = images + (brightness - 0.5)
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = grey + (images - grey) * (2.0 * saturation)
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    return mean + (images - mean) * (0.5 + contrast)


def _translation(images: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    """Shift by whole pixels; a product with a matrix of ones and zeros, whose gradient is the same for any order."""
    _, height, width, _ = images.shape
    images = tf.einsum("nyr,nrxc->nyxc", _shift(height, numbers[:, 3]), images)
    return tf.einsum("nxr,nyrc->nyxc", _shift(width, numbers[:, 4]), images)


def _shift(side: int, numbers: tf.Tensor) -> tf.Tensor:
    """Matrices (N, side, side) that shift a row of pixels, by -most to most."""
    most = side // 8
    amount = tf.cast(tf.floor(numbers * (2 * most + 1)), tf.int32) - most
    return tf.one_hot(tf.range(side)[None] - amount[:, None], side)


def _cutout(images: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    """Set a rectangle of half the height and width to 0; its centre is anywhere, so a part of it may be outside."""
    _, height, width, _ = images.shape
    rows, columns = (_hole(side, numbers[:, 5 + i]) for i, side in enumerate((height, width)))
    return images * (1.0 - rows[:, :, None, None] * columns[:, None, :, None])


def _hole(side: int, numbers: tf.Tensor) -> tf.Tensor:
    """Which of a side's pixels lie in the hole, as ones in (N, side)."""
    first = tf.floor(numbers * (side + 1)) - side // 4
    place = tf.range(side, dtype=tf.float32)[None] - first[:, None]
    return tf.cast((place >= 0) & (place < side // 2), tf.float32)


AUGMENTATION_FUNCTIONS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "color": _color,
    "translation": _translation,
    "cutout": _cutout,
}
"""In the order in which they are made."""
