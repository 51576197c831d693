"""The protocol between the command and its baselines."""

import os

import pytest

from benchmarks.timing import Rate, alternate
from benchmarks.workers import ONEDNN, Baseline, WorkerFailed, started

COUNTER = Baseline("counter", "tests.support.trivial_baseline:Counter")


@pytest.fixture(scope="module")
def counter():
    with started([COUNTER]) as (worker,):
        yield worker


def test_a_worker_returns_the_result_and_its_own_seconds(counter):
    result, seconds = counter.ask("run", 20)
    assert result == 60
    assert seconds >= 0.02


def test_the_environment_is_the_default_one_unless_a_contestant_asks(counter, monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    with started(
        [COUNTER, Baseline("with", "tests.support.trivial_baseline:Counter", environment=ONEDNN)]
    ) as workers:
        seen = [worker.ask("variable", "TF_ENABLE_ONEDNN_OPTS")[0] for worker in workers]
    assert seen == [None, "1"]
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"


def test_options_reach_the_contestant():
    with started([Baseline("dear", "tests.support.trivial_baseline:Counter", {"worth": 7})]) as (worker,):
        assert worker.ask("run", 2)[0] == 14


@pytest.mark.parametrize(
    ("home", "method", "error"),
    [
        ("tests.support.trivial_baseline:broken", "run", "ImportError: no such library"),
        ("no_such_module:any", "run", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("tests.support.trivial_baseline:Counter", "fail", "ValueError: a first line"),
        ("tests.support.trivial_baseline:Counter", "die", "its process ended with exit code 3"),
    ],
)
def test_a_failure_is_a_line_of_text_and_stays(home, method, error):
    with started([Baseline("failing", home)]) as (worker,):
        for asked in (method, "done"):
            with pytest.raises(WorkerFailed, match=error):
                worker.ask(asked)
        assert worker.error == error


def test_everybody_has_a_turn_each_round_and_a_failed_one_is_none():
    order = []

    def measure(worker):
        order.append(worker.name)
        return Rate(0.01)(worker)

    failing = Baseline("failing", "tests.support.trivial_baseline:broken")
    with started(
        [COUNTER, failing, Baseline("dear", "tests.support.trivial_baseline:Counter", {"worth": 7})]
    ) as workers:
        taken = alternate(workers, 2, measure)
    assert order == ["counter", "failing", "dear", "failing", "dear", "counter"]
    assert taken["failing"] == [None, None]
    assert all(value > 0 for value in taken["counter"] + taken["dear"])


def test_a_measurement_lasts_about_as_long_as_asked(counter):
    rate = Rate(0.05)
    rate(counter)
    before = counter.ask("done")[0]
    rate(counter)
    assert 10 <= counter.ask("done")[0] - before <= 60  # of a millisecond and what sleeping adds
