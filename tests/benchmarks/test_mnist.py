"""Time to the same result, on baselines whose progress is known."""

import pytest

from benchmarks import mnist
from benchmarks.workers import Baseline

MODULE = "tests.support.trivial_baseline:"
CURVES = {"ours": [(10.0, 50.0), (20.0, 19.0)], "tutorial": [(10.0, 90.0), (20.0, 20.0)]}


def use_baselines(monkeypatch, our_speed, distance):
    monkeypatch.setattr(mnist, "OURS", Baseline("ours", f"{MODULE}Learner", {"speed": our_speed}))
    monkeypatch.setattr(mnist, "TUTORIAL", Baseline("tutorial", f"{MODULE}Learner", {"speed": 1}))
    monkeypatch.setattr(mnist, "DISTANCE", Baseline("distance", f"{MODULE}{distance}"))


def test_both_are_timed_to_the_distance_with_which_the_tutorial_ends():
    assert mnist.seconds_to_distance(CURVES["ours"], 20.0) == 20.0
    assert mnist.seconds_to_distance(CURVES["tutorial"], 1.0) is None
    assert "tutorial / ours: 1.00" in mnist.results_table(CURVES)


def test_both_train_for_the_budget_in_alternating_slices(monkeypatch):
    use_baselines(monkeypatch, our_speed=1000, distance="MeanDistance")
    curves = mnist.compare_results(0.2, 0.05, 3)
    assert len(curves["ours"]) == len(curves["tutorial"]) >= 3
    assert curves["ours"][-1][0] == pytest.approx(0.2, abs=0.1)
    assert mnist.seconds_to_distance(curves["ours"], curves["tutorial"][-1][1]) == curves["ours"][0][0]


def test_a_baseline_that_fails_ends_the_comparison_with_its_error(monkeypatch, capsys):
    use_baselines(monkeypatch, our_speed=1, distance="fail_to_build")
    mnist.main(["--rounds", "0", "--budget", "0.001", "--slice", "0.01"])
    assert "no comparison of results: ImportError: no such library" in capsys.readouterr().out
