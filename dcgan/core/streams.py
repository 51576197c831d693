"""Standard input, output and error of a process that was started without them."""

import os
import sys


def open_closed_streams() -> None:
    """Connect standard streams that the parent process closed to the null device.

    Without that, the next file that is opened gets the number of a closed stream, and what native code prints is
    written into it. Programs without a console (`pythonw`, some services) and `2>&-` in a shell close streams.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if not _is_open(number):
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8", errors="backslashreplace"))  # noqa: SIM115, PTH123


def discard_output(number: int) -> None:
    """Connect an output stream that can't be written to any more to the null device.

    Args:
        number: 1 for standard output, 2 for standard error.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)


def shows_progress() -> bool:
    """Return whether standard error is a terminal, on which a progress bar can be seen; false where there is none."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # it was closed since
        return False


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
