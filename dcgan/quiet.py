"""TensorFlow without the notes that its C++ parts print before anybody can ask them not to."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2; when the block raises, show it after all."""
    if sys.stderr is None:  # closed by who started the program
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


def silence_stdout() -> None:
    """Drop what is printed from now on: the reader of a pipe has gone away, which is its right."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def import_tensorflow() -> None:
    """Import TensorFlow and Keras, silently unless that fails; the commands do this before anything that needs them."""
    with quiet_stderr():
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices()  # looks for GPUs, and says at length when there are none
