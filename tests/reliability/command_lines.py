"""Try thousands of command lines, with every option of every command: `python -m tests.reliability.command_lines`.

The values are made from the types and help texts of the options (`option_values.py`): zeros, negative, huge and
infinite numbers, empty and long texts, odd sizes, missing and wrong files, options twice, and pairs. A command line has
to do its job and exit with 0, or to exit with 2 and one line `error: …`, which for a single wrong value names the
option and the value. First, each one runs in a fork of a process that has not imported TensorFlow, and ends where it
would do so. Those that came so far run again in forks of a process that has, within limits of time and memory.
"""

import argparse
import contextlib
import importlib
import io
import os
import pkgutil
import re
import shlex
import shutil
import signal
import socket
import socketserver
import sys
import tempfile
import time
import traceback
import webbrowser
from collections import Counter
from collections.abc import Callable, Iterable
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np

import dcgan
from dcgan.cli import main as cli
from dcgan.core import imports
from dcgan.core.classes import Classes
from dcgan.core.printable import printable
from dcgan.runs import Run
from tests.reliability.option_values import BASES, CONFIG, CommandLine, command_lines
from tests.support.tiny_runs import make_images

WOULD_LOAD_TENSORFLOW = 77
"""Exit code of a process that is about to import TensorFlow."""

SECONDS, IDLE_SECONDS, GIB = 60, 30, 4
"""Limits of one command line: processor time, time without processor time, and memory."""

MAX_MESSAGE = 1000
"""Characters of an error's first line; a terminal has about 80 to 200 in a line."""


def main(arguments: list[str] | None = None) -> int:
    """Try the command lines; return 0 if each did its job or was refused with a message."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="seed of what is chosen at random")
    parser.add_argument("--values", type=int, help="number of values per option (default: all)")
    parser.add_argument("--pairs", type=int, default=1000, help="number of pairs of options")
    parser.add_argument("--only", default="", help="text that the command lines contain")
    parser.add_argument("--refusals-only", action="store_true", help="stop each one where it would load TensorFlow")
    parser.add_argument("--short", action="store_true", help="one option at a time, with two values")
    options = parser.parse_args(arguments)
    if options.short:
        options.values, options.pairs = 2, 0
    every = command_lines(options.seed, options.values, options.pairs)
    lines = [line for line in every if options.only in str(line) and (line.swept or not options.short)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        sweep = Sweep(Path(folder))
        _import_modules()
        rest = sweep.run(lines, before_tensorflow=True)
        if not options.refusals_only:
            _import_with_tensorflow(sweep)
            sweep.run(rest.values(), before_tensorflow=False)
    for reason, count in sorted(sweep.late.items(), key=lambda item: -item[1]):
        print(f"refused after TensorFlow, {count}: {reason}")
    ran = f"{sweep.done_late} were done and {sum(sweep.late.values())} refused"
    print(
        f"{len(lines) - sweep.failed} of {len(lines)} command lines survived: {sweep.refused} were refused and "
        f"{sweep.done} done without TensorFlow; of the {len(rest)} other sets of options, "
        f"{'none was run' if options.refusals_only else ran}; {time.monotonic() - began:.0f} s"
    )
    return 1 if sweep.failed else 0


class Sweep:
    """Runs command lines, and counts how they ended.

    Args:
        folder: an empty folder for the files that they work on.
    """

    def __init__(self, folder: Path):
        self.failed = self.refused = self.done = self.done_late = 0
        self.late: Counter[str] = Counter()
        self.template, self.work = folder / "template", folder / "box" / "work"
        self.output, self._parsed = folder / "output", folder / "parsed"
        _write_files(self.template)

    def run(self, lines: Iterable[CommandLine], before_tensorflow: bool) -> dict[str, CommandLine]:
        """Run command lines; print those that fail.

        Args:
            lines: the command lines.
            before_tensorflow: whether they end where TensorFlow would be imported.

        Returns:
            One command line for each set of options that came so far.
        """
        rest: dict[str, CommandLine] = {}
        for line in lines:
            code, output = self.run_one(line, before_tensorflow)
            if code == WOULD_LOAD_TENSORFLOW and before_tensorflow:
                rest.setdefault(self._parsed.read_text(), line)
            elif fault := fault_of(line, code, output, before_tensorflow):
                self.failed += 1
                print(f"{line}\n    {fault}\n    {output[-1500:].strip()}", flush=True)
            elif code == 2 and not before_tensorflow:
                self.late[_reason(output)] += 1
            else:
                self.refused += code == 2
                self.done += code == 0 and before_tensorflow
                self.done_late += code == 0 and not before_tensorflow
        return rest

    def run_one(self, line: CommandLine, before_tensorflow: bool) -> tuple[int | str, str]:
        """Return the exit code, or what else ended the process, and its standard error."""
        shutil.rmtree(self.work.parent, ignore_errors=True)
        shutil.copytree(self.template, self.work, symlinks=True)
        os.mkfifo(self.work / "pipe")
        (self.work / CONFIG).write_text(line.config, encoding="utf-8", errors="surrogatepass")
        code = run_in_child(lambda: self._run(line, before_tensorflow), self.work, self.output)
        return code, self.output.read_text(encoding="utf-8", errors="replace")

    def _run(self, line: CommandLine, before_tensorflow: bool) -> int:
        def parse(*arguments: object) -> object:
            config = original(*arguments)
            self._parsed.write_text(f"{config!r}", errors="surrogatepass")
            return config

        original, cli.parse = cli.parse, parse
        if before_tensorflow:
            imports._start_crash_report = lambda *descriptors: None
            sys.meta_path.insert(0, EndOfProcess())
        arguments = list(line.arguments)
        if line.program == "python -m dcgan":
            return cli.main(arguments)
        return cli.run_command(line.program.removesuffix(".py"), arguments, f"python {line.program}")


class EndOfProcess:
    """Ends the process where it would import TensorFlow or Keras."""

    def find_spec(self, name: str, *rest: object) -> ModuleSpec | None:
        """Find only these modules."""
        return ModuleSpec(name, self) if name in ("tensorflow", "keras") else None  # pyright: ignore

    def create_module(self, spec: ModuleSpec) -> None:
        """End the process."""
        os._exit(WOULD_LOAD_TENSORFLOW)

    def exec_module(self, module: object) -> None:
        """Never called; a loader has to have it."""


def run_in_child(function: Callable[[], int], folder: Path, output: Path) -> int | str:
    """Run a function in a forked process without network, within limits of time and memory.

    Args:
        function: returns the exit code.
        folder: its working directory, and its home.
        output: file for its standard error; standard output is discarded.

    Returns:
        The exit code, or what else ended the process.
    """
    child = os.fork()
    if not child:
        _be_the_child(function, folder, output)
    pause, used, last_used = 0.001, 0.0, time.monotonic()
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
        seconds, memory = _usage(child)
        if seconds > used:
            used, last_used = seconds, time.monotonic()
        idle = time.monotonic() - last_used > IDLE_SECONDS
        if seconds > SECONDS or memory > GIB * 2**30 or idle:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "waiting" if idle else f"{seconds:.0f} s of processor time, {memory / 2**30:.1f} GiB of memory"
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it started
    return os.waitstatus_to_exitcode(ended[1])


def _be_the_child(function: Callable[[], int], folder: Path, output: Path) -> None:
    code = 1
    try:
        os.setsid()
        errors = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(errors, 2)
        sys.stdout, sys.stderr = (io.TextIOWrapper(os.fdopen(fd, "wb", closefd=False), "utf-8") for fd in (1, 2))
        sys.stderr.reconfigure(errors="backslashreplace")
        os.chdir(folder)
        for name in ("HOME", "XDG_CACHE_HOME", "KERAS_HOME"):
            os.environ[name] = str(folder)
        socket.getaddrinfo = _no_network
        socketserver.BaseServer.serve_forever = _do_nothing  # `explore` would wait for a browser
        webbrowser.open = _do_nothing
        code = function()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def _no_network(*arguments: object, **options: object) -> None:
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def _do_nothing(*arguments: object) -> None:
    pass


def _usage(process: int) -> tuple[float, int]:
    """Return the seconds of processor time and the bytes of memory that a process uses; its children don't count."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0
    ticks, pages = int(fields[11]) + int(fields[12]), int(fields[21])
    return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE")


def fault_of(line: CommandLine, code: int | str, errors: str, before_tensorflow: bool) -> str:
    """Return what is wrong with the end of a command line; empty if nothing is.

    Args:
        line: the command line.
        code: its exit code, or what else ended it.
        errors: what it printed to standard error.
        before_tensorflow: whether TensorFlow was not imported; then a single wrong value has to be named.
    """
    if "Traceback" in errors:
        return "traceback"
    if code == 0:
        return ""
    if code != 2:
        return f"ended with {code}"
    messages = re.findall(r"^error: ?(.*)", errors, re.MULTILINE)
    if len(messages) != 1 or not messages[0].strip():
        return f"{len(messages)} messages"
    if len(messages[0]) > MAX_MESSAGE:
        return f"a message of {len(messages[0])} characters"
    if line.swept is not None and before_tensorflow and line.arguments[0] != "prepare":  # that reads its data already
        option, value = line.swept
        shown = [printable(value.strip()), repr(value)[1:-1], repr(os.fsencode(value))[2:-1]]
        shown += [printable(str(Path(value)))]
        has_value = any(text[:20] in errors for text in [*shown, *(repr(part) for part in value.split(","))])
        if option not in errors and not (has_value and line.names_path):
            return f"{option} is not named"
        if not has_value and set(re.findall(r"--[a-z][\w-]+", messages[0])) <= {option}:  # otherwise, a contradiction
            return "the value is not named"
    return ""


def _reason(errors: str) -> str:
    """Return the first line of an error, without what is given in it."""
    message = re.search(r"^error: (.*)", errors, re.MULTILINE)
    return re.sub(r"'[^']*'|[-+.\w/]*\d[-+.\w/]*", "…", message[1])[:120] if message else ""


def _write_files(folder: Path) -> None:
    """Write the files that the command lines name; the run has no networks yet."""
    make_images(folder / "images" / "a", 6)
    make_images(folder / "images" / "b", 7)
    (folder / "empty").mkdir()
    (folder / "loop").symlink_to("loop")
    shutil.make_archive(str(folder / "images"), "zip", folder / "images")
    np.save(folder / "images.npy", np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), np.uint8))
    (folder / "features.keras").touch()
    run = Run(folder / "run")
    run.samples_dir.mkdir(parents=True)
    shutil.copy(folder / "images" / "a" / "000.png", run.samples_dir / "step-00000001.png")
    run.generator_file.touch()
    run.save_classes(Classes(("a", "b"), (0.5, 0.5)))
    run.config_file.write_text("dataset: folder\ndata_dir: images\nimage_size: '8'\n")


def _import_modules() -> None:
    """Import the modules of the program that can be imported at this moment."""

    class Refusal(EndOfProcess):
        def create_module(self, spec: ModuleSpec) -> None:
            raise ImportError(spec.name)

    if refuse := "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, Refusal())
    for module in pkgutil.walk_packages(dcgan.__path__, "dcgan."):
        if module.name.rpartition(".")[2] != "__main__":
            with contextlib.suppress(ImportError):
                importlib.import_module(module.name)
    if refuse:
        sys.meta_path.pop(0)


def _import_with_tensorflow(sweep: "Sweep") -> None:
    """Import TensorFlow and what needs it, and let the run be a trained one."""
    imports.import_tensorflow()
    _import_modules()
    shutil.rmtree(sweep.template / "run")
    if run_in_child(_train, sweep.template, sweep.output):
        sys.exit(f"The run can't be trained:\n{sweep.output.read_text()}")


def _train() -> int:
    import keras

    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]
    keras.Sequential(layers).save("features.keras")
    return cli.run_command("train", [*shlex.split(BASES["train"][0]), "--run-dir=run", "--sample-every=1"], "train.py")


if __name__ == "__main__":
    sys.exit(main())
