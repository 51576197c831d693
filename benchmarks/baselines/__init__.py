"""What the benchmarks measure. Only worker processes import these modules, after their environment is set.

The dataclasses here describe what to measure; they are picklable, and importing them does not import TensorFlow.
"""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class DCGANSize:
    """Sizes of the DCGAN networks and of a training step.

    Args:
        image_size: height and width of an image.
        channels: color channels of an image.
        width: filters of the discriminator's first layer and of the generator's last hidden layer.
        latent_dim: length of a latent.
        batch_size: images per step.
    """

    image_size: int = 64
    channels: int = 3
    width: int = 64
    latent_dim: int = 100
    batch_size: int = 128


@dataclass(frozen=True)
class Variant:
    """A training that differs from a preset.

    Args:
        options: options of `TrainConfig`.
        loss: the non-saturating loss, or the hinge loss (Lim and Ye 2017, "Geometric GAN").
        real_target: target of the discriminator for real images; below 1, one-sided label smoothing (Salimans et al.
            2016, section 3.4: 0.9).
        spectral_norm: whether all layers of the discriminator have spectral normalization and biases instead of
            BatchNorm (Miyato et al. 2018).
        r1_gamma: weight γ of the R1 penalty, γ/2·E‖∇D(x)‖² on real images (Mescheder et al. 2018, equation 9).
        pack: number of images that the discriminator receives together (Lin et al. 2018, "PacGAN").
    """

    options: dict[str, Any] = field(default_factory=dict)
    loss: Literal["non_saturating", "hinge"] = "non_saturating"
    real_target: float = 1.0
    spectral_norm: bool = False
    r1_gamma: float = 0.0
    pack: int = 1
