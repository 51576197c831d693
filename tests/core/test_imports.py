"""Messages of TensorFlow's native code are held back unless the import fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dcgan.core.imports import suppress_stderr, was_interrupted


def test_messages_of_native_code_are_held_back(capfd):
    with suppress_stderr():
        os.write(2, b"note\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_messages_are_printed_if_the_block_fails(capfd):
    def fail():
        with suppress_stderr():
            os.write(2, b"libfoo.so is missing\n")
            raise ImportError

    with pytest.raises(ImportError):
        fail()
    assert capfd.readouterr().err == "libfoo.so is missing\n"


def test_messages_are_held_back_if_the_block_was_interrupted(capfd):
    def import_something():
        os.write(2, b"note\n")
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as interrupt:
            raise RuntimeError("Error calling __set_name__") from interrupt

    with pytest.raises(RuntimeError), suppress_stderr():
        import_something()
    assert capfd.readouterr().err == ""


def test_an_interrupted_import_of_tensorflow_is_an_interrupt_and_prints_nothing(tmp_path):
    (tmp_path / "keras.py").write_text(
        "import os\n"
        "os.write(2, b'note')\n"
        "class Descriptor:\n"
        "    def __set_name__(self, owner, name):\n"
        "        raise KeyboardInterrupt\n"
        "class Owner:\n"
        "    descriptor = Descriptor()\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from dcgan.core.imports import import_tensorflow\n"
        "try: import_tensorflow()\n"
        "except KeyboardInterrupt: print('interrupt')"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("interrupt\n", "")


def test_an_interrupt_is_found_among_the_causes_of_an_error():
    wrapped, meanwhile, other = ImportError(), ImportError(), ImportError()
    wrapped.__cause__ = RuntimeError()
    wrapped.__cause__.__cause__ = KeyboardInterrupt()
    meanwhile.__context__ = KeyboardInterrupt()
    other.__cause__, other.__context__ = ValueError(), RuntimeError()
    other.__cause__.__cause__ = other
    assert [was_interrupted(error) for error in (wrapped, meanwhile, other)] == [True, True, False]


def test_importing_tensorflow_prints_nothing():
    code = "from dcgan.core.imports import import_tensorflow; import_tensorflow()"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True, capture_output=True, text=True
    )
    assert result.stdout + result.stderr == ""
