"""What TensorFlow has to be told before the first tensor is made."""

import contextlib
import os
from collections.abc import Iterator

import keras
import tensorflow as tf

from dcgan.core.errors import UserError


def configure_tensorflow(seed: int) -> str:
    """Make this process' TensorFlow repeatable and polite; calling it again changes nothing.

    Every op becomes deterministic, a GPU's memory is taken as it is needed, and images are NHWC whatever the
    user's `keras.json` says.

    Args:
        seed: for whatever draws without a seed of its own.

    Returns:
        One line that says what the computation runs on.
    """
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.utils.set_random_seed(seed % 2**32)
    tf.config.experimental.enable_op_determinism()
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        _grow_memory(gpu)
    return _describe(gpus)


@contextlib.contextmanager
def explain_memory_errors() -> Iterator[None]:
    """Tell that a device's memory does not suffice as a `UserError`."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise UserError(
            "The networks and one batch don't fit into the device's memory.",
            "A smaller --batch-size, --image-size, --generator-width or --discriminator-width needs less.",
        ) from error


def _grow_memory(gpu) -> None:
    """Take GPU memory as needed; too late, and harmless, once the GPU is in use."""
    with contextlib.suppress(RuntimeError):
        tf.config.experimental.set_memory_growth(gpu, True)


def _describe(gpus: list) -> str:
    """The devices, in a line."""
    if gpus:
        names = (tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus)
        return f"{len(gpus)} GPU: {', '.join(names)}"
    onednn = "on" if os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0" else "off"
    return f"CPU, {len(os.sched_getaffinity(0))} cores, oneDNN {onednn}" if hasattr(os, "sched_getaffinity") else "CPU"
