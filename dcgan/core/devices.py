"""TensorFlow's configuration: devices, determinism, float32 without TF32, and errors when memory runs out."""

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from dcgan.core import nvidia
from dcgan.core.errors import UserError, first_line
from dcgan.core.gpu_support import check_compute_capability, missing_gpu_reason, old_driver_reason
from dcgan.core.resources import count_cores
from dcgan.core.wording import counted

GIB = 2**30


def configure_tensorflow(seed: int, device: str = "auto", *, op_determinism: bool = False) -> str:
    """Make TensorFlow deterministic and let GPU memory grow on demand; calling it again changes nothing.

    Images are NHWC and weights float32, whatever the user's `keras.json` says.

    On a GPU, TensorFlow's own switch for deterministic operations also makes XLA take the first kernel it finds instead
    of the fastest: a step of DCGAN-64 on one H200 took more than 20 times as long. So cuDNN is restricted to
    deterministic algorithms instead, and XLA's choices are kept (see `dcgan.core.autotuning`).

    Args:
        seed: seed of the global generators, not negative.
        device: as for `select_device`.
        op_determinism: use that switch on a GPU as well, for training that XLA does not compile.

    Returns:
        The devices, in one line; see `describe_devices`.

    Raises:
        UserError: as `select_device`.
    """
    select_device(device)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.utils.set_random_seed(seed % 2**32)
    if op_determinism or not visible_gpus():
        tf.config.experimental.enable_op_determinism()
    return describe_devices()


def select_device(device: str = "auto") -> None:
    """Restrict TensorFlow to the devices of `--device`, before it starts to use any of them.

    Args:
        device: `cpu` hides all GPUs; `gpu` requires one; `gpu:1` selects one of several, counted from 0; `auto` changes
            nothing, so that it keeps an earlier selection.

    Raises:
        UserError: there is no such GPU, TensorFlow has no kernels for it, or TensorFlow has already started with other
            devices.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if device != "auto":
        chosen = [] if device == "cpu" else _chosen_gpus(gpus, device)
        try:
            tf.config.set_visible_devices(chosen, "GPU")
        except RuntimeError as error:
            raise UserError(
                f"--device {device} comes too late: TensorFlow already uses other devices in this process.",
                "Select the device in the first call, or start Python (in a notebook, the kernel) again.",
            ) from error
    for gpu in gpus:
        _enable_memory_growth(gpu)
    for gpu in visible_gpus():
        details = tf.config.experimental.get_device_details(gpu)
        check_compute_capability(_name(gpu), details.get("compute_capability"), _build())


def visible_gpus() -> list[Any]:
    """Return the GPUs that TensorFlow may use (`tf.config.PhysicalDevice`), without those that `--device` hides."""
    return tf.config.get_visible_devices("GPU")


def check_gpus() -> None:
    """Run one small operation on each GPU, so that one that can't compute is reported before training.

    TensorFlow starts here: call this after `select_device`, and after a strategy of several machines was built.

    Raises:
        UserError: the driver is too old, or the operation failed.
    """
    if not visible_gpus():
        return
    try:
        for gpu in tf.config.list_logical_devices("GPU"):
            _multiply_on(gpu.name)
    except tf.errors.ResourceExhaustedError:
        raise
    except tf.errors.OpError as error:
        problem = old_driver_reason(nvidia.cards(), _build()) or f"The GPU can't compute: {first_line(error)}"
        raise UserError(problem, "See docs/gpu.md, or use --device cpu.") from error


def describe_devices() -> str:
    """Return the devices in one line: for GPUs their names, the size of their memory and the driver."""
    gpus = visible_gpus()
    if gpus:
        by_name = {card.name: card for card in nvidia.cards()}
        parts = []
        for name, count in Counter(map(_name, gpus)).items():
            memory = f", {by_name[name].memory / GIB:.0f} GiB" if name in by_name else ""
            parts.append(f"{f'{count} x ' if count > 1 else ''}{name}{memory}")
        driver = next((f", driver {card.driver_version}" for card in by_name.values()), "")
        return f"{' and '.join(parts)}{driver}"
    onednn = "on" if os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0" else "off"
    return f"CPU, {counted(count_cores(), 'core')}, oneDNN {onednn}"


def explain_missing_gpu() -> str:
    """Explain why TensorFlow sees no GPU; empty where it sees one, or where there is none to be seen."""
    if tf.config.list_physical_devices("GPU"):
        return ""
    hidden_by, cards = os.environ.get("CUDA_VISIBLE_DEVICES"), nvidia.cards()
    listed = [] if cards else nvidia.names_by_tool()
    return missing_gpu_reason(cards, _build(), hidden_by, in_machine=nvidia.is_in_machine(), listed=listed)


def free_gpu_memory() -> int | None:
    """Return the free memory in bytes of the GPU that has least of it; None where it is not known.

    TensorFlow and the driver number cards differently, so a hidden card of the same model counts, too.
    """
    names = set(map(_name, visible_gpus()))
    return min((card.free_memory for card in nvidia.cards() if card.name in names), default=None)


@contextlib.contextmanager
def without_tensor_float_32() -> Iterator[None]:
    """Compute float32 products in full precision in this block.

    NVIDIA GPUs from compute capability 8.0 on round their factors to 10 bits of mantissa (TF32) otherwise. On a CPU
    nothing changes.
    """
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


@contextlib.contextmanager
def explain_memory_errors(explain: Callable[[], UserError] | None = None) -> Iterator[None]:
    """Raise a `UserError` if a device runs out of memory.

    Args:
        explain: returns this error, for example with a batch size that fits; by default it names the options that
            reduce the need for memory.

    Raises:
        UserError: a device ran out of memory.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise (explain or _memory_error)() from error


@contextlib.contextmanager
def explain_compiler_errors() -> Iterator[None]:
    """Raise a `UserError` if XLA can't divide a sum within a GPU kernel (openxla/xla#36792).

    Whether it tries to depends on the card and on all sizes of the networks and the batch.

    Raises:
        UserError: the compiler failed.
    """
    try:
        yield
    except tf.errors.InternalError as error:
        if "symbolic tile" not in str(error):
            raise
        raise UserError(
            "XLA can't compile this training for this GPU: it fails to divide a sum within a kernel.",
            "Set the environment variable XLA_FLAGS=--xla_gpu_enable_split_k_autotuning=false, or use another "
            "--batch-size, or --compile none, which is slower.",
        ) from error


def _memory_error() -> UserError:
    return UserError(
        "The networks and one batch don't fit into the memory of the device.",
        "Reduce --batch-size, --image-size, --generator-width or --discriminator-width.",
    )


def _chosen_gpus(gpus: list[Any], device: str) -> list[Any]:
    """Return the GPUs that `gpu` or `gpu:N` selects."""
    number = device.partition(":")[2]
    if gpus and not number:
        return gpus
    if number and int(number) < len(gpus):
        return [gpus[int(number)]]
    found = "; ".join(f"gpu:{index} is {_name(gpu)}" for index, gpu in enumerate(gpus)) or "it sees no GPU"
    if gpus:
        hint = "Use the number of one of these, or --device cpu."
    else:
        hint = explain_missing_gpu() or "The NVIDIA driver lists no card, either. See docs/gpu.md, or use --device cpu."
    raise UserError(f"--device {device}: TensorFlow has no such GPU; {found}.", hint)


def _multiply_on(name: str) -> None:
    """Multiply two numbers on a device and wait for the result."""
    with tf.device(name):
        tf.multiply(tf.constant([2.0]), tf.constant([3.0])).numpy()


def _enable_memory_growth(gpu: Any) -> None:
    """Allocate GPU memory on demand; a GPU that is already in use keeps its setting."""
    with contextlib.suppress(RuntimeError):
        tf.config.experimental.set_memory_growth(gpu, True)


def _name(gpu: Any) -> str:
    """Return the model of a GPU."""
    return tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")


def _build() -> dict[str, object]:
    """Return what the installed TensorFlow was built for."""
    return dict(tf.sysconfig.get_build_info())
