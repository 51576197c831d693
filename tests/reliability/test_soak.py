"""Hours of training grow nothing: what `tests.reliability.soak` reads and how it decides, and a run of seconds."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.reliability import soak
from tests.reliability.soak import Reading, problems_of, report

STEADY = [Reading(60.0 * n, 59.0 * n, 500.0 + n % 3, 6, 24, 600 * n) for n in range(10, 130)]


def changed(**change):
    """Return the readings with another value of some fields, a function of the index."""
    return [replace(reading, **{name: value(i) for name, value in change.items()}) for i, reading in enumerate(STEADY)]


def test_a_steady_training_has_no_problems(capsys):
    assert report(STEADY) == 0
    assert "120 readings in 119 minutes, steps 6000 to 77400: memory 501 to 500 MiB (+0.00%)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("readings", "problem"),
    [
        (changed(memory=lambda i: 500 + 0.06 * i), "memory grew by 1.2%"),
        (changed(files=lambda i: 6 + i // 60), "files grew from 6 to 7"),
        (changed(threads=lambda i: 24 + i // 60), "threads grew from 24 to 25"),
        (changed(step=lambda i: int(600 * i * (1 - i / 2000))), "speed fell from 10.0 to 9.2"),
    ],
)
def test_growth_is_noticed(readings, problem, capsys):
    found = problems_of(readings)
    assert len(found) == 1
    assert found[0].startswith(problem.split(" from ")[0])
    assert report(readings) == 1
    assert found[0] in capsys.readouterr().out


def test_memory_of_moments_does_not_count():
    assert not problems_of(changed(memory=lambda i: 900 if i % 10 == 9 else 500))


def test_few_readings_decide_nothing():
    assert report(STEADY[:5]) == 1


def test_reads_this_process():
    with Path(os.devnull).open():
        before = soak.read(os.getpid(), 0, 0)
        with Path(os.devnull).open():
            assert soak.read(os.getpid(), 0, 0).files == before.files + 1
    block = b"x" * (64 << 20)
    assert 60 < soak.read(os.getpid(), 0, 0).memory - before.memory < 80
    assert len(block) == 64 << 20


@pytest.mark.slow
def test_watches_a_training(tmp_path, capfd):
    tiny = "--generator-width 4 --discriminator-width 4 --latent-dim 4 --batch-size 8 --steps 100000 --log-every 1"
    options = ["--minutes", "0.15", "--interval", "0.5", "--warm-up", "0", "--run-dir", str(tmp_path / "run")]
    soak.main([*options, "--", *tiny.split(), "--compile", "none"])
    readings = [json.loads(line) for line in (tmp_path / "run-soak.jsonl").read_text().splitlines()]
    assert readings[-1]["step"] > 0
    assert readings[-1]["memory"] > 100
    assert "steps per processor second" in capfd.readouterr().out
