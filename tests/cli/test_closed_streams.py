"""Commands work without standard input, output and error, and without docstrings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dcgan.core import streams
from dcgan.core.streams import open_closed_streams, shows_progress
from tests.support.tiny_runs import make_images

CHECKOUT = Path(__file__).parents[2]
TINY = "--image-size 8 --batch-size 4 --steps 1 --compile none --generator-width 4 --discriminator-width 4"


def run(arguments: str, redirections: str = "", **environment: str) -> subprocess.CompletedProcess:
    """Run `python -m dcgan` through a shell, which can close streams."""
    line = f'"{sys.executable}" -m dcgan {arguments} {redirections}'
    variables = os.environ | {"PYTHONPATH": str(CHECKOUT)} | environment
    return subprocess.run(["sh", "-c", line], env=variables, capture_output=True, text=True)


@pytest.mark.parametrize("redirections", ["2>&-", ">&-", "<&- >&- 2>&-"])
def test_images_are_prepared_without_standard_streams(redirections, tmp_path):
    make_images(tmp_path / "images")
    line = f"prepare --dataset folder --data-dir {tmp_path}/images --image-size 8 --cache-dir {tmp_path}/cache"
    done = run(line, redirections)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "cache").glob("*/images.npy"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    ["generate --num 20 --out 1.npy --overwrite", f"train {TINY} --run-dir run", "export --format npz --overwrite"],
)
def test_commands_with_progress_bars_and_native_output_work_without_standard_streams(command):
    for redirections in ("2>&-", "<&- >&- 2>&-"):
        done = run(command, redirections)
        assert done.returncode == 0, done.stderr


def test_an_error_without_standard_error_still_has_its_exit_code():
    assert run("prepare --dataset folder", "2>&-").returncode == 2


@pytest.mark.parametrize("unwritable", ["2>/dev/full", "2>&1 >/dev/null | true"])
def test_messages_that_can_not_be_written_change_no_exit_code(unwritable, tmp_path):
    """The first process of the pipe waits until its end can't be read any more."""
    make_images(tmp_path / "images")
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    good = f"prepare --dataset folder --data-dir {tmp_path}/images --image-size 8 --cache-dir {tmp_path}/cache"
    for arguments, code in (("prepare --dataset folder", 2), (good, 0), (good, 0)):
        line = f'{{ sleep 0.2; "{sys.executable}" -m dcgan {arguments}; echo $? >{tmp_path}/code; }} {unwritable}'
        variables = os.environ | {"PYTHONPATH": str(CHECKOUT)}
        subprocess.run(["sh", "-c", line], env=variables, stdout=subprocess.DEVNULL, check=False)
        assert (tmp_path / "code").read_text() == f"{code}\n"


def test_streams_that_are_closed_are_opened_and_others_stay():
    code = (
        "import os, sys; from dcgan.core.streams import open_closed_streams, shows_progress\n"
        "before = sys.stdout; assert sys.stderr is None and not shows_progress()\n"
        "open_closed_streams(); open_closed_streams(); assert sys.stdout is before and not shows_progress()\n"
        "assert os.fstat(2).st_rdev == os.stat(os.devnull).st_rdev; print('é', file=sys.stderr); print(1)\n"
    )
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -c "$1" 2>&-', "sh", code], cwd=CHECKOUT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "1\n")


def test_a_process_without_streams_of_python_gets_them(monkeypatch):
    """`pythonw` has open file descriptors and no `sys.stderr`."""
    monkeypatch.setattr(streams.sys, "stderr", None)
    assert not shows_progress()
    open_closed_streams()
    with sys.stderr as file:
        assert file.write("é\ud800\n") == 3


@pytest.mark.parametrize("optimize", ["1", "2"])
def test_options_work_without_docstrings_and_help_says_why_it_is_poorer(optimize, tmp_path):
    make_images(tmp_path / "images")
    line = f"prepare --dataset folder --data-dir {tmp_path}/images --image-size 8 --cache-dir {tmp_path}/cache"
    done = run(line, PYTHONOPTIMIZE=optimize)
    assert done.returncode == 0, done.stderr
    for arguments in ("--help", "train --help", "generate --help"):
        done = run(arguments, PYTHONOPTIMIZE=optimize)
        assert done.returncode == 0, done.stderr
        assert "Config(" not in done.stdout
        assert ("no description" in done.stdout) == (optimize == "2" and arguments != "--help")
