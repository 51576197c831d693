"""Keep XLA's choice of GPU kernels from one process to the next.

XLA measures several kernels for each matrix product or convolution of a program and takes the fastest, which may be
another one the next time, with other rounding. Every process here begins with the choices that earlier ones made, so
that the same run gives the same bytes, and compiles in a third of the time (DCGAN-64 on one H200: 14 s after 46 s).
XLA's own switch for deterministic operations would take the first kernel instead of the fastest.
"""

import atexit
import functools
import importlib.metadata
import os
import re
import secrets
import tempfile
from pathlib import Path

import platformdirs
from filelock import FileLock

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError

_OWN_PREFIX = "dcgan-autotuning-"

_RESULT = re.compile(r"^results \{\n.*?^\}\n", re.MULTILINE | re.DOTALL)
_HEADER = re.compile(r"version: \d+\n")
_KEY = re.compile(r"^  (?:device|hlo): .*$", re.MULTILINE)
"""What was measured: the card and the operation. The choice follows in the same block."""


def keep_autotuning_results() -> None:
    """Have XLA begin with the kernels that earlier processes chose, and cuDNN use deterministic algorithms only.

    It sets environment variables, which TensorFlow reads once: call it before TensorFlow is imported. Values that the
    user has set are kept: with `--xla_gpu_load_autotune_results_from` or `--xla_gpu_dump_autotune_results_to` in
    `XLA_FLAGS` nothing is stored here. Those of a parent process are replaced.
    """
    os.environ.setdefault("TF_CUDNN_DETERMINISTIC", "1")
    os.environ.setdefault("TF_CUDNN_USE_AUTOTUNE", "0")  # of operations outside of XLA's programs
    known = _known_file()
    flags = [f for f in os.environ.get("XLA_FLAGS", "").split() if _OWN_PREFIX not in f and str(known) not in f]
    if any("autotune_results" in flag for flag in flags):
        return
    added = [f"--xla_gpu_dump_autotune_results_to={_own_file()}"]
    if _read_results(known):  # XLA ends the first step with an error if it can't read the file
        added.append(f"--xla_gpu_load_autotune_results_from={known}")
    if not any(" " in flag for flag in added):  # a space would end the flag
        os.environ["XLA_FLAGS"] = " ".join([*flags, *added])


def store_autotuning_results() -> None:
    """Add what this process measured to what earlier ones did; call it after the first compiled step.

    Nothing happens where XLA has measured nothing, or the cache folder can't be written.
    """
    try:
        if not (measured := _read_results(_own_file())):
            return
        known_file = _known_file()
        known_file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{known_file}.lock"):
            known = _read_results(known_file)
            merged = merge_results(known, measured)
            if merged != known:
                with atomic_write(known_file) as path:
                    path.write_text(merged, encoding="utf-8")
    except (OSError, UserError):
        return


def merge_results(known: str, measured: str) -> str:
    """Return the results of two files in XLA's text format; where both have one for an operation, the known one.

    Args:
        known: content of the file that is kept; empty for none.
        measured: content of the file that one process wrote.
    """
    results = {tuple(_KEY.findall(result)): result for text in (measured, known) for result in _RESULT.findall(text)}
    header = _RESULT.sub("", known or measured)
    return header + "".join(results[key] for key in sorted(results))


def _read_results(file: Path) -> str:
    """Return the content of a file of results; empty if it does not exist or is not one from its first line to its
    last."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return text if _HEADER.fullmatch(_RESULT.sub("", text)) else ""


def _known_file() -> Path:
    """Return the file with the choices of all processes; another version of TensorFlow could not read it."""
    folder = Path(platformdirs.user_cache_dir("dcgan", appauthor=False)) / "autotuning"
    return folder / f"tensorflow-{importlib.metadata.version('tensorflow')}.pbtxt"


@functools.cache
def _own_file() -> Path:
    """Return the file that XLA writes in this process; it is removed at its end."""
    file = Path(tempfile.gettempdir()) / f"{_OWN_PREFIX}{secrets.token_hex(8)}.pbtxt"
    atexit.register(file.unlink, missing_ok=True)
    return file
