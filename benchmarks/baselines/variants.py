"""Trainings that differ from the plain recipe in one thing; what did not help lives here and not in the program."""

import dcgan  # noqa: F401  (sets what TensorFlow reads at its import)

# isort: split
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from dcgan.config import TrainConfig
from dcgan.core import devices
from dcgan.evaluation.evaluator import Evaluator
from dcgan.evaluation.splits import fixed_permutation, load_splits
from dcgan.networks.layers import Layers
from dcgan.training.loop import training_classes
from dcgan.training.trainer import Trainer

BURST = 10
"""Steps in one call, between two looks at the clock."""

Loss = tuple[tf.Tensor, tf.Tensor]


@dataclass(frozen=True)
class Recipe:
    """What is trained.

    Args:
        options: of `TrainConfig`.
        loss: `cross_entropy` or `hinge` (Lim and Ye 2017, "Geometric GAN").
        target: what the discriminator is told real images are (Salimans et al. 2016, section 3.4: 0.9).
        spectral: spectral normalisation of all its layers, with biases, instead of BatchNorm in the discriminator
            (Miyato et al. 2018).
        penalty: γ of R1, γ/2·E‖∇D(x)‖² on real images (Mescheder et al. 2018, equation 9).
        pack: images the discriminator judges together (Lin et al. 2018, "PacGAN").
    """

    options: dict[str, Any] = field(default_factory=dict)
    loss: str = "cross_entropy"
    target: float = 1.0
    spectral: bool = False
    penalty: float = 0.0
    pack: int = 1


class Spectral:
    """For a layer whose kernel is divided by its largest singular value, by one power iteration a pass.

    Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", algorithm 1 and equation 8; the
    singular value takes part in the gradient, its vectors don't.
    """

    def build(self, input_shape) -> None:
        super().build(input_shape)
        self.direction = self.add_weight(
            shape=(1, self.kernel.shape[-1]), initializer="ones", trainable=False, name="u"
        )

    def normalised(self) -> tf.Tensor:
        """The kernel, divided."""
        matrix = tf.reshape(self.kernel, (-1, self.kernel.shape[-1]))
        v = tf.stop_gradient(tf.math.l2_normalize(tf.matmul(self.direction, matrix, transpose_b=True)))
        u = tf.stop_gradient(tf.math.l2_normalize(tf.matmul(v, matrix)))
        self.direction.assign(u)
        return self.kernel / tf.reduce_sum(tf.matmul(v, matrix) * u)


class SpectralConv2D(Spectral, keras.layers.Conv2D):
    """A spectrally normalised convolution."""

    def convolution_op(self, inputs: tf.Tensor, kernel) -> tf.Tensor:
        return super().convolution_op(inputs, self.normalised())


class SpectralDense(Spectral, keras.layers.Dense):
    """A spectrally normalised dense layer."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return tf.matmul(inputs, self.normalised()) + self.bias


def spectral(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A layer's normalised kind, with a bias, which no BatchNorm adds any more; layers without weights as they are."""
    for plain, normalised in ((keras.layers.Conv2D, SpectralConv2D), (keras.layers.Dense, SpectralDense)):
        if isinstance(layer, plain):
            return normalised.from_config(layer.get_config() | {"use_bias": True})
    return layer


class Identity(keras.layers.Layer):
    """In BatchNorm's place."""

    def __init__(self, momentum=None, epsilon=None, gamma_initializer=None, name=None):
        super().__init__(name=name)

    def call(self, inputs):
        return inputs


class Candidate(Trainer):
    """A training by a recipe; arguments as for `Trainer`, `recipe` instead of `config`."""

    def __init__(self, recipe: Recipe, config: TrainConfig, *where, **more):
        self.recipe = recipe
        super().__init__(config, *where, **more)

    def _build_discriminator(self, layers: Layers, channels: int, **options) -> keras.Model:
        channels *= self.recipe.pack
        if not self.recipe.spectral:
            return super()._build_discriminator(layers=layers, channels=channels, **options)
        plain = super()._build_discriminator(layers=Layers(batch_norm=Identity), channels=channels, **options)
        return keras.models.clone_model(plain, clone_function=spectral)

    def _judge(self, real, drawn, kinds, draws):
        if self.recipe.pack > 1:
            real, drawn = (_packed(images, self.recipe.pack) for images in (real, drawn))
        if not self.recipe.penalty:
            return super()._judge(real, drawn, kinds, draws)
        with tf.GradientTape() as tape:
            tape.watch(real)
            logits = super()._judge(real, drawn, kinds, draws)
            judged = tf.reduce_sum(logits[0])
        slopes = tape.gradient(judged, real)
        self._penalty = 0.5 * self.recipe.penalty * tf.reduce_mean(tf.reduce_sum(tf.square(slopes), axis=(1, 2, 3)))
        return logits

    def _losses(self, real_logits, fake_logits) -> Loss:
        if self.recipe.loss == "hinge":
            d_loss = tf.reduce_mean(tf.nn.relu(1.0 - real_logits)) + tf.reduce_mean(tf.nn.relu(1.0 + fake_logits))
            g_loss = -tf.reduce_mean(fake_logits)
        else:
            d_loss, g_loss = super()._losses(real_logits, fake_logits)
            d_loss += (1.0 - self.recipe.target) * tf.reduce_mean(real_logits)  # softplus(x) - softplus(-x) = x
        return d_loss + (self._penalty if self.recipe.penalty else 0.0), g_loss


def _packed(images: tf.Tensor, count: int) -> tf.Tensor:
    """(N, H, W, C) → (N/count, H, W, C·count)."""
    _, height, width, channels = images.shape
    groups = tf.transpose(tf.reshape(images, (-1, count, height, width, channels)), (0, 2, 3, 1, 4))
    return tf.reshape(groups, (-1, height, width, channels * count))


class Training:
    """A training by a recipe, that can be judged in between, by images that it does not learn from.

    Args:
        recipe: arguments of `Recipe`.
        dataset, data_dir: as for `train.py`.
        seed: of the run.
        few: train on so many of the images only, chosen at random.
        pictures: how many are drawn to be judged.
    """

    def __init__(self, recipe: dict, dataset: str, data_dir: str | None, seed: int, few: int | None, pictures: int):
        devices.configure_tensorflow(seed)
        made = Recipe(**recipe)
        where = {"dataset": dataset, "data_dir": data_dir and Path(data_dir), "evaluate_every": 1}
        self.config = TrainConfig(**where, seed=seed, evaluate_num=pictures, **made.options).resolve()
        images = load_splits(self.config).training
        self.classes = training_classes(self.config, images)
        self.trainer = Candidate(
            made,
            self.config,
            images.image_size,
            images.channels,
            shares=self.classes.probabilities if self.classes else (),
        )
        chosen = fixed_permutation(len(images))[:few] if few else slice(None)
        labels = None if images.labels is None else images.labels[chosen]
        self._feed = self.trainer.feed(images.images[chosen], 2**31, labels)
        self._judge = Evaluator(self.config)
        self._update(1)  # traced and compiled before the clock runs

    def train(self, seconds: float) -> dict[str, float]:
        """Train for so many seconds of this process' time; the step, D's loss, and what the judge says."""
        ends, began = time.process_time() + seconds, self.trainer.step
        while time.process_time() < ends:
            loss = self._update(BURST)
        figures = self._judge(self.trainer.snapshot(), self.classes)
        return {"step": self.trainer.step, "done": self.trainer.step - began, "d_loss": loss} | figures

    def _update(self, steps: int) -> float:
        return float(self.trainer.update(self._feed, tf.constant(steps))["d_loss"])
