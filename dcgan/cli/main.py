"""The command line: `dcgan COMMAND …`, `python -m dcgan COMMAND …`, `python train.py …` and `python generate.py …`."""

import contextlib
import io
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import dcgan
from dcgan.cli.commands import COMMANDS
from dcgan.cli.terminal import EscapedErrorStream, EscapedStream
from dcgan.config.parser import docstring, parse
from dcgan.core.argument_names import options_are_typed
from dcgan.core.errors import UserError, first_line, ran_out_of_memory
from dcgan.core.imports import silence_stdout, was_interrupted
from dcgan.core.signal_watch import watch_signals
from dcgan.core.streams import open_closed_streams
from dcgan.core.system_errors import remedy


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names.

    Args:
        arguments: command and options; by default those of the process.

    Returns:
        The exit code; see `run_command`.
    """
    _escape_output()
    prog = "dcgan" if Path(sys.argv[0]).stem == "dcgan" else "python -m dcgan"
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments and arguments[0] in COMMANDS:
        return run_command(arguments[0], arguments[1:], f"{prog} {arguments[0]}")
    if arguments in (["-h"], ["--help"]):
        print(_overview(prog), end="")
        return 0
    if arguments == ["--version"]:
        print(f"dcgan {dcgan.__version__}")
        return 0
    problem = f"there is no command {arguments[0]!r}" if arguments else "a command is missing"
    print(f"error: {problem}.\n{_overview(prog)}", end="", file=sys.stderr)
    return 2


def run_command(command: str, arguments: Sequence[str], prog: str) -> int:
    """Run a command and turn its errors into an exit code.

    Args:
        command: a key of `COMMANDS`.
        arguments: the options.
        prog: program and command for the usage line, for example `"dcgan train"`.

    Returns:
        0 on success, 2 after a mistake of the user or a failed input or output, 130 after an interrupt. A training that
        gets SIGTERM has saved what there was to save, and returns 0 at any time.
    """
    _escape_output()
    with options_are_typed(), watch_signals(may_end=command == "train") as signals:
        code = _run(command, arguments, prog)
    if code == 130 and command == "train" and signals == [signal.SIGTERM]:
        return 0
    return code


def _run(command: str, arguments: Sequence[str], prog: str) -> int:
    """Run a command and return its exit code, 130 after any interrupt."""
    config_class, function = COMMANDS[command]
    try:
        options = parse(config_class, list(arguments), prog)
        with _sigterm_as_interrupt():
            function(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        silence_stdout()
        return 0
    except OSError as error:  # not explained by the modules below
        problem = f"{error.filename or 'Input or output failed'}: {error.strerror or error}."
        print(f"error: {UserError(problem, remedy(error, writing=None))}", file=sys.stderr)
        return 2
    except Exception as error:
        if ran_out_of_memory(error):  # training says more
            print(f"error: Memory ran out: {first_line(error)}\n{MEMORY_HINT}", file=sys.stderr)
            return 2
        if not was_interrupted(error):
            raise
        print("interrupted", file=sys.stderr)
        return 130
    return 0


MEMORY_HINT = "Close other programs that use the device, or use --device cpu if it is the GPU's memory."


def _escape_output() -> None:
    """Print what standard output can't encode as `\\xe9`, as standard error does, and control characters as `\\x1b`."""
    open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
        sys.stdout = EscapedStream(sys.stdout)
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = EscapedErrorStream(sys.stderr)


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt as Ctrl-C does, so that temporary files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _overview(prog: str) -> str:
    """Return the help of the program: the commands, with the first docstring line of each config class."""
    summaries = {name: docstring(options).partition("\n")[0] for name, (options, _) in COMMANDS.items()}
    lines = [f"  {name:10}{summary}".rstrip() for name, summary in summaries.items()]
    return _OVERVIEW.format(prog=prog, commands="\n".join(lines))


_OVERVIEW = """\
usage: {prog} COMMAND [options]

Train a DCGAN (deep convolutional generative adversarial network) on your own images, and understand it.

Examples:
  {prog} train                                     train on MNIST digits; takes minutes on a CPU
  {prog} train --dataset folder --data-dir IMAGES  train on your own images
  {prog} generate                                  generate images from the newest run

commands:
{commands}

options:
  -h, --help  show this help message and exit
  --version   show the version and exit

`{prog} COMMAND --help` lists a command's options. A training writes to a run directory, by default below
checkpoints/. The other commands use the newest run, or the one that --run-dir names.
"""
