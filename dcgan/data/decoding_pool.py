"""Decode many image files on all cores, in order and with little memory.

Pillow releases Python's interpreter lock while it decodes and resizes, but about a fifth of the time of a small image
is spent outside of that: threads alone wait for each other on two cores, and use no more than five. Many files are
therefore decoded in worker processes, and read by threads of this one.
"""

import contextlib
import functools
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, TypeVar

import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.resources import count_cores
from dcgan.core.system_errors import unreadable
from dcgan.data.decoding import (
    EncodedImage,
    SkippedImage,
    decode_file,
    filter_pillow_warnings,
    pillow_warnings,
    skip_reason,
)
from dcgan.data.image_files import ImageFile, ImageFiles, Reader
from dcgan.data.transforms import CropResize

MIN_FILES_FOR_PROCESSES = 2000
"""Number of files from which on worker processes are faster: starting one takes as long as 400 images of CelebA."""

_MAX_WORKERS = 61  # the most that Windows can wait for
_SECONDS_PER_CHECK = 5.0  # of whether the pool is broken
_CHUNK_FILES = 32  # enough to make the cost of a task small
_CHUNK_BYTES = 1 << 22  # of files or of pixels, so that large images do not fill the memory

READ_RETRY_SECONDS = (0.1, 0.5, 0.0)
"""Pauses after failed attempts to read a file."""

Decoded = np.ndarray | SkippedImage
Result = TypeVar("Result")


def decode_all(image_files: ImageFiles, transform: CropResize, workers: int | None = None) -> Iterator[Decoded]:
    """Decode, crop and resize every image file.

    Args:
        image_files: the files.
        transform: crop, size and channels.
        workers: number of threads or processes; by default one per core.

    Yields:
        uint8 (H, W, C) or a `SkippedImage` per file, in order. Only a few chunks are in memory at a time.
    """
    return map_files(image_files, functools.partial(decode_file, transform=transform), transform, workers)


def map_files(
    image_files: ImageFiles,
    work: Callable[[EncodedImage | SkippedImage], Result],
    transform: CropResize,
    workers: int | None = None,
) -> Iterator[Result]:
    """Apply a function to the content of every image file.

    Args:
        image_files: the files.
        work: the function, which another process can import.
        transform: size and channels of the results, which limit how many are in memory at a time.
        workers: number of threads or processes; by default one per core.

    Yields:
        The function's result per file, in order.
    """
    workers = min(workers or count_cores(), _MAX_WORKERS)
    use_processes = workers > 1 and len(image_files.entries) >= MIN_FILES_FOR_PROCESSES
    processes = _start_process_pool(workers) if use_processes else None
    num_threads = 2 * workers if processes else workers  # two per process, so that none waits for its next chunk
    running: deque[Future[list[Result]]] = deque()
    with processes or contextlib.nullcontext(), pillow_warnings(), ThreadPoolExecutor(num_threads, "decode") as threads:
        try:
            for chunk in split_into_chunks(image_files.entries, transform):
                running.append(threads.submit(_work_on_chunk, processes, image_files, chunk, work))
                if len(running) > 3 * workers:
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()
        finally:  # a consumer that stops early does not wait for the chunks in the queue
            for future in running:
                future.cancel()


def split_into_chunks(entries: Sequence[ImageFile], transform: CropResize) -> Iterator[list[ImageFile]]:
    """Split files into chunks of 32 files or 4 MiB, whichever is reached first.

    Args:
        entries: the files.
        transform: crop, size and channels; the bytes of a chunk's results are limited as well.

    Yields:
        One or more files, in order.
    """
    max_files = max(1, min(_CHUNK_FILES, _CHUNK_BYTES // math.prod(transform.shape)))
    chunk, size = [], 0
    for entry in entries:
        if len(chunk) == max_files or (chunk and size + entry.size > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(entry)
        size += entry.size
    yield chunk


def _work_on_chunk(
    processes: Executor | None,
    image_files: ImageFiles,
    chunk: Sequence[ImageFile],
    work: Callable[[EncodedImage | SkippedImage], Result],
) -> list[Result]:
    """Work on a chunk in a worker process, or in this thread where there is none or it was killed."""
    if processes is not None:
        # A pool that breaks while another process starts raises errors of any type (a closed pipe is a ValueError). An
        # error of the chunk itself is raised again below.
        with contextlib.suppress(Exception):
            if image_files.in_process:  # this process has it open
                return _wait(processes, processes.submit(_apply, _read_files(image_files.read, chunk), work))
            return _wait(processes, processes.submit(_read_and_apply, image_files.read, chunk, work))
    return _read_and_apply(image_files.read, chunk, work)


def _read_and_apply(
    read: Reader, chunk: Sequence[ImageFile], work: Callable[[EncodedImage | SkippedImage], Result]
) -> list[Result]:
    return _apply(_read_files(read, chunk), work)


def _apply(
    files: Sequence[EncodedImage | SkippedImage], work: Callable[[EncodedImage | SkippedImage], Result]
) -> list[Result]:
    return [work(file) for file in files]


def _read_files(read: Reader, chunk: Sequence[ImageFile]) -> list[EncodedImage | SkippedImage]:
    return [read_file(read, entry) for entry in chunk]


def read_file(read: Reader, entry: ImageFile) -> EncodedImage | SkippedImage:
    """Read one file; `zipfile` and its decompressors raise many types of errors for damaged data.

    An error of the system says nothing about the file, which may be on a network drive. It is tried again, and not
    skipped: the cache would lack the image for ever.

    Args:
        read: returns the content of an entry.
        entry: the file.

    Returns:
        Its content, or why it is skipped.

    Raises:
        UserError: the system can't read it.
        MemoryError: this machine has too little memory left.
    """
    for seconds in READ_RETRY_SECONDS:
        try:
            return EncodedImage(entry.name, read(entry))
        except OSError as error:
            # Of a decompressor, or the file was removed since it was listed: the next listing has another cache.
            if error.errno is None or isinstance(error, FileNotFoundError):
                return skip_reason(entry.name, error)
            failure = error
        except (UserError, MemoryError):  # not of this file, but of its container, the disk or the machine
            raise
        except Exception as error:
            return skip_reason(entry.name, error)
        time.sleep(seconds)
    raise unreadable(entry.name, failure)


def _wait(processes: Executor, future: Future) -> Any:
    """Return the result of a worker process; a TimeoutError where the pool broke while the task was handed to it.

    Python 3.11 forgets a task that is submitted while the pool breaks: its future is never done.
    """
    while True:
        try:
            return future.result(timeout=_SECONDS_PER_CHECK)
        except TimeoutError:
            if future.done() or getattr(processes, "_broken", False):
                raise


def _start_process_pool(workers: int) -> Executor | None:
    """Return a pool of worker processes, which start with their first tasks; None where the system allows none."""
    if multiprocessing.current_process().daemon:  # such a process may not have children
        return None
    try:
        return ProcessPoolExecutor(workers, _WorkerContext(), _initialize_worker)
    except (ImportError, NotImplementedError, OSError, ValueError):  # no semaphores, or no process can start
        return None


class _WorkerProcess(SpawnProcess):
    """A process that does not run the program's main module again, and ignores Ctrl-C from its first moment.

    `multiprocessing` runs the main module in every process, which an unguarded script, or one from standard input,
    does not survive; decoding needs nothing of it. Only a package's `__main__` module is left out, so the main module
    passes for one.
    """

    def start(self) -> None:
        main = sys.modules["__main__"]
        spec = main.__spec__
        main.__spec__ = ModuleSpec("dcgan.__main__", None)
        try:
            with _sigint_blocked():  # the new process inherits it
                super().start()
        finally:
            main.__spec__ = spec


@contextlib.contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Block Ctrl-C in the calling thread, where the system can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class _WorkerContext(SpawnContext):
    """Starts fresh interpreters: a fork of a process in which TensorFlow's threads run may hang."""

    Process = _WorkerProcess


def _initialize_worker() -> None:
    """Leave Ctrl-C to the parent process, and end with it, even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    filter_pillow_warnings()
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
