"""What the commands print, and the exit codes they end with."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from dcgan.cli import main
from dcgan.core.errors import UserError

CHECKOUT = Path(__file__).parents[2]


def test_help_lists_the_commands(capsys):
    assert main.main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {command} " in printed for command in main.COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["trian"]])
def test_no_command_and_an_unknown_one_end_with_code_2_and_the_list(arguments, capsys):
    assert main.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "commands:" in printed.err


def test_a_mistake_ends_with_code_2_and_two_lines_without_a_traceback(capsys):
    assert main.main(["train", "--steps", "none"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("error: ")


def test_an_interrupt_ends_with_code_130(monkeypatch, capsys):
    def interrupt(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("dcgan.data.prepare", interrupt)
    assert main.main(["prepare"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_sigterm_unwinds_the_program_and_leaves_the_handler_as_it_was(monkeypatch, capsys):
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


def test_an_error_of_the_system_is_one_line_that_names_the_file(monkeypatch, capsys):
    def fail(options):
        raise PermissionError(errno.EACCES, "Permission denied", "some/log.jsonl")

    monkeypatch.setattr("dcgan.data.prepare", fail)
    assert main.main(["prepare"]) == 2
    assert capsys.readouterr().err == "error: some/log.jsonl: Permission denied.\n"


WRAPPED = """
import sys
class Descriptor:
    def __set_name__(self, owner, name):
        raise KeyboardInterrupt
class Owner:
    descriptor = Descriptor()
"""
"""Python 3.11 makes a RuntimeError of this."""


def test_an_interrupt_that_an_import_wraps_is_still_one(monkeypatch, capsys):
    def imports(options):
        try:
            exec(WRAPPED, {"__name__": "library"})
        except RuntimeError as error:
            raise ImportError("no library") from error

    monkeypatch.setattr("dcgan.data.prepare", imports)
    assert main.main(["prepare"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_what_is_no_interrupt_and_no_mistake_keeps_its_traceback(monkeypatch):
    def fail(options):
        raise RuntimeError("a bug")

    monkeypatch.setattr("dcgan.data.prepare", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        main.main(["prepare"])


@pytest.mark.parametrize("arguments", [["train", "--help"], ["prepare", "--dataset", "folder", "--data-dir", "café"]])
def test_everything_can_be_printed_where_the_terminal_knows_ascii_alone(arguments, tmp_path):
    for kind in "thé", "lait":
        (tmp_path / "café" / kind).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "café" / kind / "1.png")
    for settings in {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}:
        result = subprocess.run(
            [sys.executable, "-m", "dcgan", *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(CHECKOUT), "XDG_CACHE_HOME": str(tmp_path / "kéep")} | settings,
            capture_output=True,
        )
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("door", ["train.py", "generate.py"])
def test_the_doors_have_the_options_of_their_commands(door):
    command = door.removesuffix(".py")
    through_door = subprocess.run(
        [sys.executable, door, "--print-config"], cwd=CHECKOUT, check=True, capture_output=True, text=True
    )
    through_module = subprocess.run(
        [sys.executable, "-m", "dcgan", command, "--print-config"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert through_door.stdout == through_module.stdout != ""


def test_every_public_name_can_be_imported():
    import dcgan

    for name in dcgan.__all__:
        assert getattr(dcgan, name) is not None
    assert not hasattr(dcgan, "nonsense")


def test_a_user_error_is_its_problem_and_its_hint():
    assert str(UserError("The cat is gone.", "Look on the roof.")) == "The cat is gone.\nLook on the roof."
    assert str(UserError("The cat is gone.")) == "The cat is gone."
