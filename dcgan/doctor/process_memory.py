"""The memory that this process takes while something runs."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

_STATUS = Path("/proc/self/status")
_INTERVAL = 0.02


class PeakMemory:
    """The largest memory of this process during a block.

    Attributes:
        size: bytes; None where the system does not tell.
    """

    size: int | None = None


def resident_memory() -> int | None:
    """Return the bytes of memory that this process takes at present; None where the system does not tell."""
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


@contextlib.contextmanager
def track_memory() -> Iterator[PeakMemory]:
    """Sample this process's memory 50 times a second while the block runs.

    Yields:
        The largest value so far.
    """
    peak, done = PeakMemory(), threading.Event()

    def sample() -> None:
        while True:
            size = resident_memory()
            if size is not None:
                peak.size = max(size, peak.size or 0)
            if done.wait(_INTERVAL):
                return

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()
