"""The memory that a training step needs, and the error when it runs out."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import tensorflow as tf

from dcgan.config import ResolvedTrainConfig
from dcgan.core.devices import GIB, free_gpu_memory
from dcgan.core.errors import UserError
from dcgan.training.precision import fits_into_gpu
from dcgan.training.schedule import Schedule
from dcgan.training.trainer import Trainer

ACTIVATION_FACTOR = 2.5
"""Memory of a step beyond its state, as a multiple of activations: the backward pass adds their gradients, BatchNorm
float32 copies, and each convolution its workspace. Measured: 2.0, with DCGAN-64, batches of 128, mixed_bfloat16 and
`--compile xla` on one NVIDIA H200. The rest is a margin for other networks and compile modes."""

USABLE_FRACTION = 0.9
"""Fraction of the free memory that a step can use; fragments and the libraries take the rest."""

_FLOAT32 = 4


@dataclass(frozen=True)
class MemoryNeed:
    """An estimate of the memory that training needs on one device.

    Args:
        state: bytes that do not depend on the batch: weights, gradients, both moments of Adam, EMA.
        per_image: bytes per image of a batch.
    """

    state: int
    per_image: int

    def total(self, batch_size: int) -> int:
        """Return the bytes that batches of this many images per device need."""
        return self.state + batch_size * self.per_image

    def largest_batch_size(self, available: int) -> int:
        """Return how many images per device fit.

        Args:
            available: free memory in bytes.

        Returns:
            A multiple of 8, or below 8 a power of two; 0 if not even one image fits.
        """
        return _round_down(max(0, int(available * USABLE_FRACTION) - self.state) // self.per_image)


def estimate_memory(generator: keras.Model, discriminator: keras.Model) -> MemoryNeed:
    """Estimate the memory that training two networks needs.

    Counted are weights, gradients, Adam's moments and the generator's EMA in float32, and what every layer outputs, in
    the type it computes in: the backward pass needs it. The discriminator sees real and fake images.

    Args:
        generator: a functional model, as `dcgan.networks.build_generator` returns it.
        discriminator: likewise.

    Returns:
        The estimate, without the dataset.

    Raises:
        ValueError: the layers of a model have no output shapes, since it is not functional.
    """
    trainable, others = 0, 0
    for network in (generator, discriminator):
        trainable += sum(math.prod(weight.shape) for weight in network.trainable_variables)
        others += sum(math.prod(weight.shape) for weight in network.non_trainable_variables)
    weights, gradients, moments = trainable, trainable, 2 * trainable
    state = weights + gradients + moments + others + generator.count_params()
    activations = _activation_bytes(generator) + 2 * _activation_bytes(discriminator)
    return MemoryNeed(state * _FLOAT32, math.ceil(activations * ACTIVATION_FACTOR))


def _activation_bytes(network: keras.Model) -> int:
    """Return the bytes of what all layers output for one image."""
    outputs = (output for layer in _layers(network) for output in tf.nest.flatten(_output(layer)))
    return sum(math.prod(size or 1 for size in output.shape[1:]) * tf.as_dtype(output.dtype).size for output in outputs)


def _layers(network: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield the layers of a network and of the networks in it, without those that only change a shape."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        elif not isinstance(layer, (keras.layers.Reshape, keras.layers.Flatten)):
            yield layer


def _output(layer: keras.layers.Layer) -> object:
    """Return what a layer outputs, as symbolic tensors."""
    try:
        return layer.output
    except AttributeError as error:
        raise ValueError(f"the layer {layer.name} has no output shape") from error


class MemoryReport:
    """Explains when a device ran out of memory during training, and which batch size fits.

    Create it before TensorFlow uses a GPU: it notes how much memory is free then.

    Args:
        config: options of the run.
    """

    def __init__(self, config: ResolvedTrainConfig):
        self._batch_size = config.batch_size
        self._available = free_gpu_memory()
        self._training: tuple[Trainer, Schedule, int] | None = None

    def watch(self, trainer: Trainer, schedule: Schedule, dataset_bytes: int) -> None:
        """Note what is trained; call it before the first step.

        Args:
            trainer: the networks.
            schedule: counts the steps.
            dataset_bytes: size of the images, which are in GPU memory where they fit in half of the free memory.
        """
        self._training = trainer, schedule, schedule.step
        if self._available is not None and fits_into_gpu(dataset_bytes, self._available):
            self._available -= dataset_bytes

    def error(self) -> UserError:
        """Return the error after memory ran out: in the first step of this call, or after steps that fitted."""
        if self._training is None:
            return UserError(
                "The networks don't fit into the memory of the device.",
                "Reduce --generator-width, --discriminator-width or --image-size.",
            )
        trainer, schedule, start = self._training
        replicas = trainer.strategy.num_replicas_in_sync
        try:
            need = estimate_memory(trainer.generator, trainer.discriminator)
        except ValueError:  # a network of the user's own
            need = None
        fitting = self._fitting_batch_size(need, replicas)
        if schedule.step > start:
            return self._error_between(schedule.step, schedule.step - start, fitting)
        return self._error_at_first(need, replicas, fitting, resumed=start > 0)

    def _fitting_batch_size(self, need: MemoryNeed | None, replicas: int) -> int:
        """Return a batch size below that of the run: the largest that fits, by the estimate, or half; 0 for none."""
        half = _round_down(self._batch_size // 2 // replicas)
        if need is None or self._available is None:
            return half * replicas
        largest = need.largest_batch_size(self._available)
        return (largest if largest * replicas < self._batch_size else half) * replicas

    def _error_at_first(self, need: MemoryNeed | None, replicas: int, fitting: int, *, resumed: bool) -> UserError:
        problem = f"Out of memory in the first step, with --batch-size {self._batch_size}"
        if need is not None:
            total = need.total(math.ceil(self._batch_size / replicas))
            free = "" if self._available is None else f"; {_gib(self._available)} were free"
            problem += f": it needs about {_gib(total)}{' per GPU' if replicas > 1 else ''}{free}"
        if not fitting:
            return UserError(f"{problem}.", "Reduce --image-size, --generator-width or --discriminator-width.")
        run = " and another --run-dir, since a run keeps its batch size" if resumed else ""
        others = "" if self._available is None else " If other programs use the GPU (nvidia-smi), end them."
        return UserError(f"{problem}.", f"Use --batch-size {fitting}{run}.{others}")

    def _error_between(self, step: int, fitted: int, fitting: int) -> UserError:
        others = "" if self._available is None else " nvidia-smi lists the programs on the GPU."
        smaller = f" A new run (--run-dir) with --batch-size {fitting} needs less." if fitting else ""
        return UserError(
            f"Out of memory after step {step}, although {fitted} steps fitted before: "
            "other programs may have taken memory of the device.",
            f"The same command resumes from the newest checkpoint.{others}{smaller}",
        )


def _round_down(count: int) -> int:
    """Return the largest multiple of 8 up to a number, below 8 the largest power of two; 0 for 0."""
    return count - count % 8 if count >= 8 else 2 ** (count.bit_length() - 1) if count else 0


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
