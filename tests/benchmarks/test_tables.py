"""What a reader of the tables sees."""

import pytest

from benchmarks import ablation_study, input_pipeline, mnist, sampling, scaling, startup, train_step
from benchmarks.timing import median, number, ratio, spread, table


def test_columns_are_as_wide_as_their_widest_cell():
    assert table(("a", "long head"), [("wide cell", "1")]) == (
        "| a         | long head |\n| --------- | --------- |\n| wide cell | 1         |"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1234, "0.12"), (1.234, "1.23"), (59.84, "59.8"), (123.4, "123"), (123456.7, "123,457"), (None, "–")],
)
def test_numbers_have_three_digits_that_count(value, text):
    assert number(value) == text


def test_a_spread_leaves_out_what_failed():
    assert spread([10.0, None, 12.0, 20.0]) == "12.0 (10.0–20.0)"
    assert spread([None]) == "–"


def test_a_ratio_is_taken_within_each_round():
    assert ratio([1.0, 20.0, 3.0], [1.0, 10.0, 1.0]) == 2.0
    assert ratio([4.0, None, 4.0], [None, 1.0, 2.0]) == 2.0
    assert median([]) is None


def test_the_train_step_table_has_ratio_work_and_part_of_the_limit():
    taken = {"ours": [60.0], "peer": [30.0], "gone": [None], train_step.PRODUCT.name: [150e9]}
    facts = {"ours": {"forward": (0.2e9, 0.2e9), "passes": (3, 7)}, "peer": {"passes": (4, 8)}}
    rows = train_step.report(taken, facts, {"gone": "ImportError: no torch"}).splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells == [
        ["ours", "60.0 (60.0–60.0)", "1.00", "2.00", "0.80"],
        ["peer", "30.0 (30.0–30.0)", "2.00", "2.40", "0.48"],
        ["gone", "ImportError: no torch", "–", "–", "–"],
    ]


def test_networks_of_another_size_are_not_compared():
    train_step.check_same({"a": {"parameters": (2, 3)}}, (2, 3))
    with pytest.raises(ValueError, match="not the same networks"):
        train_step.check_same({"a": {"parameters": (2, 3)}, "b": {"parameters": (2, 4)}}, (2, 3))


@pytest.mark.parametrize("module", [train_step, mnist, input_pipeline, sampling, startup, scaling, ablation_study])
def test_every_command_says_its_question(module, capsys):
    with pytest.raises(SystemExit) as ended:
        module.main(["--help"])
    assert ended.value.code == 0
    assert "?" in capsys.readouterr().out
