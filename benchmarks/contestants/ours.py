"""This project's training: the only module here that touches the trainer."""

import dcgan  # noqa: F401  (sets what TensorFlow reads at its import)

# isort: split
import time

import numpy as np
import tensorflow as tf

from benchmarks import machine, work
from benchmarks.contestants import images
from dcgan import devices
from dcgan.config import TrainConfig
from dcgan.sampling import latents
from dcgan.sampling.draw import draw
from dcgan.training.trainer import Trainer

ENDLESS = 2**31
STEPS_A_CALL = 10
"""While training against the clock: a second or less."""


class Ours:
    """The program's own trainer, fed by its own feed.

    Args:
        config: the options.
        pixels: uint8 (N, H, W, C) to learn from.
    """

    def __init__(self, config: TrainConfig, pixels: np.ndarray):
        devices.set_up(config.seed)
        self.config = config
        self.trainer = Trainer(config, pixels.shape[1:3], pixels.shape[3])
        self._feed = self.trainer.feed(pixels, ENDLESS)

    def run(self, steps: int) -> int:
        """Train so many steps in one call; returns the images seen."""
        metrics = self.trainer.update(self._feed, tf.constant(steps))
        float(metrics["d_loss"])  # waits for the device
        return steps * self.config.batch_size

    def train(self, seconds: float) -> None:
        """Train for so long."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.run(STEPS_A_CALL)

    def sample(self, count: int) -> np.ndarray:
        """Draw images with the averaged generator: uint8 (count, H, W, C)."""
        return np.concatenate(list(draw(self.trainer.snapshot(), latents(range(count), self.config.latent_dim))))

    def run_watched(self, steps: int) -> dict[str, int]:
        """Train so many steps; returns the memory it took, in bytes, as `machine.watched` has it."""
        with machine.watched() as most:
            self.run(steps)
        return most

    def facts(self) -> dict:
        """What the comparison stands on."""
        return work.facts(self.trainer.generator, self.trainer.discriminator, work.OUR_PASSES)


def made(image_size: int, channels: int, width: int, latent_dim: int, batch_size: int, **more) -> Ours:
    """Training on made images, with kernels of 4.

    Args:
        image_size, channels, width, latent_dim, batch_size: of the networks and the step.
        more: further options of `TrainConfig`.
    """
    sizes = {"latent_dim": latent_dim, "kernel": 4, "generator_width": width, "discriminator_width": width}
    config = TrainConfig(batch_size=batch_size, **sizes, **more)
    return Ours(config, images.made(2 * batch_size, image_size, channels))


def digits(**more) -> Ours:
    """The default run: the embedded digits, every option as it is by default but for `more`."""
    return Ours(TrainConfig(**more), images.digits())


def mapped(path: str, **more) -> Ours:
    """Training on a memory-mapped `.npy` file of uint8 images."""
    return Ours(TrainConfig(**more), np.load(path, mmap_mode="r"))
