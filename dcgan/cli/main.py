"""The commands. A command's heavy modules are imported only when it runs."""

import contextlib
import importlib
import io
import signal
import sys
import threading
from collections.abc import Iterator, Sequence

from dcgan import config
from dcgan.config.parser import parse
from dcgan.core.errors import UserError
from dcgan.core.tensorflow_import import silence_stdout, was_interrupted

COMMANDS = {
    "prepare": (config.PrepareConfig, "dcgan.data:prepare"),
    "train": (config.TrainConfig, "dcgan.judged:train"),
    "generate": (config.GenerateConfig, "dcgan.sampling:generate"),
    "evaluate": (config.EvaluateConfig, "dcgan.evaluation:evaluate"),
    "project": (config.ProjectConfig, "dcgan.sampling.project:project"),
    "turn": (config.EditConfig, "dcgan.evaluation.edit:turn"),
    "drop": (config.DropConfig, "dcgan.evaluation.ablate:drop"),
    "explain": (config.ExplainConfig, "dcgan.interpretation:explain"),
    "export": (config.ExportConfig, "dcgan.export:export"),
}
"""Each command's options and the function that runs it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m dcgan COMMAND …`; returns the exit code."""
    _print_anything()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments and arguments[0] in COMMANDS:
        return run(arguments[0], arguments[1:], f"python -m dcgan {arguments[0]}")
    if arguments in (["-h"], ["--help"]):
        print(_overview(), end="")
        return 0
    wrong = f"there is no command {arguments[0]!r}" if arguments else "a command is missing"
    print(f"error: {wrong}.\n{_overview()}", end="", file=sys.stderr)
    return 2


def run(command: str, arguments: Sequence[str] | None = None, prog: str = "") -> int:
    """Run one command and turn what can go wrong into an exit code.

    Args:
        command: a key of `COMMANDS`.
        arguments: its options; by default the process' own.
        prog: what the user typed, for the usage line.

    Returns:
        0 when it did what was asked, 2 after a mistake of the user's, 130 when it was interrupted.
    """
    _print_anything()
    kind, home = COMMANDS[command]
    try:
        options = parse(kind, list(sys.argv[1:] if arguments is None else arguments), prog or f"{command}.py")
        module, name = home.split(":")
        with _terminated_as_interrupted():
            getattr(importlib.import_module(module), name)(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        silence_stdout()
        return 0
    except OSError as error:  # what no module below had better words for
        print(f"error: {error.filename or 'Input or output failed'}: {error.strerror or error}.", file=sys.stderr)
        return 2
    except Exception as error:
        if not was_interrupted(error):
            raise
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _print_anything() -> None:
    """Let standard output show what its encoding lacks as `\\xe9`, as standard error does: names may hold anything."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM unwind the program as Ctrl-C does, so that what is half written is cleaned up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _overview() -> str:
    """What `python -m dcgan --help` says."""
    lines = [f"  {name:10}{(kind.__doc__ or '').splitlines()[0]}" for name, (kind, _) in COMMANDS.items()]
    return _OVERVIEW.format(commands="\n".join(lines))


_OVERVIEW = """\
usage: python -m dcgan COMMAND [options]

Train a DCGAN, a pair of networks of which one learns to draw pictures like yours, and look into it.

To begin with:
  python -m dcgan train                                       digits that come with the program; minutes on a CPU
  python -m dcgan train --dataset folder --data-dir PICTURES  your own pictures
  python -m dcgan generate                                    draw from what was trained last

commands:
{commands}

`python -m dcgan COMMAND --help` lists a command's options. A training is kept in a folder of its own, its run: by
default one under checkpoints/; all other commands take the newest, or `--run-dir`. `python train.py` and
`python generate.py` are short for two of them.
"""
