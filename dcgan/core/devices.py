"""TensorFlow's configuration, and errors of a device that runs out of memory."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from dcgan.core.errors import UserError


def configure_tensorflow(seed: int) -> str:
    """Make TensorFlow deterministic and let GPU memory grow on demand; calling it again changes nothing.

    Images are NHWC and weights float32, whatever the user's `keras.json` says.

    Args:
        seed: seed of the global generators, not negative.

    Returns:
        The devices, in one line.
    """
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.utils.set_random_seed(seed % 2**32)
    tf.config.experimental.enable_op_determinism()
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        _enable_memory_growth(gpu)
    return _describe(gpus)


@contextlib.contextmanager
def explain_memory_errors() -> Iterator[None]:
    """Raise a `UserError` if a device runs out of memory."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise UserError(
            "The networks and one batch don't fit into the memory of the device.",
            "Reduce --batch-size, --image-size, --generator-width or --discriminator-width.",
        ) from error


def _enable_memory_growth(gpu: Any) -> None:
    """Allocate GPU memory on demand; a GPU that is already in use keeps its setting."""
    with contextlib.suppress(RuntimeError):
        tf.config.experimental.set_memory_growth(gpu, True)


def _describe(gpus: list[Any]) -> str:
    if gpus:
        names = (tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus)
        return f"{len(gpus)} GPU: {', '.join(names)}"
    onednn = "on" if os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0" else "off"
    return f"CPU, {len(os.sched_getaffinity(0))} cores, oneDNN {onednn}" if hasattr(os, "sched_getaffinity") else "CPU"
