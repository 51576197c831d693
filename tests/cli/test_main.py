"""The output and the exit codes of the commands."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

import dcgan
from dcgan.cli import main
from dcgan.cli.commands import COMMANDS
from dcgan.core.errors import UserError

CHECKOUT = Path(__file__).parents[2]


def test_help_lists_the_commands(capsys):
    assert main.main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {command} " in printed for command in COMMANDS)


def test_usage_lines_show_how_the_program_was_called(monkeypatch, capsys):
    for program, shown in [("/bin/dcgan", "dcgan"), ("/lib/dcgan/__main__.py", "python -m dcgan")]:
        monkeypatch.setattr(sys, "argv", [program])
        main.main(["--help"])
        assert capsys.readouterr().out.startswith(f"usage: {shown} COMMAND")
        with pytest.raises(SystemExit):
            main.main(["prepare", "--help"])
        assert capsys.readouterr().out.startswith(f"usage: {shown} prepare [options]")


def test_the_version_is_that_of_the_package(capsys):
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out == f"dcgan {dcgan.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["trian"]])
def test_a_missing_and_an_unknown_command_end_with_code_2_and_the_list_of_commands(arguments, capsys):
    assert main.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "commands:" in printed.err


def test_a_user_error_ends_with_code_2_and_two_lines_without_a_traceback(capsys):
    assert main.main(["train", "--steps", "none"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("error: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["train"],
        ["generate"],
        ["generate", "--stages"],
        ["evaluate"],
        ["explain"],
        ["project", "--images", "image.png"],
        ["edit", "--toward", "slant"],
        ["export", "--format", "npz"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_every_command_that_computes_selects_its_device(arguments, monkeypatch, capsys):
    from dcgan.core import devices
    from dcgan.training import loop

    def refuse(device):
        raise UserError(f"no {device} here")

    monkeypatch.setattr(devices, "select_device", refuse)
    monkeypatch.setattr(loop, "select_device", refuse)
    Image.new("L", (28, 28)).save("image.png")
    assert main.main([*arguments, "--device", "gpu:1"]) == 2
    assert "no gpu:1 here" in capsys.readouterr().err


def test_an_unknown_device_is_refused_with_those_that_exist(capsys):
    assert main.main(["train", "--device", "tpu"]) == 2
    assert "--device takes auto, cpu, gpu, or gpu:1 for one of several GPUs, not 'tpu'." in capsys.readouterr().err


def test_an_interrupt_ends_with_code_130(monkeypatch, capsys):
    def interrupt(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("dcgan.data.prepare", interrupt)
    assert main.main(["prepare"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_sigterm_runs_cleanup_and_restores_the_previous_handler(monkeypatch, capsys):
    before = signal.getsignal(signal.SIGTERM)
    cleaned = []

    def terminate(options):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            cleaned.append(True)

    monkeypatch.setattr("dcgan.data.prepare", terminate)
    assert main.main(["prepare"]) == 130
    assert cleaned == [True]
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("name", ["some/log.jsonl", 10_000 * "1,"])
def test_an_os_error_names_the_file_and_what_mends_it(monkeypatch, capsys, name):
    def fail(options):
        raise PermissionError(errno.EACCES, "Permission denied", name)

    monkeypatch.setattr("dcgan.data.prepare", fail)
    assert main.main(["prepare"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"error: {name[:50]}")
    assert printed.endswith(": Permission denied.\nCheck the permissions of the file and its folder.\n")
    assert len(printed) < 200


WRAPPED = """
import sys
class Descriptor:
    def __set_name__(self, owner, name):
        raise KeyboardInterrupt
class Owner:
    descriptor = Descriptor()
"""
"""Python 3.11 makes a RuntimeError of this."""


def test_an_interrupt_that_an_import_wraps_still_ends_with_code_130(monkeypatch, capsys):
    def fail_to_import(options):
        try:
            exec(WRAPPED, {"__name__": "library"})
        except RuntimeError as error:
            raise ImportError("no library") from error

    monkeypatch.setattr("dcgan.data.prepare", fail_to_import)
    assert main.main(["prepare"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_an_unexpected_error_keeps_its_traceback(monkeypatch):
    def fail(options):
        raise RuntimeError("a bug")

    monkeypatch.setattr("dcgan.data.prepare", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        main.main(["prepare"])


@pytest.mark.parametrize("arguments", [["train", "--help"], ["prepare", "--dataset", "folder", "--data-dir", "café"]])
def test_help_and_file_names_can_be_printed_to_an_ascii_terminal(arguments, tmp_path):
    for name in "thé", "lait":
        (tmp_path / "café" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "café" / name / "1.png")
    for settings in {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}:
        result = subprocess.run(
            [sys.executable, "-m", "dcgan", *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(CHECKOUT), "XDG_CACHE_HOME": str(tmp_path / "kéep")} | settings,
            capture_output=True,
        )
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("script", ["train.py", "generate.py"])
def test_the_scripts_have_the_options_of_their_commands(script):
    command = script.removesuffix(".py")
    from_script = subprocess.run(
        [sys.executable, script, "--print-config"], cwd=CHECKOUT, check=True, capture_output=True, text=True
    )
    from_module = subprocess.run(
        [sys.executable, "-m", "dcgan", command, "--print-config"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert from_script.stdout == from_module.stdout != ""


def test_every_public_name_can_be_imported():
    for name in dcgan.__all__:
        assert getattr(dcgan, name) is not None
    assert not hasattr(dcgan, "nonsense")


@pytest.mark.parametrize("arguments", [["--help"], ["--print-config"], ["--steps", "0"]])
def test_the_command_line_answers_without_importing_tensorflow(arguments):
    code = (
        "import sys; from dcgan.cli.main import main\n"
        f"try: main({['train', *arguments]})\n"
        "except SystemExit: pass\n"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'PIL'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=True, capture_output=True)


def test_importing_the_package_does_not_import_tensorflow():
    code = "import sys, dcgan; dcgan.TrainConfig; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=True)


@pytest.mark.parametrize("error", [MemoryError("no more"), type("ResourceExhaustedError", (Exception,), {})("no more")])
def test_memory_that_runs_out_in_any_command_is_reported_without_a_traceback(error, monkeypatch, capsys):
    def fail(_config):
        raise error

    options, _ = COMMANDS["generate"]
    monkeypatch.setitem(COMMANDS, "generate", (options, fail))
    assert main.main(["generate"]) == 2
    assert capsys.readouterr().err == f"error: Memory ran out: no more\n{main.MEMORY_HINT}\n"
