"""Baselines in processes of their own, of which one works at a time.

A process each, because what TensorFlow reads from the environment can be set only once, and because thread pools that
share a process compete. A worker builds its baseline and then waits at a pipe, which takes no processor time.
"""

import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

NOT_INHERITED = ("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "KERAS_BACKEND", "TF_DETERMINISTIC_OPS")
"""Settings a worker has only if its baseline asks for them: the default environment is a side of the comparison."""

ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "1"}


@dataclass(frozen=True)
class Baseline:
    """One side of a comparison.

    Args:
        name: as the table has it.
        home: `module:callable`; what the callable returns has the methods that are measured.
        options: keyword arguments of the callable; they have to be picklable.
        environment: variables set before the worker's process starts.
    """

    name: str
    home: str
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


class WorkerFailed(Exception):
    """A baseline could not be built, raised, or its process ended; the message says which."""


class Worker:
    """A baseline in its process, built and waiting.

    A failure is kept in `error`, one line, so that it becomes a row of the table instead of the end of the run.

    Args:
        baseline: whom to build.
    """

    def __init__(self, baseline: Baseline):
        self.name = baseline.name
        self.error = ""
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, baseline.home, dict(baseline.options))
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        with environment(baseline.environment):
            self._process.start()
        theirs.close()
        with contextlib.suppress(WorkerFailed):
            self._answer()

    def ask(self, method: str, *arguments: Any) -> tuple[Any, float]:
        """Have the baseline do something, and wait for it.

        Args:
            method: name of its method.
            arguments: of the method.

        Returns:
            What the method returned, and the seconds it took by the worker's own clock.

        Raises:
            WorkerFailed: now or earlier.
        """
        if self.error:
            raise WorkerFailed(self.error)
        with contextlib.suppress(OSError):  # a process that has ended: reading its answer tells how
            self._pipe.send((method, arguments))
        return self._answer()

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(5)
        self._process.kill()
        self._process.join()
        self._pipe.close()
        self.error = self.error or "closed"

    def _answer(self) -> tuple[Any, float]:
        """The reply to what was asked."""
        try:
            result, seconds, self.error = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            self.error = f"its process ended with exit code {self._process.exitcode}"
        if self.error:
            raise WorkerFailed(self.error)
        return result, seconds


def serve(pipe: Connection, home: str, options: dict[str, Any]) -> None:
    """The worker's side: build, then do what is asked until there is nothing more.

    Args:
        pipe: takes `(method, arguments)` or None, gives `(result, seconds, error)`; the first answer is for building.
        home, options: as for `Baseline`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, and its end ends this one
    _silence()
    baseline = None

    def build() -> None:
        nonlocal baseline
        module, name = home.split(":")
        baseline = getattr(importlib.import_module(module), name)(**options)

    pipe.send(_timed(build))
    with contextlib.suppress(EOFError):
        while (message := pipe.recv()) is not None:
            method, arguments = message
            pipe.send(_timed(lambda m=method, a=arguments: getattr(baseline, m)(*a)))


def _timed(work) -> tuple[Any, float, str]:
    """What `work` returns, the seconds it took, and what went wrong, in one line."""
    started = time.perf_counter()
    try:
        result = work()
    except Exception as error:
        return None, 0.0, _line(error)
    return result, time.perf_counter() - started, ""


def _line(error: Exception) -> str:
    """An exception in one line that a table can hold."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:160].replace("|", "/")


def _silence() -> None:
    """Keep what libraries print out of the tables."""
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """This process' environment as a child is to find it; put back afterwards."""
    kept = dict(os.environ)
    for name in NOT_INHERITED:
        os.environ.pop(name, None)
    os.environ.update({"TF_CPP_MIN_LOG_LEVEL": "3", **variables})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


@contextlib.contextmanager
def started(baselines: Sequence[Baseline]) -> Iterator[list[Worker]]:
    """Workers for some baselines, built one after the other, and ended with the block."""
    workers: list[Worker] = []
    try:
        for baseline in baselines:
            print(f"building {baseline.name}", file=sys.stderr, flush=True)
            workers.append(Worker(baseline))
        yield workers
    finally:
        for worker in workers:
            worker.close()
