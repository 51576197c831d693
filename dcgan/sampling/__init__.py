"""From seeds to images: latents, the forward pass, and the files that images are written to.

Importing this package does not load TensorFlow; importing `dcgan.sampling.generation` does.
"""

from dcgan.sampling.generate import animate, generate
from dcgan.sampling.latents import latents, slerp, walk
from dcgan.sampling.seeds import Seeds, parse_seeds

__all__ = ["Seeds", "animate", "generate", "latents", "parse_seeds", "slerp", "walk"]
