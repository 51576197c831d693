"""This project's training: the only module here that touches the trainer."""

import dcgan  # noqa: F401  (sets what TensorFlow reads at its import)

# isort: split
import time

import numpy as np
import tensorflow as tf

from benchmarks import flops, machine
from benchmarks.baselines import images
from dcgan import data
from dcgan.config import TrainConfig
from dcgan.core import devices
from dcgan.core.classes import Classes
from dcgan.sampling.generation import generate_images
from dcgan.sampling.selection import Selection
from dcgan.training.loop import training_classes
from dcgan.training.trainer import Trainer

ENDLESS = 2**31
STEPS_A_CALL = 10
"""While training against the clock: a second or less."""


class Ours:
    """The program's own trainer, fed by its own feed.

    Args:
        config: the options.
        pixels: uint8 (N, H, W, C) to learn from.
        labels: whole numbers (N,), for a conditional training.
        classes: whose numbers they are.
    """

    def __init__(
        self,
        config: TrainConfig,
        pixels: np.ndarray,
        labels: np.ndarray | None = None,
        classes: Classes | None = None,
    ):
        devices.configure_tensorflow(config.seed)
        self.config, self.classes = config.resolve(), classes
        self.trainer = Trainer(
            config, pixels.shape[1:3], pixels.shape[3], shares=() if classes is None else classes.probabilities
        )
        self._feed = self.trainer.feed(pixels, ENDLESS, labels)

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
        return generate_images(
            self.trainer.snapshot(), Selection(range(count), self.classes).rows(self.config.latent_dim)
        )

    def run_watched(self, steps: int) -> dict[str, int]:
        """Train so many steps; returns the memory it took, in bytes, as `machine.watched` has it."""
        with machine.watched() as most:
            self.run(steps)
        return most

    def facts(self) -> dict:
        """What the comparison stands on."""
        return flops.facts(self.trainer.generator, self.trainer.discriminator, flops.OUR_PASSES)


def made(image_size: int, channels: int, width: int, latent_dim: int, batch_size: int, **more) -> Ours:
    """Training on made images, with the paper's networks: kernels of 4, transposed convolutions, no hidden layer.

    Args:
        image_size, channels, width, latent_dim, batch_size: of the networks and the step.
        more: further options of `TrainConfig`.
    """
    sizes = {"latent_dim": latent_dim, "kernel": 4, "generator_width": width, "discriminator_width": width}
    plain = {"batch_size": batch_size, "upsampling": "transposed", "discriminator_hidden": 0}
    config = TrainConfig(**plain | sizes | more)
    return Ours(config, images.made(2 * batch_size, image_size, channels))


def digits(**more) -> Ours:
    """The default run: the embedded digits, every option as it is by default but for `more`."""
    config = TrainConfig(**more)
    digits = data.load(config)
    return Ours(config, digits.images, digits.labels, training_classes(config, digits))


def mapped(path: str, **more) -> Ours:
    """Training on a memory-mapped `.npy` file of uint8 images."""
    return Ours(TrainConfig(**more), np.load(path, mmap_mode="r"))
