"""Signals that come while native code runs, which Python would handle after it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PROGRAM = """
import hashlib, os, signal, sys, time
import dcgan.core.signal_watch as watch
from dcgan.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores Ctrl-C
watch.FIRST_GRACE = watch.SECOND_GRACE = 0.2
command, begun = sys.argv[1], sys.argv[2] == "begun"

def long(options):
    if begun:
        watch.something_to_save()
    print("not flushed", end="")
    sys.stderr.write("ready\\n")
    sys.stderr.flush()
    for _ in range(30):
        hashlib.pbkdf2_hmac("sha256", b"", b"", int(sys.argv[3]))  # about a second per million, in one call

main.COMMANDS[command] = (main.COMMANDS[command][0], long)
sys.exit(main.main([command]))
"""


def start(command, when, rounds):
    arguments = [sys.executable, "-c", PROGRAM, command, when, str(rounds)]
    process = subprocess.Popen(arguments, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline() == "ready\n"
    time.sleep(0.2)
    return process


@pytest.fixture
def started():
    processes = []

    def run(*arguments):
        processes.append(start(*arguments))
        return processes[-1]

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def test_sigterm_ends_a_training_that_has_nothing_to_save(started):
    process = started("train", "new", 2_000_000_000)
    process.terminate()
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "not flushed")
    assert errors == "Stopped before a step was done, with nothing to save. The same command continues.\n"


@pytest.mark.parametrize(("command", "when"), [("train", "begun"), ("prepare", "new")])
def test_a_second_signal_ends_a_command_that_a_first_one_does_not(started, command, when):
    process = started(command, when, 2_000_000_000)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "interrupted\n")


@pytest.mark.parametrize(("command", "code"), [("train", 0), ("prepare", 130)])
def test_sigterm_between_native_calls_ends_a_training_with_0_and_other_commands_with_130(started, command, code):
    process = started(command, "begun", 500_000)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (code, "interrupted\n")
