"""Trainings that differ from a preset in one idea; ideas that did not help live here and not in the program."""

import dcgan  # noqa: F401  (sets what TensorFlow reads at its import)

# isort: split
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from benchmarks.baselines import Variant
from dcgan.config import ResolvedTrainConfig, TrainConfig
from dcgan.core import devices
from dcgan.evaluation.evaluator import Evaluator
from dcgan.evaluation.splits import HELD_OUT, fixed_permutation, load_splits
from dcgan.networks import build_discriminator
from dcgan.networks.layers import Layers
from dcgan.training.conditioning import divide_into_clusters, training_classes
from dcgan.training.losses import Loss, non_saturating
from dcgan.training.regularizers import GradientPenalty
from dcgan.training.trainer import Trainer

STEPS_PER_CALL = 10
"""Steps between two looks at the clock."""


def hinge(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the hinge losses of the discriminator and the generator from logits (N, 1)."""
    d_loss = tf.reduce_mean(tf.nn.relu(1.0 - real_logits)) + tf.reduce_mean(tf.nn.relu(1.0 + fake_logits))
    return d_loss, -tf.reduce_mean(fake_logits)


def smoothed(real_target: float) -> Loss:
    """Return the non-saturating loss with a target below 1 for real images."""

    def loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        d_loss, g_loss = non_saturating(real_logits, fake_logits)
        return d_loss + (1.0 - real_target) * tf.reduce_mean(real_logits), g_loss  # softplus(x) - softplus(-x) = x

    return loss


class SpectralNorm:
    """A mixin that divides a layer's kernel by its largest singular value, with one power iteration per pass.

    Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", algorithm 1 and equation 8.
    Gradients flow through the singular value, but not through its vectors.
    """

    kernel: Any
    u: Any

    def build(self, input_shape: Any) -> None:
        """Add the left singular vector's estimate to the layer's weights."""
        super().build(input_shape)
        self.u = self.add_weight(shape=(1, self.kernel.shape[-1]), initializer="ones", trainable=False, name="u")

    def normalized_kernel(self) -> tf.Tensor:
        """Return the kernel divided by its largest singular value, and improve the estimate of the vector."""
        matrix = tf.reshape(self.kernel, (-1, self.kernel.shape[-1]))
        v = tf.stop_gradient(tf.math.l2_normalize(tf.matmul(self.u, matrix, transpose_b=True)))
        u = tf.stop_gradient(tf.math.l2_normalize(tf.matmul(v, matrix)))
        self.u.assign(u)
        return self.kernel / tf.reduce_sum(tf.matmul(v, matrix) * u)


class SpectralConv2D(SpectralNorm, keras.layers.Conv2D):
    """A convolution with spectral normalization."""

    def convolution_op(self, inputs: tf.Tensor, kernel: Any) -> tf.Tensor:
        """Convolve images (N, H, W, C) with the normalized kernel."""
        return super().convolution_op(inputs, self.normalized_kernel())


class SpectralDense(SpectralNorm, keras.layers.Dense):
    """A dense layer with spectral normalization."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Multiply inputs (N, features) with the normalized kernel."""
        return tf.matmul(inputs, self.normalized_kernel()) + self.bias


class Identity(keras.layers.Layer):
    """Return the inputs; takes the place of BatchNorm."""

    def __init__(self, momentum=None, epsilon=None, gamma_initializer=None, name=None):
        super().__init__(name=name)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the inputs."""
        return inputs


def build_spectral_discriminator(*, layers: Layers, **options: Any) -> keras.Model:
    """Build a discriminator with spectral normalization and biases in all layers, without BatchNorm.

    Args:
        layers: ignored: the layers are plain Keras layers.
        options: as for `dcgan.networks.build_discriminator`.
    """
    plain = build_discriminator(layers=Layers(batch_norm=Identity), **options)
    return keras.models.clone_model(plain, clone_function=_with_spectral_norm)


def _with_spectral_norm(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Return a layer's version with spectral normalization and a bias; one without weights unchanged."""
    for plain, normalized in ((keras.layers.Conv2D, SpectralConv2D), (keras.layers.Dense, SpectralDense)):
        if isinstance(layer, plain):
            return normalized.from_config(layer.get_config() | {"use_bias": True})
    return layer


class Pack(keras.layers.Layer):
    """Concatenate the channels of groups of consecutive images: (N, H, W, C) to (N / count, H, W, C · count).

    Args:
        count: images per group.
    """

    def __init__(self, count: int, **options: Any):
        super().__init__(**options)
        self.count = count

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Return the groups."""
        _, height, width, channels = images.shape
        groups = tf.transpose(tf.reshape(images, (-1, self.count, height, width, channels)), (0, 2, 3, 1, 4))
        return tf.reshape(groups, (-1, height, width, channels * self.count))

    def compute_output_spec(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Return the shape of the groups."""
        *shape, channels = images.shape
        return keras.KerasTensor((*shape, channels * self.count), images.dtype)


def packed_discriminator(count: int) -> Callable[..., keras.Model]:
    """Return a builder of unconditional discriminators that pack `count` images: (N, H, W, C) to (N / count, 1)."""

    def build(image_size: tuple[int, int], channels: int, **options: Any) -> keras.Model:
        images = keras.Input((*image_size, channels), name="image")
        discriminator = build_discriminator(image_size, channels * count, **options)
        return keras.Model(images, discriminator(Pack(count)(images)), name="packed_discriminator")

    return build


def build_trainer(variant: Variant, config: ResolvedTrainConfig, *sizes: Any, **options: Any) -> Trainer:
    """Build the trainer of a variant.

    Args:
        variant: what differs from the preset.
        config: resolved options of the variant.
        sizes: image size and channels, as for `Trainer`.
        options: as for `Trainer`.
    """
    builder = build_spectral_discriminator if variant.spectral_norm else build_discriminator
    return Trainer(
        config,
        *sizes,
        loss={"hinge": hinge}.get(variant.loss) or (smoothed(variant.real_target) if variant.real_target < 1 else None),
        regularizer=GradientPenalty(variant.r1_gamma) if variant.r1_gamma else None,
        build_discriminator=packed_discriminator(variant.pack) if variant.pack > 1 else builder,
        **options,
    )


class VariantTraining:
    """Train a variant, and evaluate it in between on images that it is not trained on.

    Args:
        variant: what to train.
        dataset: as for `train.py`.
        data_dir: as for `train.py`.
        seed: seed of the training.
        train_images: number of training images, chosen at random; None for all.
        num: number of images to generate for an evaluation.
    """

    def __init__(
        self, variant: Variant, dataset: str, data_dir: Path | None, seed: int, train_images: int | None, num: int
    ):
        devices.configure_tensorflow(seed)
        data_options = {"dataset": dataset, "data_dir": data_dir}
        run_options = {"seed": seed, "evaluate_every": 1, "evaluate_num": num}
        self.config = TrainConfig(**data_options, **run_options, **variant.options).resolve()
        images = load_splits(self.config).training
        chosen = fixed_permutation(len(images))[:train_images] if train_images else slice(None)
        labels = None if images.labels is None else images.labels[chosen]
        images = replace(images, images=images.images[chosen], labels=labels)
        self.config = self.config.resolve_augmentation(len(images))
        self.classes, labels = divide_into_clusters(self.config, images, training_classes(self.config, images))
        self.trainer = build_trainer(
            variant,
            self.config,
            images.image_size,
            images.channels,
            class_probabilities=self.classes.input_probabilities if self.classes else (),
        )
        self._batches = self.trainer.batches(images.images, 2**31, labels)
        self._evaluate = Evaluator(self.config, HELD_OUT)
        self._train_steps(1)  # traces and compiles before the clock runs

    def train(self, seconds: float) -> dict[str, Any]:
        """Train for a number of seconds of this process's processor time, then evaluate.

        Args:
            seconds: processor time.

        Returns:
            `step`, `steps_done` in this call, `d_loss`, and what `Evaluator` returns.
        """
        end, first_step = time.process_time() + seconds, self.trainer.step
        while time.process_time() < end:
            d_loss = self._train_steps(STEPS_PER_CALL)
        metrics = self._evaluate(self.trainer.sampling_generator(), self.classes)
        step = self.trainer.step
        return {"step": step, "steps_done": step - first_step, "d_loss": d_loss} | metrics

    def _train_steps(self, steps: int) -> float:
        """Train for `steps` steps; return the discriminator's loss."""
        return float(self.trainer.train_steps(self._batches, tf.constant(steps))["d_loss"])
