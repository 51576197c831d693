"""Messages of TensorFlow's native code are held back unless the import fails."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dcgan.core.crash_report import lacks_avx
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


@pytest.mark.slow
def test_importing_tensorflow_prints_nothing():
    code = "from dcgan.core.imports import import_tensorflow; import_tensorflow()"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True, capture_output=True, text=True
    )
    assert result.stdout + result.stderr == ""


NATIVE = """
Traceback (most recent call last):
  File "pywrap_tensorflow.py", line 73, in <module>
ImportError: libcudart.so.12: cannot open shared object file: No such file or directory

Failed to load the native TensorFlow runtime.
See https://www.tensorflow.org/install/errors for some common causes and solutions.
"""
DIES = "The process ended while TensorFlow was imported."


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("os.write(2, b'last words\\n'); os.abort()", -signal.SIGABRT, ["last words", DIES, "--force-reinstall"]),
        ("os.kill(os.getpid(), signal.SIGILL)", -signal.SIGILL, [DIES]),
        ("ctypes.string_at(0)", -signal.SIGSEGV, [DIES]),
        ("print('last words', file=sys.stderr); sys.stderr.flush(); os._exit(1)", 1, ["last words", DIES]),
        (
            "os.write(2, b'compiled to use AVX\\n'); os.abort()",
            -signal.SIGABRT,
            ["which this one does not"],
        ),
        (f"raise ImportError({NATIVE!r})", 2, ["can't be imported: libcudart.so.12: cannot open", "--force-reinstall"]),
        ("raise ImportError('DLL load failed while importing _x: not found')", 2, ["Visual C++ Redistributable"]),
        ("import numpy_of_another_version", 2, ["No module named 'numpy_of_another", "pip install -r requirements"]),
        ("raise AttributeError('_ARRAY_API not found')", 2, ["can't be imported: _ARRAY_API not found"]),
    ],
)
def test_a_tensorflow_that_fails_or_ends_the_process_leaves_its_last_words_and_what_to_do(
    code, status, expected, tmp_path
):
    (tmp_path / "tensorflow.py").write_text(f"import ctypes, os, signal, sys\n{code}\n")
    result = subprocess.run(
        [sys.executable, "-m", "dcgan", "train" if "last words" in code else "generate"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr.replace(NATIVE, "")
    assert result.stderr.count("error: ") == 1
    for part in expected:
        assert part in result.stderr


def test_a_processor_without_avx_is_recognized(tmp_path):
    for flags, lacks in [
        ("flags\t: fpu sse2 ssse3", True),
        ("flags\t: fpu avx avx2", False),
        ("Features : x", False),
    ]:
        (tmp_path / "cpuinfo").write_text(f"processor : 0\n{flags}\n")
        assert lacks_avx(str(tmp_path / "cpuinfo")) == lacks
    assert not lacks_avx(str(tmp_path / "missing"))


@pytest.mark.slow
def test_an_import_that_succeeds_leaves_no_process_behind(capfd):
    code = (
        "import subprocess, sys; started = []; popen = subprocess.Popen\n"
        "def record(words, *arguments, **options):\n"
        "    process = popen(words, *arguments, **options)\n"
        "    started.extend([process] if 'crash_report' in str(words) else [])\n"
        "    return process\n"
        "subprocess.Popen = record\n"
        "import dcgan; dcgan.TrainConfig; assert not started\n"
        "from dcgan.core.imports import import_tensorflow; import_tensorflow(); import_tensorflow()\n"
        "assert [process.returncode for process in started] == [0]"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)
    assert capfd.readouterr() == ("", "")
