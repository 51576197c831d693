"""Agreement between the workers of a distributed job: on options, images, the next steps, and rollbacks.

Every function here is a collective operation: all workers have to call it at the same point. With one worker it returns
at once.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping

import tensorflow as tf

from dcgan.config import ResolvedTrainConfig, result_options
from dcgan.core.errors import UserError
from dcgan.training.distributed import Job

LOCKSTEP_OPTIONS = ("steps", "epochs", "compile", "evaluate_every", "log_every", "sample_every", "save_every")
"""Options that change no result but decide when the workers have to wait for each other."""

LOST_WORKER_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
"""What TensorFlow raises when another process can't be reached any more."""

LOST_WORKER_MESSAGES = ("heartbeat timeout", "incarnation")
"""Parts of messages by which other errors of TensorFlow say that a worker has died, or has died and restarted."""

DIGEST_BYTES = 8
"""Bytes of a SHA-256 that are compared for each value."""


def check_agreement(job: Job, strategy: tf.distribute.Strategy, values: Mapping[str, object]) -> None:
    """Check that all workers have the same values.

    Args:
        job: this process and its workers.
        strategy: what the workers communicate by.
        values: by description, for example "options"; their `repr` is compared. All workers have the same descriptions.

    Raises:
        UserError: some differ; raised on every worker, with their descriptions.
    """
    if job.workers == 1:
        return
    digests = [hashlib.sha256(repr(value).encode()).digest()[:DIGEST_BYTES] for value in values.values()]
    ours = tf.constant([[float(byte) for byte in digest] for digest in digests])
    mean, mean_square = tf.unstack(_sum(strategy, tf.stack([ours, ours**2])) / strategy.num_replicas_in_sync)
    differ = tf.reduce_any(mean_square - mean**2 > 0.1, axis=1)
    if names := [name for name, different in zip(values, differ.numpy(), strict=True) if different]:
        raise UserError(
            f"The workers have different {' and '.join(names)}.",
            "Start each with the same command on the same images; --run-dir has to be a folder that all of them share.",
        )


def options_to_agree_on(config: ResolvedTrainConfig) -> dict[str, object]:
    """Return the options that have to be equal on all workers, by name."""
    return {**result_options(config), **{name: getattr(config, name) for name in LOCKSTEP_OPTIONS}}


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


def agree_on_issue(job: Job, strategy: tf.distribute.Strategy, found: bool) -> bool:
    """Return on every worker whether any of them has found something that training cannot continue with.

    Args:
        job: this process and its workers.
        strategy: what the workers communicate by.
        found: whether this worker has found something.
    """
    return found if job.workers == 1 else bool(_sum(strategy, tf.constant(float(found))) > 0)


def step_of_chief(job: Job, strategy: tf.distribute.Strategy, step: int) -> int:
    """Return the chief's number on every worker, once the chief has arrived here.

    Args:
        job: this process and its workers.
        strategy: what the workers communicate by.
        step: the number, of which the chief's counts.
    """
    if job.workers == 1:
        return step
    total = _sum(strategy, tf.constant(step if job.is_chief else 0, tf.float64))
    return round(float(total) * job.workers / strategy.num_replicas_in_sync)


@contextlib.contextmanager
def explain_lost_workers(job: Job) -> Iterator[None]:
    """Raise a `UserError` when another worker was lost, without which no step can be done; leave other errors alone.

    Args:
        job: this process and its workers.

    Raises:
        UserError: in place of one of `LOST_WORKER_ERRORS`, or an error with one of `LOST_WORKER_MESSAGES`.
    """
    try:
        yield
    except tf.errors.OpError as error:
        lost = isinstance(error, LOST_WORKER_ERRORS) or any(text in str(error) for text in LOST_WORKER_MESSAGES)
        if job.workers == 1 or not lost:
            raise
        raise UserError(
            f"Worker {job.worker} of {job.workers} lost the connection to another one ({type(error).__name__}).",
            "Start the same command on every machine again: the run resumes from its newest checkpoint.",
        ) from error


@tf.function(reduce_retracing=True)
def _sum(strategy: tf.distribute.Strategy, values: tf.Tensor) -> tf.Tensor:
    """Return the sum of all replicas' values."""
    return strategy.reduce("SUM", strategy.run(lambda own: own, (values,)), axis=None)
