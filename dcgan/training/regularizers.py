"""Regularizers: terms that are added to the discriminator's loss.

A regularizer is a function of one pass of the discriminator, handed to `dcgan.train` or to
`dcgan.training.trainer.Trainer`. One that needs no second derivatives says so by an attribute `second_order = False`,
so that the fast layers, which have none, can be used.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import tensorflow as tf

from dcgan.networks.fast.xla import static_shape

SIGMA = 0.05
"""Standard deviation of the noise of `ApproximateGradientPenalty`, for images in [-1, 1]."""

EVERY = 4
"""One in so many images has its penalty computed."""


class Discriminate(Protocol):
    """Runs the discriminator again, with the augmentation and the classes of the pass."""

    def __call__(self, real: tf.Tensor, fake: tf.Tensor, every: int = 1) -> tuple[tf.Tensor, tf.Tensor]:
        """Return real and fake logits, (M, 1) each.

        Args:
            real: float32 (M, H, W, C); image i takes the place of image `every` · i of the batch.
            fake: of the same shape.
            every: so many images of the batch there are for each of these.
        """
        ...


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
    discriminate: Discriminate
    """Runs the discriminator again."""
    tape: tf.GradientTape
    """Records the pass from `real` and `fake` to the logits, for penalties on input gradients."""
    normal: Callable[[int], tf.Tensor]
    """Returns so many images of noise, float32 (M, H, W, C), standard normal: a function of the run's seed and the
    step."""


Regularizer = Callable[[DiscriminatorPass], tf.Tensor]
"""From one pass of the discriminator to a float32 scalar that is added to its loss."""


@dataclass(frozen=True)
class GradientPenalty:
    """The exact R1 and R2 penalties: γ/2·(E‖∇D(x)‖² + E‖∇D(G(z))‖²).

    Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", equations 9 and 10.

    Args:
        gamma: weight γ.
    """

    gamma: float
    second_order: ClassVar[bool] = True

    def __call__(self, forward: DiscriminatorPass) -> tf.Tensor:
        """Return the penalty, a float32 scalar."""
        gradients: Any = (
            forward.tape.gradient(forward.real_logits, forward.real),
            forward.tape.gradient(forward.fake_logits, forward.fake),
        )
        squares = (tf.reduce_mean(tf.reduce_sum(tf.square(each), axis=(1, 2, 3))) for each in gradients)
        return 0.5 * self.gamma * tf.add_n(list(squares))


@dataclass(frozen=True)
class ApproximateGradientPenalty:
    """R1 and R2 without second derivatives: γ/2σ²·(E(D(x) − D(x + σε))² + E(D(G(z)) − D(G(z) + σε))²), ε ~ N(0, 1).

    Lin et al. 2025, "Diffusion Adversarial Post-Training for One-Step Video Generation", section 3.3. For small σ the
    difference is σ·ε·∇D, and its mean square σ²‖∇D‖². Computed for one image in `every`, which leaves the mean what it
    is; a lazy penalty computes it for all images of one step in so many instead (Karras et al. 2020, "Analyzing and
    Improving the Image Quality of StyleGAN", section 3.1).

    Args:
        gamma: weight γ.
        sigma: standard deviation of the noise.
        every: one in so many images has its penalty computed.
    """

    gamma: float
    sigma: float = SIGMA
    every: int = EVERY
    second_order: ClassVar[bool] = False

    def __call__(self, forward: DiscriminatorPass) -> tf.Tensor:
        """Return the penalty, a float32 scalar."""
        count = static_shape(forward.real)[0]
        every = math.gcd(self.every, count)
        real, fake = forward.real[::every], tf.stop_gradient(forward.fake)[::every]
        noise = self.sigma * forward.normal(count // every)
        noisy = forward.discriminate(real + noise, fake + noise, every)
        pairs = zip((forward.real_logits, forward.fake_logits), noisy, strict=True)
        squares: Any = [tf.reduce_mean(tf.square(logits[::every] - other)) for logits, other in pairs]
        return self.gamma / (2 * self.sigma**2) * tf.add_n(squares)
