"""Several devices or machines: the role of this process, and which devices share each batch.

There is one process per machine, each started with the same command. `TF_CONFIG` gives a process its role, as
TensorFlow documents it: {"cluster": {"worker": ["host0:port", "host1:port"]}, "task": {"type": "worker", "index": 0}}.
"""

import json
import os
from dataclasses import dataclass

import tensorflow as tf

from dcgan.config import ResolvedTrainConfig
from dcgan.core.errors import UserError

EXAMPLE = '{"cluster": {"worker": ["host0:5000", "host1:5000"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Job:
    """The role of this process.

    Args:
        strategy: `single`, `mirrored` or `multi_worker`.
        worker: index of this process, 0 for the chief.
        workers: number of processes.
    """

    strategy: str = "single"
    worker: int = 0
    workers: int = 1

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

    Raises:
        UserError: `TF_CONFIG` is missing where it is needed, or is not valid.
    """
    if config.strategy in ("single", "mirrored"):
        return Job(config.strategy)
    text = os.environ.get("TF_CONFIG", "").strip()
    if config.strategy == "multi_worker" and not text:
        raise UserError("--strategy multi_worker needs TF_CONFIG in the environment.", f"For example {EXAMPLE}")
    worker, workers = _read(text) if text else (0, 1)
    if config.strategy == "auto" and workers == 1:
        return Job("mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "single")
    return Job("multi_worker", worker, workers)


def _read(text: str) -> tuple[int, int]:
    """Return this worker's index and the number of workers, from `TF_CONFIG`."""
    try:
        content = json.loads(text)
        addresses, task = content["cluster"]["worker"], content["task"]
        index, others = int(task["index"]), set(content["cluster"]) - {"worker"}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError("TF_CONFIG is not valid.", f"Example: {EXAMPLE}") from error
    if others or task.get("type") != "worker":
        raise UserError("TF_CONFIG has tasks other than workers; worker 0 is the chief here.", f"Example: {EXAMPLE}")
    if not isinstance(addresses, list) or not 0 <= index < len(addresses):
        raise UserError(f"TF_CONFIG has no worker {index}.", f"Example: {EXAMPLE}")
    return index, len(addresses)


def build_strategy(job: Job, batch_size: int) -> tf.distribute.Strategy:
    """Return the strategy; call it before any variable or tensor is created. It waits for the other workers.

    Args:
        job: role of this process.
        batch_size: images per step, over all replicas.

    Raises:
        UserError: the batch can't be divided evenly.
    """
    if job.strategy == "single":
        strategy = tf.distribute.get_strategy()
    elif job.strategy == "mirrored":
        device_type = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        strategy = tf.distribute.MirroredStrategy(
            [device.name for device in tf.config.list_logical_devices(device_type)]
        )
    else:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise UserError(
            f"--batch-size {batch_size} can't be divided evenly among {replicas} devices.",
            f"Use a multiple of {replicas}.",
        )
    return strategy
