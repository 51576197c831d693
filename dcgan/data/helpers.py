"""Processes that decode for this one.

Pillow lets go of Python's interpreter lock while it decodes and resizes, but about a fifth of the time of a small
picture is spent outside of that: threads alone would wait for each other on two cores, and use no more than five.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

import dcgan
from dcgan.data.decoding import PictureFile, decode_files, warnings_settled
from dcgan.data.pixels import Cut
from dcgan.data.store import Skipped

_PROGRAM = "from dcgan.data.helpers import main; main()"


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

    def decode(self, files: Sequence[PictureFile | Skipped], cut: Cut) -> list[np.ndarray | Skipped]:
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
    with warnings_settled(), contextlib.suppress(EOFError):
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
