"""How a step is computed: precision, compilation, optimizers."""

import contextlib
from collections.abc import Iterator
from typing import Literal

import keras
import tensorflow as tf

from dcgan.config import TrainConfig


def resolve_compile_mode(config: TrainConfig, strategy: tf.distribute.Strategy) -> Literal["clusters", "xla", "none"]:
    """Say what `--compile` means on these devices.

    On one CPU in float32, `auto` compiles what XLA is better at (sums around the convolutions, BatchNorm, the
    optimizers) and leaves the products to oneDNN; benchmarks/README.md has the figures. Elsewhere it compiles nothing.
    """
    if config.compile != "auto":
        return config.compile
    on_cpu = not tf.config.list_physical_devices("GPU")
    return "clusters" if on_cpu and strategy.num_replicas_in_sync == 1 and config.precision == "float32" else "none"


def on_device(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Have the next batches on the GPU, where there is one, before they are asked for."""
    gpus = tf.config.list_logical_devices("GPU")
    return batches.apply(tf.data.experimental.prefetch_to_device(gpus[0].name, 2)) if gpus else batches


@contextlib.contextmanager
def mixed_precision(precision: str) -> Iterator[None]:
    """Layers made in here compute in `precision` and keep their weights in float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def optimizer_for(network: keras.Model, learning_rate: float, config: TrainConfig) -> keras.optimizers.Optimizer:
    """Adam with its variables made, so that a state can be restored before the first step.

    Under `mixed_float16` the loss is scaled, so that small gradients don't vanish; a step whose gradients overflow is
    left out and the scale halved (Micikevicius et al. 2018, section 3.2).
    """
    name = f"{network.name}_optimizer"
    optimizer = keras.optimizers.Adam(learning_rate, beta_1=config.beta_1, name=name)
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, name=name)
    optimizer.build(network.trainable_variables)
    return optimizer
