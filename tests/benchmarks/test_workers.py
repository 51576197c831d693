"""The protocol between a benchmark and the worker processes of its baselines."""

import os

import pytest

from benchmarks.workers import ONEDNN, Baseline, WorkerError, start_workers
from tests.support.trivial_baseline import COUNTER, MODULE


def test_a_worker_returns_the_result_and_its_own_seconds(counter):
    result, seconds = counter.call("run", 20)
    assert result == 60
    assert seconds >= 0.02


def test_the_environment_is_the_default_one_unless_a_baseline_sets_variables(counter, monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    with start_workers([COUNTER, Baseline("with", f"{MODULE}Counter", environment=ONEDNN)]) as workers:
        values = [worker.call("variable", "TF_ENABLE_ONEDNN_OPTS")[0] for worker in workers]
    assert values == [None, "1"]
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"


def test_options_reach_the_baseline():
    with start_workers([Baseline("seven", f"{MODULE}Counter", {"items": 7})]) as (worker,):
        assert worker.call("run", 2)[0] == 14


@pytest.mark.parametrize(
    ("factory", "method", "error"),
    [
        (f"{MODULE}fail_to_build", "run", "ImportError: no such library"),
        ("no_such_module:any", "run", "ModuleNotFoundError: No module named 'no_such_module'"),
        (f"{MODULE}Counter", "fail", "ValueError: a first line"),
        (f"{MODULE}Counter", "exit", "its process ended with exit code 3"),
    ],
)
def test_the_first_failure_is_kept_as_one_line_and_raised_by_every_later_call(factory, method, error):
    with start_workers([Baseline("failing", factory)]) as (worker,):
        for called in (method, "steps_done"):
            with pytest.raises(WorkerError, match=error):
                worker.call(called)
        assert worker.error == error
