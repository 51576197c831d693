"""What the two networks minimise: Goodfellow et al. 2014, equation 1, the generator in its non-saturating form.

Logits in, so that nothing overflows: -log sigmoid(x) = softplus(-x), -log(1 - sigmoid(x)) = softplus(x).
"""

import tensorflow as tf


def discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of real images called real and drawn ones called drawn; 2·log 2 = 1.386 when D can't tell.

    Args:
        real_logits, fake_logits: (N, 1).

    Returns:
        float32 scalar, the mean over the batch.
    """
    return tf.reduce_mean(tf.nn.softplus(-real_logits)) + tf.reduce_mean(tf.nn.softplus(fake_logits))


def generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of drawn images called real; log 2 = 0.693 when D can't tell.

    Args:
        fake_logits: (N, 1).

    Returns:
        float32 scalar, the mean over the batch.
    """
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))
