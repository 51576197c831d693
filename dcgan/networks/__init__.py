"""The generator and the discriminator."""

from dcgan.networks.discriminator import build_discriminator
from dcgan.networks.generator import build_generator

__all__ = ["build_discriminator", "build_generator"]
