"""Losses of the two networks.

A loss maps the discriminator's logits for real and fake images to the discriminator's and the generator's loss. It is a
plain function that is handed to `dcgan.train` or to `dcgan.training.trainer.Trainer`; no class has to be extended.
"""

from collections.abc import Callable

import tensorflow as tf

Loss = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""From real and fake logits, (N, 1) each, to two float32 scalars: discriminator loss and generator loss."""


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


def relativistic(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the losses of the relativistic pairing GAN: each image is compared with its partner of the other side.

    softplus(−(D(x) − D(G(z)))) for the discriminator, the same with the roles exchanged for the generator
    (Jolicoeur-Martineau 2019, "The relativistic discriminator", equations 9 and 10; Huang et al. 2024, "The GAN is
    dead; long live the GAN!", equation 2). The generator can't win by leaving modes of the data out, since its images
    are compared with all real ones. In a conditional run, partners have the same class.

    Args:
        real_logits: discriminator outputs for real images, (N, 1).
        fake_logits: discriminator outputs for generated images, (N, 1); row i is the partner of real row i.

    Returns:
        Discriminator loss and generator loss, float32 scalars; both log 2 = 0.693 when the discriminator cannot tell
        real from fake.
    """
    difference = real_logits - fake_logits
    return tf.reduce_mean(tf.nn.softplus(-difference)), tf.reduce_mean(tf.nn.softplus(difference))


LOSSES: dict[str, Loss] = {"non_saturating": non_saturating, "relativistic": relativistic}
"""The choices of `--loss`."""
