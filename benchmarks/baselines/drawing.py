"""The generator's forward pass with nothing around it."""

import dcgan  # noqa: F401  (sets what TensorFlow reads at its import)

# isort: split
import tensorflow as tf

from benchmarks import flops
from dcgan.networks import build_generator
from dcgan.sampling.generation import BATCH_SIZE


class Forward:
    """Draws the same batch, of the size that the program draws with, again and again, and keeps nothing.

    Args:
        sizes: of the generator, as `build_generator` takes them.
        path: where to save the generator, for the command that it is compared with.
    """

    def __init__(self, sizes: dict, path: str | None = None):
        self._generator = build_generator(**sizes)
        self._latents = tf.random.stateless_normal((BATCH_SIZE, self._generator.input_shape[-1]), (0, 0))
        self._forward = tf.function(lambda latents: self._generator(latents, training=False))
        if path:
            self._generator.save(path)

    def run(self, steps: int) -> int:
        """So many passes; returns the images."""
        for _ in range(steps):
            images = self._forward(self._latents)
        images[0, 0, 0, 0].numpy()
        return steps * len(self._latents)

    def flops(self) -> int:
        """Of one image."""
        return flops.forward_flops(self._generator)
