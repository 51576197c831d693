"""Notes of TensorFlow's C++ parts are held back, unless something goes wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dcgan.quiet import quiet_stderr


def test_what_native_code_writes_is_held_back(capfd):
    with quiet_stderr():
        os.write(2, b"note\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_it_is_shown_when_the_block_fails(capfd):
    def fail():
        with quiet_stderr():
            os.write(2, b"libfoo.so is missing\n")
            raise ImportError

    with pytest.raises(ImportError):
        fail()
    assert capfd.readouterr().err == "libfoo.so is missing\n"


def test_importing_tensorflow_prints_nothing():
    code = "from dcgan.quiet import import_tensorflow; import_tensorflow()"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=True, capture_output=True, text=True
    )
    assert result.stdout + result.stderr == ""
