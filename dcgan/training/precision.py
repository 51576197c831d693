"""How a step is computed: precision, compilation, data on the device."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from dcgan.config import ResolvedTrainConfig
from dcgan.core.devices import free_gpu_memory, visible_gpus
from dcgan.core.errors import UserError

CompileMode = Literal["fused_ops", "xla", "none"]
"""`fused_ops`: XLA compiles BatchNorm, the optimizers and the sums around convolutions; `xla`: several whole steps as
one program; `none`: nothing."""

COMPILE_MODES: dict[CompileMode, str] = {
    "fused_ops": "partly compiled by XLA",
    "xla": "compiled by XLA",
    "none": "not compiled",
}
"""Each compile mode as the line that training begins with names it."""

RESIDENT_ON_CPU = 1 << 30
"""Bytes of images that are copied for a compiled step on a CPU; the images of a larger data set are read as needed."""


def resolve_precision(config: ResolvedTrainConfig) -> ResolvedTrainConfig:
    """Return a config in which `--precision auto` is replaced by what is fastest on the device without loss of quality.

    That is `mixed_bfloat16` on NVIDIA GPUs that multiply bfloat16 matrices in hardware (Ampere, compute capability
    8.0, and newer), and `float32` elsewhere. docs/gpu.md has the measurements. A CPU with bfloat16 units trains the
    default network hardly faster in `mixed_bfloat16` (benchmarks/README.md), so `float32` stays there, too.
    """
    if config.precision != "auto":
        return config
    details = [tf.config.experimental.get_device_details(gpu) for gpu in visible_gpus()]
    has_bfloat16 = bool(details) and all(each.get("compute_capability", (0, 0)) >= (8, 0) for each in details)
    return replace(config, precision="mixed_bfloat16" if has_bfloat16 else "float32")


def resolve_compile_mode(config: ResolvedTrainConfig, strategy: tf.distribute.Strategy) -> CompileMode:
    """Return what `--compile` means on these devices.

    `auto` compiles several whole steps as one program on one GPU. On one CPU in float32 or mixed_bfloat16, it compiles
    what XLA computes faster (sums around the convolutions, BatchNorm, the optimizers) and leaves matrix products to
    oneDNN; benchmarks/README.md has the figures. Elsewhere it compiles nothing.

    Args:
        config: options of the run, of which `compile` and `precision` decide.
        strategy: how replicas are distributed.
    """
    if config.compile != "auto":
        return config.compile
    if strategy.num_replicas_in_sync > 1 or isinstance(strategy, tf.distribute.MirroredStrategy):
        return "none"
    if visible_gpus():
        return "xla"
    return "fused_ops" if config.precision in ("float32", "mixed_bfloat16") else "none"


def fits_into_memory(images: np.ndarray) -> bool:
    """Whether a data set takes no more than half of the memory that is free on the GPU, or 1 GiB on a CPU.

    Args:
        images: uint8 (N, H, W, C).
    """
    if not visible_gpus():
        return images.nbytes <= RESIDENT_ON_CPU
    return fits_into_gpu(images.nbytes, free_gpu_memory() or 0)


def fits_into_gpu(size: int, free: int) -> bool:
    """Whether images are copied into a GPU's memory: if they take no more than half of what is free.

    Args:
        size: of the images in bytes.
        free: bytes of the GPU's memory that are free.
    """
    return size <= free // 2


def check_compile_mode(config: ResolvedTrainConfig, replicas: int) -> None:
    """Refuse `--compile xla` where XLA can't compile the step.

    Args:
        config: options of the run, of which `compile` decides.
        replicas: number of replicas that share each batch.

    Raises:
        UserError: several replicas share a batch.
    """
    if config.compile == "xla" and replicas > 1:
        raise UserError(
            f"--compile xla can't compile a step that {replicas} replicas share.",
            "Use --compile auto, or --strategy single for one device.",
        )


def prefetch_to_gpu(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Copy the next batches to the GPU ahead of their use; without a GPU, return the data set unchanged."""
    gpus = tf.config.list_logical_devices("GPU")
    return batches.apply(tf.data.experimental.prefetch_to_device(gpus[0].name, 4)) if gpus else batches


@contextlib.contextmanager
def mixed_precision(precision: str) -> Iterator[None]:
    """Make the layers that are built in this block compute in `precision`, with float32 weights."""
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(previous)
