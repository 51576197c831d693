"""Time to the same result, on baselines whose progress is known."""

import pytest

from benchmarks import mnist
from benchmarks.timing import MATRIX_PRODUCT
from benchmarks.workers import Baseline

MODULE = "tests.support.trivial_baseline:"
CURVES = {
    "ours": [(10.0, 50.0), (20.0, 19.0)],
    "tutorial": [(10.0, 90.0), (20.0, 20.0)],
    "tutorial, oneDNN": [(10.0, 90.0), (20.0, 30.0)],
}


def use_baselines(monkeypatch, our_speed, distance):
    monkeypatch.setattr(mnist, "OURS", Baseline("ours", f"{MODULE}Learner", {"speed": our_speed}))
    monkeypatch.setattr(mnist, "TUTORIAL", Baseline("tutorial", f"{MODULE}Learner", {"speed": 1}))
    monkeypatch.setattr(mnist, "TUTORIAL_ONEDNN", Baseline("tutorial, oneDNN", f"{MODULE}Learner", {"speed": 2}))
    monkeypatch.setattr(mnist, "DISTANCE", Baseline("distance", f"{MODULE}{distance}"))


def test_all_are_timed_to_the_distance_with_which_the_tutorial_ends():
    assert mnist.seconds_to_distance(CURVES["ours"], 20.0) == 20.0
    assert mnist.seconds_to_distance(CURVES["tutorial"], 1.0) is None
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in mnist.results_table(CURVES).splitlines()]
    assert cells[2] == ["ours", "20.0", "1.00", "19.0"]
    assert cells[3] == ["tutorial", "20.0", "1.00", "20.0"]
    assert cells[4] == ["tutorial, oneDNN", "–", "–", "30.0"]


def test_the_speed_is_given_per_counted_operation_because_the_networks_differ_in_size():
    measurements = {"ours": [40.0, 60.0], "tutorial": [10.0, 10.0], MATRIX_PRODUCT.name: [1.0, 1.0]}
    costs = {
        "ours": {"forward": (2.0, 2.0), "passes": (3, 7)},
        "tutorial": {"forward": (10.0, 6.0), "passes": (5, 5)},
        MATRIX_PRODUCT.name: {},
    }
    printed = mnist.describe_operations(measurements, costs)
    assert printed == "- counted operations per second, ours / tutorial: 1.25"  # 5 times the images of a quarter


def test_the_tutorial_has_a_row_with_onednn_which_ours_turns_on():
    ours, default, with_onednn = mnist.trainings()
    assert (ours.name, default.environment) == ("ours", {})
    assert with_onednn.environment == {"TF_ENABLE_ONEDNN_OPTS": "1"}
    assert with_onednn.factory == default.factory


def test_all_train_for_the_budget_in_alternating_slices(monkeypatch):
    use_baselines(monkeypatch, our_speed=1000, distance="MeanDistance")
    curves = mnist.compare_results(0.2, 0.05, 3)
    assert len(curves["ours"]) == len(curves["tutorial"]) >= 3
    assert curves["ours"][-1][0] == pytest.approx(0.2, abs=0.1)
    assert mnist.seconds_to_distance(curves["ours"], curves["tutorial"][-1][1]) == curves["ours"][0][0]


def test_a_baseline_that_fails_ends_the_comparison_with_its_error(monkeypatch, capsys):
    use_baselines(monkeypatch, our_speed=1, distance="fail_to_build")
    mnist.main(["--rounds", "0", "--budget", "0.001", "--slice", "0.01"])
    assert "no comparison of results: ImportError: no such library" in capsys.readouterr().out
