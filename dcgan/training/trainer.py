"""Networks, optimizers and EMA weights of a run, and everything a checkpoint holds."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dcgan.config import ResolvedTrainConfig
from dcgan.core.devices import explain_compiler_errors
from dcgan.core.errors import UserError
from dcgan.core.image_range import to_uint8
from dcgan.core.sizes import Size
from dcgan.data.batches import ResidentImages, batch_indices, batches
from dcgan.networks import build_discriminator, build_generator
from dcgan.networks.fast.layers import CPU_LAYERS, XLA_LAYERS
from dcgan.networks.fast.xla import xla_compiled
from dcgan.networks.fused_upsampling import to_inference_kernel
from dcgan.networks.layers import SYNCHRONIZED_LAYERS, TRAINING_LAYERS, Layers
from dcgan.runs import assign_weights
from dcgan.training.augmentation import adapt_probability
from dcgan.training.bn_recalibration import BatchNormRecalibration
from dcgan.training.freezing import freeze_first_layers
from dcgan.training.losses import LOSSES, Loss
from dcgan.training.noise import Noise
from dcgan.training.optimizers import build_optimizers, current_learning_rate
from dcgan.training.precision import (
    COMPILE_MODES,
    CompileMode,
    fits_into_memory,
    mixed_precision,
    prefetch_to_gpu,
    resolve_compile_mode,
    resolve_precision,
)
from dcgan.training.regularizers import ApproximateGradientPenalty, Regularizer
from dcgan.training.train_step import SIGN, STEP_METRICS, TrainStep, update_ema

AUGMENT_PROBABILITY = "augment_probability"

STEPS_PER_PROGRAM = 128
"""Most steps that a compiled program does in one call: about a quarter of a second of DCGAN-64 on a fast GPU."""


class Trainer:
    """Generator, discriminator, their optimizers and the EMA generator.

    Args:
        config: options of the run.
        image_size: (height, width) of the images in pixels.
        channels: of the images, 1, 3 or 4.
        strategy: which devices share each batch; by default the current one.
        class_probabilities: for a conditional run, the fraction of training images in each class, in (0, 1].
        loss: maps real and fake logits to both losses; by default, the one that `config.loss` names.
        regularizer: adds a term to the discriminator's loss; by default, an `ApproximateGradientPenalty` where
            `config.gradient_penalty` is above 0.
        build_generator: has the signature of `dcgan.networks.build_generator`.
        build_discriminator: has the signature of `dcgan.networks.build_discriminator`.
    """

    def __init__(
        self,
        config: ResolvedTrainConfig,
        image_size: Size,
        channels: int,
        strategy: tf.distribute.Strategy | None = None,
        class_probabilities: Sequence[float] = (),
        *,
        loss: Loss | None = None,
        regularizer: Regularizer | None = None,
        build_generator: Callable[..., keras.Model] = build_generator,
        build_discriminator: Callable[..., keras.Model] = build_discriminator,
    ):
        self.config = config = resolve_precision(config)
        self.strategy = strategy or tf.distribute.get_strategy()
        self.class_probabilities = tuple(class_probabilities)
        loss = loss or LOSSES[config.loss]
        if regularizer is None and config.gradient_penalty:
            regularizer = ApproximateGradientPenalty(config.gradient_penalty)
        self.objective = " + ".join(
            getattr(part, "__name__", type(part).__name__) for part in (loss, regularizer) if part
        )
        replicas = self.strategy.num_replicas_in_sync
        self.compile_mode: CompileMode = resolve_compile_mode(config, self.strategy)
        self.noise = Noise(config, self.class_probabilities, in_xla=self.compile_mode == "xla")
        shared = {"image_size": image_size, "channels": channels, "kernel": config.kernel, "seed": config.seed}
        shared["classes"] = len(self.class_probabilities)
        generator_options = {**shared, "width": config.generator_width, "latent_dim": config.latent_dim}
        generator_options["upsampling"] = config.upsampling
        layers = self._training_layers(replicas, regularizer)
        with self.strategy.scope(), mixed_precision(config.precision):
            self.generator = build_generator(**generator_options, layers=layers)
            self.discriminator = build_discriminator(**shared, **config.discriminator_options, layers=layers)
            freeze_first_layers(self.discriminator, config.freeze_d)
            optimizers = build_optimizers(self.generator, self.discriminator, config)
        self.generator_optimizer, self.discriminator_optimizer = optimizers
        self._build_discriminator = lambda: build_discriminator(**shared, **config.discriminator_options)
        # One per process, whatever the number of replicas: it takes no part in the step, images are generated with it.
        self.ema_generator = build_generator(**generator_options)
        self.steps_done = tf.Variable(tf.constant(0, tf.int64), trainable=False, name="steps_done")
        self._augment_probability = None
        self._metrics = STEP_METRICS
        if config.adaptive_augment:
            self._augment_probability = tf.Variable(tf.constant(0.0), trainable=False, name=AUGMENT_PROBABILITY)
            self._metrics += (SIGN, AUGMENT_PROBABILITY)
        self._train_step = TrainStep(
            config,
            self.noise,
            self.generator,
            self.discriminator,
            self.generator_optimizer,
            self.discriminator_optimizer,
            loss=loss,
            regularizer=regularizer,
            num_classes=len(self.class_probabilities),
            replicas=replicas,
            compile_mode=self.compile_mode,
        )

        def update(step: tf.Tensor) -> None:
            update_ema(self.ema_generator, self.generator, step, config.ema_decay)

        self._update_ema = xla_compiled(update) if self.compile_mode == "fused_ops" else update
        whole_step = self.compile_mode == "xla"
        self._step = xla_compiled(self._train_on_batch) if whole_step else self._train_on_batch
        self._program = xla_compiled(self._train_on_resident_images)
        self._recalibrate = BatchNormRecalibration(self.ema_generator, self.noise.generator_inputs)
        self._recalibrated_at: int | None = None
        self._data_location = ""
        self._resident: tuple[np.ndarray, ResidentImages] | None = None

    @property
    def step(self) -> int:
        """Number of steps the networks have been trained for."""
        return int(self.steps_done.numpy())

    @property
    def description(self) -> str:
        """How a step is computed: precision, compilation, and where `batches` has put the images, in one line."""
        return ", ".join(filter(None, (self.config.precision, COMPILE_MODES[self.compile_mode], self._data_location)))

    def batches(
        self, images: np.ndarray, last: int, labels: np.ndarray | None = None
    ) -> Iterator[Any] | ResidentImages:
        """Return what `train_steps` takes the batches of the steps to come from.

        A program of several compiled steps selects them from images in its device's memory, if they take no more than
        half of what is free there (on a CPU, 1 GiB). Otherwise they are read ahead of their use.

        Args:
            images: uint8 (N, H, W, C).
            last: number of the last step.
            labels: int64 (N,), used in a conditional run.
        """
        labels = labels if self.class_probabilities else None
        if self._resident is not None and self._resident[0] is images:
            return self._resident[1]  # after a rollback: any step finds its images there
        if self.compile_mode == "xla" and fits_into_memory(images):
            self._data_location = "images in the device's memory"
            gpus = tf.config.list_logical_devices("GPU")
            with tf.device(gpus[0].name if gpus else "CPU:0"):
                resident = ResidentImages(
                    tf.constant(images), None if labels is None else tf.constant(labels, tf.int64)
                )
            self._resident = images, resident
            return resident
        self._data_location = "images read as needed"
        steps = range(self.step + 1, last + 1)

        def for_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
            workers, replicas = context.num_input_pipelines, context.num_replicas_in_sync
            first = context.input_pipeline_id * (replicas // workers)
            own = range(first, first + replicas // workers)
            dataset = batches(images, self.config.batch_size, self.config.seed, steps, own, replicas, labels)
            return prefetch_to_gpu(dataset) if replicas == 1 else dataset  # the strategy copies those of several

        return iter(self.strategy.distribute_datasets_from_function(for_worker))

    def train_steps(self, batches: Iterator[Any] | ResidentImages, count: Any) -> dict[str, tf.Tensor]:
        """Train for several steps in one call; how steps are grouped into calls changes nothing.

        Args:
            batches: what `batches` returned; its next `count` batches are used.
            count: at least 1, a number or an int32 scalar.

        Returns:
            float32 scalars of the last step over all replicas: `d_loss`, `g_loss`, `d_real` (mean D(x)) and `d_fake`
            (mean D(G(z))); with `--adaptive-augment` also `d_sign`, mean sign of the logits of real images, and
            `augment_probability`, that of the next step.
        """
        if not isinstance(batches, ResidentImages):
            with explain_compiler_errors():
                return self._train_steps(batches, tf.convert_to_tensor(count))
        metrics, first, end = {}, self.step + 1, self.step + 1 + int(count)
        for step in range(first, end, STEPS_PER_PROGRAM):
            size = self.config.batch_size
            steps = min(STEPS_PER_PROGRAM, end - step)
            order = np.zeros((STEPS_PER_PROGRAM, size), np.int32)
            order[:steps] = batch_indices(step, size, len(batches.images), self.config.seed, steps).reshape(-1, size)
            with explain_compiler_errors():
                metrics = self._program(batches.images, batches.labels, tf.constant(order), tf.constant(steps))
        return metrics

    @tf.function
    def _train_steps(self, batches: Iterator[Any], count: tf.Tensor) -> dict[str, tf.Tensor]:
        """Train on the next `count` batches of an iterator."""
        metrics = {name: tf.constant(0.0) for name in self._metrics}
        for _ in tf.range(count):
            metrics = self._step(next(batches))
        return metrics

    def _train_on_resident_images(
        self, images: tf.Tensor, labels: tf.Tensor | None, order: tf.Tensor, count: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Train on the first `count` batches of an order, int32 (STEPS_PER_PROGRAM, batch_size) indices of images."""

        def step(done: tf.Tensor, _metrics: dict[str, tf.Tensor]):
            batch = tf.gather(images, order[done])
            return done + 1, self._train_on_batch(batch if labels is None else (batch, tf.gather(labels, order[done])))

        start = (tf.constant(0), {name: tf.constant(0.0) for name in self._metrics})
        return tf.while_loop(lambda done, _metrics: done < count, step, start)[1]

    def _train_on_batch(self, batch: Any) -> dict[str, tf.Tensor]:
        """Train on one batch: both networks, both optimizers and the EMA weights."""
        step = self.steps_done.assign_add(1)
        probability = self._augment_probability
        noise = self.noise.for_step(step, probability)
        metrics = self.strategy.run(self._train_step.train_on_batch, (batch, step, noise))
        self._update_ema(step)
        if self.strategy.num_replicas_in_sync > 1:
            metrics = {name: self.strategy.reduce("SUM", part, axis=None) for name, part in metrics.items()}
        if probability is not None:
            probability.assign(adapt_probability(probability, metrics[SIGN], self.config.batch_size))
            metrics = metrics | {AUGMENT_PROBABILITY: probability.read_value()}
        return metrics

    def _training_layers(self, replicas: int, regularizer: Regularizer | None) -> Layers:
        """Return the layer classes of both networks; a regularizer may need the second derivatives of Keras' own."""
        if regularizer is None or not getattr(regularizer, "second_order", True):
            if self.compile_mode == "fused_ops":
                return CPU_LAYERS
            if self.compile_mode == "xla":
                return XLA_LAYERS
        return TRAINING_LAYERS if replicas == 1 else SYNCHRONIZED_LAYERS

    def sampling_generator(self) -> keras.Model:
        """Return the EMA generator, ready to generate: its BatchNorm statistics are those of its own weights.

        The statistics gathered in training belong to other weights, so they are recalibrated, once per step.
        """
        if self._recalibrated_at != self.step:
            self._recalibrate()
            self._recalibrated_at = self.step
        return self.ema_generator

    def inference_discriminator(self) -> keras.Model:
        """Return a copy of the discriminator made of Keras' own layers, which every program can load."""
        discriminator = self._build_discriminator()
        assign_weights(discriminator, {k: v for k, v in self.arrays() if k.startswith("discriminator/")})
        return discriminator

    def sample_raw(self, count: int) -> np.ndarray:
        """Return images of the generator's current weights, without EMA: uint8 (count, H, W, C).

        The EMA generator computes them with borrowed weights, so that nothing of the run changes.
        """
        averages = [average.numpy() for average in self.ema_generator.trainable_variables]
        self._assign_ema(self.generator.trainable_variables)
        num_batches = -(-count // self.config.batch_size)
        images = [self._sample_batch(tf.constant(index, tf.int64)).numpy() for index in range(num_batches)]
        self._assign_ema(averages)
        self._recalibrated_at = None
        return np.concatenate(images)[:count]

    @tf.function
    def _sample_batch(self, index: tf.Tensor) -> Any:
        """Return batch `index` of images, BatchNorm with the batch's own statistics."""
        return to_uint8(self.ema_generator(self.noise.generator_inputs(index), training=True))

    def _assign_ema(self, weights: Sequence) -> None:
        for average, weight in zip(self.ema_generator.trainable_variables, weights, strict=True):
            average.assign(to_inference_kernel(weight, average.shape))

    def scale_learning_rates(self, factor: float) -> tuple[float, float]:
        """Set both initial learning rates to `factor` times the config's.

        Args:
            factor: above 0.

        Returns:
            The generator's and the discriminator's rate in the next step.
        """
        self.generator_optimizer.learning_rate = self.config.generator_lr * factor
        self.discriminator_optimizer.learning_rate = self.config.discriminator_lr * factor
        return current_learning_rate(self.generator_optimizer), current_learning_rate(self.discriminator_optimizer)

    def assign_initial_weights(self, arrays: dict[str, np.ndarray]) -> None:
        """Begin with given weights instead of random ones; the EMA weights begin with those of the generator.

        Args:
            arrays: values of variables of the generator and the discriminator, by their names in a checkpoint.
        """
        variables = self._variables()
        for name, array in arrays.items():
            variables[name].assign(array)
        self._assign_ema(self.generator.trainable_variables)
        self._recalibrated_at = None

    def checkpoint(self) -> dict[str, np.ndarray]:
        """Return everything the next step depends on, arrays by name; `restore` takes it."""
        return dict(self.arrays())

    def arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the arrays of a checkpoint with their names, one at a time."""
        for name, variable in self._variables().items():
            yield name, np.asarray(variable)

    def restore(self, checkpoint: dict[str, np.ndarray]) -> None:
        """Return to a checkpoint.

        Args:
            checkpoint: what `checkpoint` returned; further arrays are ignored.

        Raises:
            UserError: a variable is missing or has another shape or type.
        """
        variables = self._variables()
        for name, variable in variables.items():
            if not _fits(checkpoint.get(name), variable) or (name == "steps_done" and checkpoint[name] < 0):
                raise UserError(
                    f"The checkpoint does not fit this run's networks ({name}).",
                    "Was it written by another version, or with another config? A new --run-dir starts afresh.",
                )
        for name, variable in variables.items():
            variable.assign(checkpoint[name])
        self._recalibrated_at = None

    def _variables(self) -> dict[str, Any]:
        """Return every variable of the run by name, in a fixed order.

        The EMA generator's BatchNorm statistics are left out: `sampling_generator` computes them.
        """
        owners = {
            "generator": self.generator.variables,
            "discriminator": self.discriminator.variables,
            "ema_generator": self.ema_generator.trainable_variables,
            "generator_optimizer": self.generator_optimizer.variables,
            "discriminator_optimizer": self.discriminator_optimizer.variables,
        }
        named = {f"{owner}/{v.path.removeprefix(f'{owner}/')}": v for owner, vs in owners.items() for v in vs}
        if self._augment_probability is not None:
            named[AUGMENT_PROBABILITY] = self._augment_probability
        return {"steps_done": self.steps_done, **named}


def _fits(array: np.ndarray | None, variable: Any) -> bool:
    """Whether an array of a checkpoint can be a variable's value."""
    value = np.asarray(variable)
    return array is not None and array.dtype == value.dtype and array.shape == value.shape
