"""The tables that benchmarks print, from known measurements."""

import pytest

from benchmarks import (
    ablation_study,
    input_pipeline,
    latent_space,
    mnist,
    projection,
    sampling,
    scaling,
    segmentation,
    sparse_codes,
    startup,
    train_step,
    upsampling,
)
from benchmarks.tables import format_number, markdown_table, mean_and_deviation, median, median_and_range, ratio

COMMANDS = (train_step, mnist, input_pipeline, sampling, startup, scaling, ablation_study, upsampling)
COMMANDS += (sparse_codes, segmentation, projection, latent_space)


def test_columns_are_as_wide_as_their_widest_cell():
    assert markdown_table(("a", "long head"), [("wide cell", "1")]) == (
        "| a         | long head |\n| --------- | --------- |\n| wide cell | 1         |"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1234, "0.12"), (1.234, "1.23"), (59.84, "59.8"), (123.4, "123"), (123456.7, "123,457"), (None, "–")],
)
def test_numbers_have_three_significant_digits(value, text):
    assert format_number(value) == text


def test_a_range_leaves_out_failed_measurements():
    assert median_and_range([10.0, None, 12.0, 20.0]) == "12.0 (10.0–20.0)"
    assert median_and_range([None]) == "–"


def test_the_deviation_of_a_single_value_is_left_out():
    assert mean_and_deviation([1.0, 3.0]) == "2 ± 1.4"
    assert mean_and_deviation([1.0]) == "1"


def test_a_ratio_is_taken_within_each_round():
    assert ratio([1.0, 20.0, 3.0], [1.0, 10.0, 1.0]) == 2.0
    assert ratio([4.0, None, 4.0], [None, 1.0, 2.0]) == 2.0
    assert median([]) is None


def test_the_train_step_table_has_ratio_operations_and_fraction_of_the_limit():
    measurements = {"ours": [60.0], "other": [30.0], "gone": [None], train_step.MATRIX_PRODUCT.name: [150e9]}
    costs = {"ours": {"forward": (0.2e9, 0.2e9), "passes": (3, 7)}, "other": {"passes": (4, 8)}}
    rows = train_step.report(measurements, costs, {"gone": "ImportError: no torch"}).splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells == [
        ["ours", "60.0 (60.0–60.0)", "1.00", "2.00", "0.80"],
        ["other", "30.0 (30.0–30.0)", "2.00", "2.40", "0.48"],
        ["gone", "ImportError: no torch", "–", "–", "–"],
    ]


def test_networks_of_different_sizes_are_not_compared():
    train_step.check_parameters({"a": {"parameters": (2, 3)}}, (2, 3))
    with pytest.raises(ValueError, match="differ from the expected"):
        train_step.check_parameters({"a": {"parameters": (2, 3)}, "b": {"parameters": (2, 4)}}, (2, 3))


@pytest.mark.parametrize("module", COMMANDS)
def test_the_help_of_every_command_shows_its_question(module, capsys):
    with pytest.raises(SystemExit) as exit_info:
        module.main(["--help"])
    assert exit_info.value.code == 0
    assert "?" in capsys.readouterr().out
