"""Imports on first use, without the messages of TensorFlow's native code, and interrupts that an import wraps."""

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any


def lazy_exporter(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` function of a package (PEP 562).

    Args:
        package: `__name__` of the package.
        modules: module of every public name.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with suppress_stderr():
            return getattr(importlib.import_module(modules[name]), name)

    return get


@contextlib.contextmanager
def suppress_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, also by native code; print it if the block raises."""
    if sys.stderr is None:  # closed by the parent process
        yield
        return
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as buffer:
        os.dup2(buffer.fileno(), 2)
        try:
            yield
        except Exception as error:
            if not was_interrupted(error):
                buffer.seek(0)
                os.write(saved, buffer.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)


def was_interrupted(error: BaseException | None) -> bool:
    """Return whether an error is a KeyboardInterrupt or was caused by one.

    Python up to 3.11 raises a RuntimeError instead of a KeyboardInterrupt while a class is being created, which happens
    often during imports; libraries turn that into an ImportError.

    Args:
        error: the error.
    """
    seen = []
    while error is not None and error not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.append(error)
        error = error.__cause__ or error.__context__
    return False


def silence_stdout() -> None:
    """Discard further output: the process that read it has closed the pipe."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def import_tensorflow() -> None:
    """Import TensorFlow and Keras without printing, unless the import fails.

    Raises:
        KeyboardInterrupt: the import was interrupted, even if a library turned the interrupt into another error.
    """
    try:
        with suppress_stderr():
            import keras  # noqa: F401
            import tensorflow as tf

            tf.config.list_physical_devices()  # searches for GPUs and prints messages if there are none
    except Exception as error:
        if was_interrupted(error):
            raise KeyboardInterrupt from error
        raise
