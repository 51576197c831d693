"""Processes that decode for this one.

Pillow lets go of Python's interpreter lock while it decodes and resizes, but about a fifth of the time of a small
picture is spent outside of that: threads alone would wait for each other on two cores, and use no more than five.
"""

import contextlib
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np

import dcgan
from dcgan.data.decoding import EncodedImage, SkippedImage, decode_files, pillow_warnings, skip_reason
from dcgan.data.image_files import Entry, ImageFiles
from dcgan.data.transforms import CropResize

_PROGRAM = "from dcgan.data.decoding_pool import main; main()"


class Helpers:
    """One helper process for each thread that called `start`.

    They are plain child processes that talk through pipes: `multiprocessing` would run the program's main module again
    in each of them, which an unguarded script, or one from standard input, does not survive.
    """

    def __init__(self):
        self._mine = threading.local()
        self._all: list[subprocess.Popen] = []

    def start(self) -> None:
        """Start the calling thread's helper; without one, the thread works itself."""
        path = os.pathsep.join(filter(None, [str(Path(dcgan.__file__).parents[1]), os.environ.get("PYTHONPATH")]))
        command = [sys.executable, "-P", "-c", _PROGRAM]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with contextlib.suppress(OSError):
            self._mine.process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path}, **pipes)
            self._all.append(self._mine.process)

    def decode(self, files: Sequence[EncodedImage | SkippedImage], cut: CropResize) -> list[np.ndarray | SkippedImage]:
        """Do what `decode_files` does, in the calling thread's helper as long as that lives."""
        process = getattr(self._mine, "process", None)
        if process is not None:
            try:
                _send(process.stdin, (files, cut))
                return pickle.load(process.stdout)
            except (OSError, EOFError, pickle.PickleError):  # it was killed, or could not start
                self._mine.process = None
        return decode_files(files, cut)

    def dismiss(self) -> None:
        """End all helpers."""
        for process in self._all:
            process.kill()
            with contextlib.suppress(OSError):  # what a dead helper did not read can't be flushed
                process.communicate()


def serve(tasks: BinaryIO, results: BinaryIO) -> None:
    """Work off tasks, pairs of files and cut, until there are no more; the helper's side of `Helpers.decode`."""
    with pillow_warnings(), contextlib.suppress(EOFError):
        while True:
            _send(results, decode_files(*pickle.load(tasks)))


def main() -> None:
    """The helper process: its standard output is the pipe, so nothing else may print there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, and its end ends this one
    results, sys.stdout = sys.stdout.buffer, sys.stderr
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, results)


def _send(pipe: BinaryIO, what: object) -> None:
    pickle.dump(what, pipe, pickle.HIGHEST_PROTOCOL)
    pipe.flush()


MANY = 2000
"""Pictures from which on helper processes pay for their start, about as long as 200 of CelebA's take."""

_CHUNK = 32  # pictures a task: enough that handing over costs little
_CHUNK_BYTES = 1 << 22  # of files or pixels a task, so that large pictures do not fill the memory


def decode_all(listing: ImageFiles, cut: CropResize, workers: int | None = None) -> Iterator[np.ndarray | SkippedImage]:
    """Decode and cut every picture.

    Args:
        listing: the pictures.
        cut: what to make of each.
        workers: how many at once; by default one a core.

    Yields:
        uint8 (H, W, C), or why there is none, in the listing's order. Only a few chunks are in memory at a time.
    """
    workers = workers or _cores()
    helpers = Helpers()
    start = helpers.start if workers > 1 and len(listing.entries) >= MANY else None
    running: deque[Future] = deque()
    with pillow_warnings(), ThreadPoolExecutor(workers, "decode", start) as pool:
        try:
            for chunk in _chunks(listing.entries, cut):
                running.append(pool.submit(_decode_chunk, helpers, listing, chunk, cut))
                if len(running) > 3 * workers:
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()
        finally:  # whoever stops listening does not wait for what is queued
            for future in running:
                future.cancel()
            pool.shutdown()
            helpers.dismiss()


def _chunks(entries: Sequence[Entry], cut: CropResize) -> Iterator[list[Entry]]:
    """Part the entries into tasks of some pictures or some bytes, whatever is reached first."""
    most = max(1, min(_CHUNK, _CHUNK_BYTES // math.prod(cut.shape)))
    chunk, size = [], 0
    for entry in entries:
        if len(chunk) == most or (chunk and size + entry.size > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(entry)
        size += entry.size
    yield chunk


def _decode_chunk(
    helpers: Helpers, listing: ImageFiles, chunk: Sequence[Entry], cut: CropResize
) -> list[np.ndarray | SkippedImage]:
    return helpers.decode([_read(listing, entry) for entry in chunk], cut)


def _read(listing: ImageFiles, entry: Entry) -> EncodedImage | SkippedImage:
    """One file's bytes; `zipfile` and its decompressors raise many kinds of error on damage."""
    try:
        return EncodedImage(entry.name, listing.read(entry))
    except Exception as error:
        return skip_reason(entry.name, error)


def _cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
