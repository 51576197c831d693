"""This project's side of the comparisons: its training, its generator's forward pass, and its evaluation."""

import dcgan  # noqa: F401  (sets what TensorFlow reads at its import)

# isort: split
import time
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import flops
from benchmarks.baselines import DCGANSize
from benchmarks.synthetic_images import random_images
from dcgan import data
from dcgan.config import TrainConfig
from dcgan.core import devices
from dcgan.core.classes import Classes
from dcgan.core.resources import track_memory
from dcgan.networks import build_generator
from dcgan.sampling.generation import BATCH_SIZE, generate_images
from dcgan.sampling.selection import Selection
from dcgan.training.conditioning import divide_into_clusters, training_classes
from dcgan.training.trainer import Trainer

ENDLESS = 2**31
STEPS_PER_CALL = 10
"""Steps between two looks at the clock: a second or less."""


class OurTraining:
    """Train with the program's own trainer and input pipeline.

    Args:
        config: options of the training.
        pixels: training images, uint8 (N, H, W, C).
        labels: class labels, int (N,), of a conditional training.
        classes: classes of the labels.
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
            self.config,
            pixels.shape[1:3],
            pixels.shape[3],
            class_probabilities=() if classes is None else classes.input_probabilities,
        )
        self._batches = self.trainer.batches(pixels, ENDLESS, labels)

    def run(self, steps: int) -> int:
        """Train for `steps` steps in one call; return the number of images."""
        metrics = self.trainer.train_steps(self._batches, tf.constant(steps))
        float(metrics["d_loss"])  # waits for the device
        return steps * self.config.batch_size

    def train(self, seconds: float) -> None:
        """Train for a number of seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.run(STEPS_PER_CALL)

    def sample(self, count: int) -> np.ndarray:
        """Generate images with the EMA weights: uint8 (count, H, W, C)."""
        return generate_images(
            self.trainer.sampling_generator(), Selection(range(count), self.classes).rows(self.config.latent_dim)
        )

    def track_memory(self, steps: int) -> dict[str, int]:
        """Train for `steps` steps; return the largest memory in bytes, as `resources.track_memory` yields it."""
        with track_memory() as peak:
            self.run(steps)
        return peak

    def peak_memory(self) -> int:
        """Return the most bytes of GPU memory that tensors have taken; 0 without a GPU."""
        gpus = tf.config.list_logical_devices("GPU")
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] if gpus else 0

    def cost(self) -> dict[str, tuple]:
        """Return the `training_cost` of both networks."""
        return flops.training_cost(self.trainer.generator, self.trainer.discriminator, flops.OUR_PASSES)


def random_image_training(size: DCGANSize, **options: Any) -> OurTraining:
    """Train on random images with the paper's networks: 4x4 kernels, transposed convolutions, no hidden layer.

    Args:
        size: sizes of the networks and the step.
        options: further options of `TrainConfig`.
    """
    paper = {
        "latent_dim": size.latent_dim,
        "batch_size": size.batch_size,
        "kernel": 4,
        "upsampling": "transposed",
        "generator_width": size.width,
        "discriminator_width": size.width,
        "discriminator_hidden": 0,
    }
    return OurTraining(
        TrainConfig(**paper | options), random_images(2 * size.batch_size, size.image_size, size.channels)
    )


def digit_training(**options: Any) -> OurTraining:
    """Train on the embedded digits with the default options, except for the given options of `TrainConfig`."""
    config = TrainConfig(**options).resolve()
    digits = data.load(config)
    classes, labels = divide_into_clusters(config, digits, training_classes(config, digits))
    return OurTraining(config, digits.images, labels, classes)


class Sampling:
    """Generate images as `generate.py` does, with latents from seeds, by an untrained generator.

    Args:
        size: sizes of the network; a call of `run` generates `batch_size` images per step.
    """

    def __init__(self, size: DCGANSize):
        devices.configure_tensorflow(0)
        self._batch_size = size.batch_size
        self._generator = build_generator((size.image_size,) * 2, size.channels, size.width, size.latent_dim)
        self._latents = list(Selection(range(size.batch_size)).rows(size.latent_dim))

    def run(self, steps: int) -> int:
        """Generate `steps` times; return the number of images."""
        for _ in range(steps):
            generate_images(self._generator, self._latents)
        return steps * self._batch_size


def cached_training(path: str, **options: Any) -> OurTraining:
    """Train on a memory-mapped `.npy` file of uint8 images (N, H, W, C), with options of `TrainConfig`."""
    return OurTraining(TrainConfig(**options), np.load(path, mmap_mode="r"))


class ForwardPass:
    """Generate the same batch, as large as those of `generate.py`, again and again.

    Args:
        sizes: keyword arguments of `build_generator`.
        path: where to save the generator, for the command that it is compared with.
    """

    def __init__(self, sizes: dict[str, Any], path: str | None = None):
        self._generator = build_generator(**sizes)
        self._latents = tf.random.stateless_normal((BATCH_SIZE, self._generator.input_shape[-1]), (0, 0))
        self._forward = tf.function(lambda latents: self._generator(latents, training=False))
        if path:
            self._generator.save(path)

    def run(self, steps: int) -> int:
        """Generate `steps` batches; return the number of images."""
        for _ in range(steps):
            images = self._forward(self._latents)
        images[0, 0, 0, 0].numpy()
        return steps * len(self._latents)

    def flops(self) -> int:
        """Return the operations per image."""
        return flops.forward_flops(self._generator)


class DigitDistance:
    """Measure the Fréchet distance to embedded digits, in the features of a classifier of other embedded digits."""

    def __init__(self):
        from dcgan.evaluation.splits import load_splits

        splits = load_splits(TrainConfig())
        unseen = splits.reference, splits.validation, splits.held_out  # by the classifier
        self._real_features = self._features(np.concatenate([part.images for part in unseen]))

    def to_real(self, generated: np.ndarray) -> float:
        """Return the distance of generated images, uint8 (N, 28, 28, 1)."""
        from dcgan.evaluation import frechet_distance

        return frechet_distance(self._features(generated), self._real_features)

    def _features(self, images: np.ndarray) -> np.ndarray:
        """Return the classifier's features. The import is deferred: a training starts without the evaluation."""
        from dcgan.evaluation import digit_features

        return digit_features(images)
