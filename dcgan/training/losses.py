"""Losses and regularizers of the two networks.

A loss maps the discriminator's logits for real and fake images to the discriminator's and the generator's loss. A
regularizer adds a term to the discriminator's loss. Both are plain functions that are handed to `dcgan.train` or to
`dcgan.training.trainer.Trainer`; no class has to be extended.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

Loss = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""From real and fake logits, (N, 1) each, to two float32 scalars: discriminator loss and generator loss."""


class DiscriminatorPass(NamedTuple):
    """What a regularizer may use of one forward pass of the discriminator."""

    real: tf.Tensor
    """Real images, float32 (N, H, W, C) in [-1, 1], before augmentation."""
    fake: tf.Tensor
    """Generated images, of the same shape and range."""
    real_logits: tf.Tensor
    """(N, 1)."""
    fake_logits: tf.Tensor
    """(N, 1)."""
    discriminate: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    """Runs the discriminator on real and fake images again, with the same augmentation and classes."""
    tape: tf.GradientTape
    """Records the pass from `real` and `fake` to the logits, for penalties on input gradients."""


Regularizer = Callable[[DiscriminatorPass], tf.Tensor]
"""From one pass of the discriminator to a float32 scalar that is added to its loss."""


def non_saturating(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the losses of Goodfellow et al. 2014 (equation 1), the generator's in its non-saturating form.

    Args:
        real_logits: discriminator outputs for real images, (N, 1).
        fake_logits: discriminator outputs for generated images, (N, 1).

    Returns:
        Discriminator loss and generator loss, float32 scalars; 2·log 2 = 1.386 and log 2 = 0.693 when the
        discriminator cannot tell real from fake.
    """
    return discriminator_loss(real_logits, fake_logits), generator_loss(fake_logits)


def discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return the cross-entropy of classifying real images as real and generated ones as fake.

    Computed from logits so that nothing overflows: -log sigmoid(x) = softplus(-x), -log(1 - sigmoid(x)) = softplus(x).

    Args:
        real_logits: discriminator outputs for real images, (N, 1).
        fake_logits: discriminator outputs for generated images, (N, 1).

    Returns:
        float32 scalar, the mean over the batch.
    """
    return tf.reduce_mean(tf.nn.softplus(-real_logits)) + tf.reduce_mean(tf.nn.softplus(fake_logits))


def generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """Return the cross-entropy of having generated images classified as real.

    Args:
        fake_logits: discriminator outputs for generated images, (N, 1).

    Returns:
        float32 scalar, the mean over the batch.
    """
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))
