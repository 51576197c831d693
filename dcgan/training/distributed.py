"""Several devices or machines: the role of this process, the strategy, and agreement between workers.

There is one process per machine, each started with the same command. `TF_CONFIG` gives a process its role, as
TensorFlow documents it: {"cluster": {"worker": ["host0:port", "host1:port"]}, "task": {"type": "worker", "index": 0}}.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

import tensorflow as tf

from dcgan.config import ResolvedTrainConfig, result_options
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


def check_agreement(job: Job, strategy: tf.distribute.Strategy, config: ResolvedTrainConfig, step: int) -> None:
    """Check that all workers were started with the same options and resume from the same step.

    Args:
        job: this process and its workers.
        strategy: what the workers communicate by.
        config: options of this worker.
        step: the step that this worker resumes from.

    Raises:
        UserError: they differ; raised on every worker.
    """
    if job.workers == 1:
        return
    digest = hashlib.sha256(repr((result_options(config), config.steps, config.epochs, step)).encode()).digest()
    ours = tf.constant([float(byte) for byte in digest[:8]])
    mean = _sum(strategy, ours) / strategy.num_replicas_in_sync
    squares = _sum(strategy, tf.square(ours)) / strategy.num_replicas_in_sync
    if bool(tf.reduce_any(tf.abs(squares - tf.square(mean)) > 0.5)):
        raise UserError(
            "The workers have different options, or resume from different steps.",
            "Start each with the same command; --run-dir has to be a folder that all of them share.",
        )


def agree_on_next(job: Job, strategy: tf.distribute.Strategy, stop: bool, steps: int) -> tuple[bool, int]:
    """Agree among the workers: stop if any of them has to, and do the average of their numbers of steps per call.

    Args:
        job: this process and its workers.
        strategy: what the workers communicate by.
        stop: whether this worker has to stop.
        steps: number of steps per call that this worker proposes, at least 1.

    Returns:
        (whether to stop, number of steps), the same on every worker.
    """
    if job.workers == 1:
        return stop, steps
    stops, total = _sum(strategy, tf.constant([float(stop), float(steps)])).numpy()
    return stops > 0, max(1, int(total / strategy.num_replicas_in_sync))


@contextlib.contextmanager
def explain_lost_workers(job: Job) -> Iterator[None]:
    """Raise a `UserError` when another worker was lost, without which no step can be done."""
    try:
        yield
    except (tf.errors.OpError, RuntimeError) as error:
        if job.workers == 1 or isinstance(error, tf.errors.ResourceExhaustedError):
            raise
        raise UserError(
            f"Worker {job.worker} of {job.workers} lost the connection to another one ({type(error).__name__}).",
            "Start the same command on every machine again: the run resumes from its newest checkpoint.",
        ) from error


@tf.function(reduce_retracing=True)
def _sum(strategy: tf.distribute.Strategy, values: tf.Tensor) -> tf.Tensor:
    """Return the sum of all replicas' values."""
    return strategy.reduce("SUM", strategy.run(lambda own: own, (values,)), axis=None)
