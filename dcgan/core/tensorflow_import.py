"""TensorFlow without the notes that its C++ parts print before anybody can ask them not to."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def suppress_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2; when the block fails, show it after all."""
    if sys.stderr is None:  # closed by who started the program
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception as error:
            if not was_interrupted(error):
                held.seek(0)
                os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


def was_interrupted(error: BaseException) -> bool:
    """Whether an error is, or stands for, a Ctrl-C.

    Python up to 3.11 makes a RuntimeError of one that comes while a class is being made, as an import does all the
    time; libraries make an ImportError of that.
    """
    seen = []
    while error is not None and error not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.append(error)
        error = error.__cause__ or error.__context__
    return False


def silence_stdout() -> None:
    """Drop what is printed from now on: the reader of a pipe has gone away, which is its right."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def import_tensorflow() -> None:
    """Import TensorFlow and Keras, silently unless that fails; the commands do this before anything that needs them.

    Raises:
        KeyboardInterrupt: it was interrupted, whatever the import made of that.
    """
    try:
        with suppress_stderr():
            import keras  # noqa: F401
            import tensorflow as tf

            tf.config.list_physical_devices()  # looks for GPUs, and says at length when there are none
    except Exception as error:
        if was_interrupted(error):
            raise KeyboardInterrupt from error
        raise
