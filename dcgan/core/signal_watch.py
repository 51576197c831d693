"""Notice the signals that stop a command while native code runs, during which Python handles none."""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
# SIGHUP, where it exists, is sent by a closed terminal or a lost connection.

FIRST_GRACE = 5.0
"""Seconds after a signal until a process without anything to save ends: a scheduler may kill it after ten."""

SECOND_GRACE = 1.0
"""Seconds after a second signal until a process ends, whatever it does."""


class SignalWatch:
    """Counts the stop signals of this process, and ends it where native code, for example a compiler, takes too long.

    Files are written whole or not at all, so that no moment is a wrong one to end a process.

    Args:
        may_end: whether the first signal may end the process, too, since it has nothing to save.
    """

    def __init__(self, may_end: bool):
        self.may_end = may_end
        self.received: list[int] = []
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> int:
        """Begin to watch; return the file descriptor that was told of signals until now, -1 for none."""
        self._thread.start()
        return signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def stop(self, previous: int) -> None:
        """End watching, and tell the previous file descriptor of signals again."""
        signal.set_wakeup_fd(previous)
        self._writer.close()
        self._thread.join()
        self._reader.close()

    def _watch(self) -> None:
        while True:
            try:
                numbers = self._reader.recv(64)
            except TimeoutError:
                if len(self.received) > 1:
                    _end(130, "interrupted")
                elif self.may_end:
                    _end(0, "Stopped before a step was done, with nothing to save. The same command continues.")
                self._reader.settimeout(None)
                continue
            if not numbers:
                return
            self.received += [number for number in numbers if number in STOP_SIGNALS]
            if self.received:
                self._reader.settimeout(FIRST_GRACE if len(self.received) == 1 else SECOND_GRACE)


_watch: SignalWatch | None = None


@contextlib.contextmanager
def watch_signals(may_end: bool) -> Iterator[list[int]]:
    """Watch the stop signals during a command of the command line.

    Args:
        may_end: whether the first signal may end the process, until `something_to_save` is called.

    Yields:
        The numbers of the signals received; it stays empty where a program that uses this one handles signals itself.
    """
    global _watch
    if threading.current_thread() is not threading.main_thread() or _watch is not None or os.name == "nt":
        yield []
        return
    _watch = SignalWatch(may_end)
    previous = _watch.start()
    try:
        yield _watch.received
    finally:
        _watch.stop(previous)
        _watch = None


def something_to_save() -> None:
    """Do not let the first signal end the process any more: there is something that it has to save."""
    if _watch is not None:
        _watch.may_end = False


def _end(code: int, message: str) -> None:
    """End this process while its main thread runs native code."""
    flush = threading.Thread(target=sys.stdout.flush, daemon=True)  # it may wait for a reader
    flush.start()
    flush.join(0.5)
    os.write(2, f"{message}\n".encode())
    os._exit(code)
