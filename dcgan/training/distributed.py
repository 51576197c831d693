"""Several devices or machines as one: who this process is, what shares a batch, and how all keep in step.

One process a machine, each started with the same line. `TF_CONFIG` tells a process who it is, as TensorFlow documents
it: {"cluster": {"worker": ["host0:port", "host1:port"]}, "task": {"type": "worker", "index": 0}}.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

import tensorflow as tf

from dcgan.config import TrainConfig, result_options
from dcgan.core.errors import UserError

EXAMPLE = '{"cluster": {"worker": ["host0:5000", "host1:5000"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Job:
    """Who shares the work.

    Args:
        strategy: `single`, `mirrored` or `multi_worker`.
        worker: number of this process, 0 for the chief.
        workers: how many processes there are.
    """

    strategy: str = "single"
    worker: int = 0
    workers: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.worker == 0

    @property
    def description(self) -> str:
        """For the line that says what the training runs on."""
        return f", worker {self.worker} of {self.workers}" if self.workers > 1 else ""


def resolve_job(config: TrainConfig) -> Job:
    """Find out who this process is, from `--strategy` and `TF_CONFIG`.

    Raises:
        UserError: `TF_CONFIG` is missing where it is needed, or does not say what it has to.
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
    """This worker's number and how many there are, from `TF_CONFIG`."""
    try:
        content = json.loads(text)
        addresses, task = content["cluster"]["worker"], content["task"]
        index, others = int(task["index"]), set(content["cluster"]) - {"worker"}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError("TF_CONFIG can't be understood.", f"It looks like {EXAMPLE}") from error
    if others or task.get("type") != "worker":
        raise UserError("TF_CONFIG has tasks that are no workers; worker 0 is the chief here.", f"Example: {EXAMPLE}")
    if not isinstance(addresses, list) or not 0 <= index < len(addresses):
        raise UserError(f"TF_CONFIG has no worker {index}.", f"It looks like {EXAMPLE}")
    return index, len(addresses)


def strategy_for(job: Job, batch_size: int) -> tf.distribute.Strategy:
    """Make the strategy, before any variable or tensor; connecting to the other workers waits for them.

    Raises:
        UserError: the batch can't be shared evenly.
    """
    if job.strategy == "single":
        strategy = tf.distribute.get_strategy()
    elif job.strategy == "mirrored":
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        strategy = tf.distribute.MirroredStrategy([device.name for device in tf.config.list_logical_devices(kind)])
    else:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise UserError(f"A batch of {batch_size} images can't be shared evenly by {replicas} devices.")
    return strategy


def check_agreement(job: Job, strategy: tf.distribute.Strategy, config: TrainConfig, step: int) -> None:
    """Make sure that all workers were started with the same options and go on from the same step.

    Raises:
        UserError: they differ; on every worker.
    """
    if job.workers == 1:
        return
    digest = hashlib.sha256(repr((result_options(config), config.steps, config.epochs, step)).encode()).digest()
    ours = tf.constant([float(byte) for byte in digest[:8]])
    mean = _sum(strategy, ours) / strategy.num_replicas_in_sync
    squares = _sum(strategy, tf.square(ours)) / strategy.num_replicas_in_sync
    if bool(tf.reduce_any(tf.abs(squares - tf.square(mean)) > 0.5)):
        raise UserError(
            "The workers don't agree on the options, or on the step to go on from.",
            "Start the same line on each; --run-dir has to be a folder that all of them share.",
        )


def agree_on_next(job: Job, strategy: tf.distribute.Strategy, stop: bool, steps: int) -> tuple[bool, int]:
    """Settle what to do next: stop if any worker wants to, and do as many steps at once as suits all on average."""
    if job.workers == 1:
        return stop, steps
    stops, total = _sum(strategy, tf.constant([float(stop), float(steps)])).numpy()
    return stops > 0, max(1, int(total / strategy.num_replicas_in_sync))


@contextlib.contextmanager
def explain_lost_workers(job: Job) -> Iterator[None]:
    """Tell that another worker has gone as a `UserError`; without it no step can be done."""
    try:
        yield
    except (tf.errors.OpError, RuntimeError) as error:
        if job.workers == 1 or isinstance(error, tf.errors.ResourceExhaustedError):
            raise
        raise UserError(
            f"Worker {job.worker} of {job.workers} has lost another one ({type(error).__name__}).",
            "Start the same line on every machine again: the run goes on from its last saved state.",
        ) from error


@tf.function(reduce_retracing=True)
def _sum(strategy: tf.distribute.Strategy, values: tf.Tensor) -> tf.Tensor:
    """The sum of every replica's values."""
    return strategy.reduce("SUM", strategy.run(lambda own: own, (values,)), axis=None)
