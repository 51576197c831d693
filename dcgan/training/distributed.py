"""Several devices or machines: the role of this process, and which devices share each batch.

There is one process per machine, each started with the same command. `TF_CONFIG` gives a process its role, as
TensorFlow documents it: {"cluster": {"worker": ["host0:port", "host1:port"]}, "task": {"type": "worker", "index": 0}}.
"""

import json
import os
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from dcgan.config import ResolvedTrainConfig
from dcgan.core.devices import visible_gpus
from dcgan.core.errors import UserError, first_line

EXAMPLE = '{"cluster": {"worker": ["host0:5000", "host1:5000"]}, "task": {"type": "worker", "index": 0}}'

_HINT = f"To train on this machine alone, use --strategy single. For several machines, for example: {EXAMPLE}"

MIN_IMAGES_PER_REPLICA = 512
"""Images per step that each GPU has to get before `--strategy auto` shares a batch.

XLA can't compile a step that replicas share, and each layer with synchronized BatchNorm takes two all-reduces forward
and two backward. On one H200, a compiled step of DCGAN-64 takes 1.9 ms for 128 images, 15 µs per image; an uncompiled
one takes about 10 ms to launch its ops, whatever its size. In 10 ms, one GPU trains on 667 images: with fewer than half
of them each, two GPUs are slower than one. 512 leaves room for the all-reduces. This is a calculation, not a
measurement on several."""


@dataclass(frozen=True)
class Job:
    """The role of this process.

    Args:
        strategy: `single`, `mirrored` or `multi_worker`.
        worker: index of this process, 0 for the chief.
        workers: number of processes.
        min_images: images per step that each device has to get; fewer devices share the batch otherwise.
    """

    strategy: str = "single"
    worker: int = 0
    workers: int = 1
    min_images: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this process writes files and reports for all."""
        return self.worker == 0

    @property
    def description(self) -> str:
        """Text to append to the description of the device."""
        return f", worker {self.worker} of {self.workers}" if self.workers > 1 else ""


def resolve_job(config: ResolvedTrainConfig) -> Job:
    """Return the role of this process, from `--strategy` and `TF_CONFIG`.

    Args:
        config: options of the run, of which `strategy` decides.

    Returns:
        The role. `auto` shares a batch among GPUs of one machine only if each gets `MIN_IMAGES_PER_REPLICA` images.

    Raises:
        UserError: `TF_CONFIG` is missing where it is needed, or is not valid.
    """
    if config.strategy in ("single", "mirrored"):
        return Job(config.strategy)
    text = os.environ.get("TF_CONFIG", "").strip()
    if config.strategy == "multi_worker" and not text:
        raise UserError("--strategy multi_worker needs TF_CONFIG in the environment.", _HINT)
    worker, workers = _read(text) if text else (0, 1)
    if config.strategy == "auto" and workers == 1:
        several = len(visible_gpus()) > 1
        return Job("mirrored", min_images=MIN_IMAGES_PER_REPLICA) if several else Job("single")
    return Job("multi_worker", worker, workers)


def _read(text: str) -> tuple[int, int]:
    """Return this worker's index and the number of workers, from `TF_CONFIG`.

    Platforms also set it for a job of one machine, which they call chief or master, or in which they name none.
    """
    try:
        content = json.loads(text)
        if _is_alone(content):
            return 0, 1
        addresses, task = content["cluster"]["worker"], content["task"]
        index, others = int(task["index"]), set(content["cluster"]) - {"worker"}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise UserError("TF_CONFIG is not valid.", _HINT) from error
    if others or task.get("type") != "worker":
        raise UserError("TF_CONFIG has tasks other than workers; worker 0 is the chief here.", _HINT)
    if not isinstance(addresses, list) or not 0 <= index < len(addresses):
        raise UserError(f"TF_CONFIG has no worker {index}.", _HINT)
    return index, len(addresses)


def _is_alone(content: dict[str, Any]) -> bool:
    """Whether a valid `TF_CONFIG` names at most one machine, and this process as the task on it."""
    cluster = content.get("cluster") or {}
    tasks = [(kind, number) for kind, addresses in cluster.items() for number in range(len(addresses))]
    task = content.get("task") or {}
    return not tasks or (len(tasks) == 1 and (task.get("type"), int(task.get("index") or 0)) == tasks[0])


def build_strategy(job: Job, batch_size: int) -> tf.distribute.Strategy:
    """Return the strategy; call it before any variable or tensor is created. It waits for the other workers.

    As many devices share a batch as `num_sharing` allows; if some are left out, the chief prints a line that says so.

    Args:
        job: role of this process.
        batch_size: images per step, over all replicas.

    Returns:
        TensorFlow's default strategy for a single device, otherwise one with at least two replicas.

    Raises:
        UserError: the batch can't be divided evenly among the workers, this worker's address can't be used, or
            TensorFlow was used before in this process.
    """
    if job.strategy == "single":
        return tf.distribute.get_strategy()
    if batch_size % job.workers:
        raise UserError(
            f"--batch-size {batch_size} can't be divided evenly among {job.workers} workers.",
            f"Use a multiple of {job.workers}.",
        )
    if job.strategy == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        sharing = _num_sharing_reported(job, batch_size, len(devices))
        if sharing == 1:
            return tf.distribute.get_strategy()
        return tf.distribute.MirroredStrategy([device.name for device in devices[:sharing]])
    gpus = visible_gpus()
    sharing = _num_sharing_reported(job, batch_size, max(len(gpus), 1))
    if sharing < len(gpus):  # the strategy takes all that it sees
        tf.config.set_visible_devices(gpus[:sharing], "GPU")
    return _join_workers()


def _join_workers() -> tf.distribute.Strategy:
    """Return the strategy of several workers; explain why this process can't be one."""
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.UnknownError as error:
        if "gRPC server" not in str(error):
            raise
        raise UserError(
            f"This worker can't listen on its address in TF_CONFIG: {first_line(error)}.",
            "Choose a free port of this machine.",
        ) from error
    except RuntimeError as error:
        raise UserError(
            f"This process can't join the other workers: {first_line(error)}.",
            "Start the training in a new process, before anything else uses TensorFlow.",
        ) from error


def num_sharing(batch_size: int, available: int, min_images: int = 1) -> int:
    """Return how many devices share a batch: the most that divide it and get enough images.

    Args:
        batch_size: images per step, over all of these devices.
        available: number of devices, at least 1.
        min_images: images per step that each device has to get.

    Returns:
        A number from 1 to `available`.
    """
    numbers = range(available, 1, -1)
    return next((n for n in numbers if batch_size % n == 0 and batch_size // n >= min_images), 1)


def _num_sharing_reported(job: Job, batch_size: int, available: int) -> int:
    """Return how many of this process's devices share a batch; print a line if some are left out."""
    own = batch_size // job.workers
    sharing = num_sharing(own, available, job.min_images)
    if sharing < available and job.is_chief:
        where = " of each worker" if job.workers > 1 else ""
        used = f"Training on {sharing} of {available} devices{where}"
        if sharing < num_sharing(own, available):
            reason = (
                f"with --batch-size {batch_size}, more would get fewer than {job.min_images} images each and be slower"
            )
            print(f"{used}: {reason}. --strategy mirrored shares a batch of any size.", flush=True)
        else:
            print(f"{used}: no larger number divides --batch-size {batch_size} evenly.", flush=True)
    return sharing
