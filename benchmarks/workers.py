"""Baselines in processes of their own, of which one works at a time.

Each baseline has its own process, because TensorFlow reads its environment variables only once, and because thread
pools within a process compete. A worker builds its baseline and then waits at a pipe, which takes no processor time.
"""

import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

NOT_INHERITED = ("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "KERAS_BACKEND", "TF_DETERMINISTIC_OPS")
"""Variables that a worker has only if its baseline sets them: baselines run in the default environment."""

ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "1"}


@dataclass(frozen=True)
class Baseline:
    """One side of a comparison.

    Args:
        name: row name in the table.
        factory: `module:callable`; the callable returns an object with the methods to measure.
        options: keyword arguments of the callable, all picklable.
        environment: variables to set before the worker's process starts.
    """

    name: str
    factory: str
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


class WorkerError(Exception):
    """A baseline could not be built, raised an exception, or its process ended; the message holds the reason."""


class Worker:
    """A baseline in a process of its own, built and waiting for calls.

    The first failure is kept in `error` as one line, so that it becomes a row of the table instead of ending the run.

    Args:
        baseline: what to build.
        wait: whether to wait until it is built; otherwise `wait_until_built` does.
    """

    def __init__(self, baseline: Baseline, wait: bool = True):
        self.name = baseline.name
        self.error = ""
        context = multiprocessing.get_context("spawn")
        self._pipe, child_pipe = context.Pipe()
        arguments = (child_pipe, baseline.factory, dict(baseline.options))
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        with child_environment(baseline.environment):
            self._process.start()
        child_pipe.close()
        if wait:
            self.wait_until_built()

    def wait_until_built(self) -> None:
        """Wait until the baseline is built; a failure is kept in `error`."""
        with contextlib.suppress(WorkerError):
            self._receive()

    def call(self, method: str, *arguments: Any) -> tuple[Any, float]:
        """Call a method of the baseline and wait for its result.

        Args:
            method: name of the method.
            arguments: positional arguments of the method.

        Returns:
            The method's result, and the seconds it took by the worker's clock.

        Raises:
            WorkerError: this call or an earlier one failed.
        """
        if self.error:
            raise WorkerError(self.error)
        with contextlib.suppress(OSError):  # the process has ended: receiving reports its exit code
            self._pipe.send((method, arguments))
        return self._receive()

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(5)
        self._process.kill()
        self._process.join()
        self._pipe.close()
        self.error = self.error or "closed"

    def _receive(self) -> tuple[Any, float]:
        """Return the result and seconds of the last call."""
        try:
            result, seconds, self.error = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            self.error = f"its process ended with exit code {self._process.exitcode}"
        if self.error:
            raise WorkerError(self.error)
        return result, seconds


def serve(pipe: Connection, factory: str, options: dict[str, Any]) -> None:
    """Build a baseline and call its methods until None arrives: the worker's side of the pipe.

    Args:
        pipe: receives `(method, arguments)` or None, sends `(result, seconds, error)`; the first reply is for building.
        factory: as for `Baseline`.
        options: as for `Baseline`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends this process
    _discard_output()
    baseline = None

    def build() -> None:
        nonlocal baseline
        module, name = factory.split(":")
        baseline = getattr(importlib.import_module(module), name)(**options)

    pipe.send(_timed(build))
    with contextlib.suppress(EOFError):
        while (message := pipe.recv()) is not None:
            method, arguments = message
            pipe.send(_timed(lambda m=method, a=arguments: getattr(baseline, m)(*a)))


def _timed(function: Callable[[], Any]) -> tuple[Any, float, str]:
    """Return the function's result, the seconds it took, and its exception as one line."""
    start = time.perf_counter()
    try:
        result = function()
    except Exception as error:
        return None, 0.0, _one_line(error)
    return result, time.perf_counter() - start, ""


def _one_line(error: Exception) -> str:
    """Return an exception as one line that fits into a table cell."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:160].replace("|", "/")


def _discard_output() -> None:
    """Send standard output and error to the null device, so that libraries don't print into the tables."""
    sys.stdout.flush()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.close(null)


@contextlib.contextmanager
def child_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set this process's environment for a child that starts in the block; restore it afterwards.

    Args:
        variables: variables to set beside the default environment.
    """
    saved = dict(os.environ)
    for name in NOT_INHERITED:
        os.environ.pop(name, None)
    os.environ.update({"TF_CPP_MIN_LOG_LEVEL": "3", **variables})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


@contextlib.contextmanager
def start_workers(baselines: Sequence[Baseline], at_once: bool = False) -> Iterator[list[Worker]]:
    """Build a worker per baseline, and end all of them with the block.

    Args:
        baselines: what to build.
        at_once: build all at the same time instead of one after the other.

    Yields:
        The workers, in the order of the baselines.
    """
    workers: list[Worker] = []
    try:
        for baseline in baselines:
            print(f"building {baseline.name}", file=sys.stderr, flush=True)
            workers.append(Worker(baseline, wait=not at_once))
        for worker in workers if at_once else ():
            worker.wait_until_built()
        yield workers
    finally:
        for worker in workers:
            worker.close()
