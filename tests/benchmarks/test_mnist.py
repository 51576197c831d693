"""Time to the same result."""

import pytest

from benchmarks import mnist
from benchmarks.workers import Baseline

CURVES = {"ours": [(10.0, 50.0), (20.0, 19.0)], "tutorial": [(10.0, 90.0), (20.0, 20.0)]}


def test_both_are_timed_to_where_the_tutorial_ends():
    assert mnist.reached(CURVES["ours"], 20.0) == 20.0
    assert mnist.reached(CURVES["tutorial"], 1.0) is None
    assert "tutorial / ours: 1.00" in mnist.race_table(CURVES)


def test_both_train_for_the_budget_in_turns(monkeypatch):
    monkeypatch.setattr(mnist, "OURS", Baseline("ours", "tests.support.trivial_baseline:Learner", {"speed": 1000}))
    monkeypatch.setattr(
        mnist, "TUTORIAL", Baseline("tutorial", "tests.support.trivial_baseline:Learner", {"speed": 1})
    )
    monkeypatch.setattr(mnist, "DISTANCE", Baseline("distance", "tests.support.trivial_baseline:Judge"))
    curves = mnist.race(0.2, 0.05, 3)
    assert len(curves["ours"]) == len(curves["tutorial"]) >= 3
    assert curves["ours"][-1][0] == pytest.approx(0.2, abs=0.1)
    assert mnist.reached(curves["ours"], curves["tutorial"][-1][1]) == curves["ours"][0][0]


def test_a_side_that_fails_ends_the_race_in_words(monkeypatch, capsys):
    monkeypatch.setattr(mnist, "OURS", Baseline("ours", "tests.support.trivial_baseline:Learner", {"speed": 1}))
    monkeypatch.setattr(
        mnist, "TUTORIAL", Baseline("tutorial", "tests.support.trivial_baseline:Learner", {"speed": 1})
    )
    monkeypatch.setattr(mnist, "DISTANCE", Baseline("distance", "tests.support.trivial_baseline:broken"))
    mnist.main(["--rounds", "0", "--budget", "0.001", "--slice", "0.01"])
    assert "no comparison of results: ImportError: no such library" in capsys.readouterr().out
