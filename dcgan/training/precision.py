"""How a step is computed: precision, compilation, optimizers, data on the device."""

import contextlib
from collections.abc import Iterator
from typing import Literal

import keras
import tensorflow as tf

from dcgan.config import ResolvedTrainConfig
from dcgan.core.errors import UserError
from dcgan.training.loss_scale import SynchronizedLossScaleOptimizer

CompileMode = Literal["fused_ops", "xla", "none"]
"""`fused_ops`: XLA compiles BatchNorm, the optimizers and the sums around convolutions; `xla`: the whole step."""


def resolve_compile_mode(config: ResolvedTrainConfig, strategy: tf.distribute.Strategy) -> CompileMode:
    """Return what `--compile` means on these devices.

    On one CPU in float32, `auto` compiles what XLA computes faster (sums around the convolutions, BatchNorm, the
    optimizers) and leaves matrix products to oneDNN; benchmarks/README.md has the figures. Elsewhere it compiles
    nothing.

    Args:
        config: options of the run, of which `compile` and `precision` decide.
        strategy: how replicas are distributed.
    """
    if config.compile != "auto":
        return config.compile
    on_cpu = not tf.config.list_physical_devices("GPU")
    return "fused_ops" if on_cpu and strategy.num_replicas_in_sync == 1 and config.precision == "float32" else "none"


def check_compile_mode(config: ResolvedTrainConfig, replicas: int) -> None:
    """Refuse `--compile xla` where XLA can't compile the step.

    Args:
        config: options of the run, of which `compile` and `downsampling` decide.
        replicas: number of replicas that share each batch.

    Raises:
        UserError: several replicas share a batch, or the discriminator has max-pooling, whose gradient XLA refuses to
            compute while ops are deterministic, on a CPU as on a GPU.
    """
    if config.compile != "xla":
        return
    if replicas > 1:
        raise UserError(
            f"--compile xla can't compile a step that {replicas} replicas share.",
            "Use --compile auto, or --strategy single for one device.",
        )
    if config.downsampling == "maxpool":
        raise UserError(
            "--compile xla can't compile --downsampling maxpool: XLA has no deterministic gradient of max-pooling.",
            "Use --compile auto, or --downsampling strided.",
        )


def prefetch_to_gpu(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Copy the next batches to the GPU ahead of their use; without a GPU, return the data set unchanged."""
    gpus = tf.config.list_logical_devices("GPU")
    return batches.apply(tf.data.experimental.prefetch_to_device(gpus[0].name, 2)) if gpus else batches


@contextlib.contextmanager
def mixed_precision(precision: str) -> Iterator[None]:
    """Make the layers that are built in this block compute in `precision`, with float32 weights."""
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(previous)


def build_optimizer(
    network: keras.Model, learning_rate: float, config: ResolvedTrainConfig
) -> keras.optimizers.Optimizer:
    """Return Adam with its variables built, so that a checkpoint can be restored before the first step.

    Under `mixed_float16` the loss is scaled so that small gradients don't vanish; a step whose gradients overflow is
    skipped and the scale halved (Micikevicius et al. 2018, section 3.2).

    Args:
        network: what is optimized.
        learning_rate: initial learning rate, above 0.
        config: options of the run, of which `beta_1` and `precision` are used.
    """
    name = f"{network.name}_optimizer"
    optimizer = keras.optimizers.Adam(learning_rate, beta_1=config.beta_1, name=name)
    if config.precision == "mixed_float16":
        optimizer = SynchronizedLossScaleOptimizer(optimizer, name=name)
    optimizer.build(network.trainable_variables)
    return optimizer
