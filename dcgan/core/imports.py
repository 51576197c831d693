"""Imports on first use, without the messages of TensorFlow's native code, and interrupts that an import wraps."""

import contextlib
import importlib.abc
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dcgan.core.errors import UserError, first_line
from dcgan.core.streams import discard_output


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
    """Hold back what is written to file descriptor 2, also by native code; print it if the block raises.

    If the block imports TensorFlow and that ends the process, `dcgan/core/crash_report.py` prints it.

    Raises:
        UserError: the block imports TensorFlow or Keras, and that fails.
    """
    is_nested = any(isinstance(finder, _ImportWatch) for finder in sys.meta_path)
    if sys.stderr is None or is_nested:  # None: closed by the parent process
        yield
        return
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as buffer:
        watch = _ImportWatch(buffer.fileno(), saved)
        sys.meta_path.insert(0, watch)
        os.dup2(buffer.fileno(), 2)
        try:
            yield
        except Exception as error:
            if was_interrupted(error):
                raise
            buffer.seek(0)
            os.write(saved, buffer.read())
            if watch.has_failed():
                raise _import_error(error) from error
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            sys.meta_path.remove(watch)
            watch.end()
            os.close(saved)


class _ImportWatch(importlib.abc.MetaPathFinder):
    """Starts `dcgan/core/crash_report.py` when TensorFlow or Keras is about to be imported; finds no modules.

    Args:
        captured: file descriptor that standard error is held back in.
        terminal: file descriptor of standard error itself.
    """

    def __init__(self, captured: int, terminal: int):
        self._captured, self._terminal = captured, terminal
        self._imported: set[str] = set()
        self._process: subprocess.Popen | None = None

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Take notice of an import."""
        if fullname in ("tensorflow", "keras"):
            if not self._imported:
                self._process = _start_crash_report(self._captured, self._terminal)
            self._imported.add(fullname)

    def has_failed(self) -> bool:
        """Whether an import of TensorFlow or Keras began and did not succeed."""
        return any(name not in sys.modules for name in self._imported)

    def end(self) -> None:
        """Tell the other process that this one continues."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.communicate(b"done")


def _start_crash_report(captured: int, terminal: int) -> "subprocess.Popen | None":
    """Start the process that waits for the end of the import; None where that is not possible."""
    if os.name == "nt" or not sys.executable:  # only other systems let it read the file of the other process
        return None
    program = str(Path(__file__).with_name("crash_report.py"))
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", program, str(captured)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=terminal,
            pass_fds=(captured,),
            start_new_session=True,  # Ctrl-C is not for it
        )
    except OSError:
        return None


def _import_error(error: Exception) -> UserError:
    """Return why TensorFlow can't be imported, and what to do."""
    causes = re.findall(r"^\w*Error: (.+)", str(error), re.MULTILINE)  # TensorFlow wraps tracebacks of native modules
    reason = causes[-1] if causes else first_line(error)
    if isinstance(error, ModuleNotFoundError):
        hint = "Install the requirements: pip install -r requirements.txt"
    elif "DLL" in reason:
        hint = "Install the Microsoft Visual C++ Redistributable: https://aka.ms/vs/17/release/vc_redist.x64.exe"
    else:
        hint = "Install it again: pip install --force-reinstall tensorflow==2.21.0"
    return UserError(f"TensorFlow can't be imported: {reason}", hint)


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
    discard_output(1)


def import_tensorflow() -> None:
    """Import TensorFlow and Keras without printing, unless the import fails.

    Raises:
        UserError: the import failed.
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
