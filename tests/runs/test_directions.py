"""Directions that `edit` stores in a run."""

import json

import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.runs import Run
from dcgan.runs.directions import load_directions, save_direction


def test_stored_directions_are_read_as_unit_vectors_in_the_order_of_their_files(tmp_path):
    run = Run(tmp_path)
    save_direction(run, "slant-means", "slant", np.array([3, 0, 4.0]))
    save_direction(run, "boldness-means", "boldness", np.array([0, 2, 0.0]))
    save_direction(run, "slant-plane", "slant", np.array([1, 0, 0.0]))
    directions = load_directions(run, 3)
    assert list(directions) == ["boldness", "slant"]
    np.testing.assert_allclose(directions["slant"], [0.6, 0, 0.8])


def test_a_run_without_edits_has_no_directions(tmp_path):
    assert load_directions(Run(tmp_path), 3) == {}


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "{}",
        json.dumps({"label": "a", "direction": [1, 2]}),
        json.dumps({"label": 1, "direction": [1, 2, 3]}),
        json.dumps({"label": "a", "direction": [0, 0, 0]}),
        json.dumps({"label": "a", "direction": [1, "b", None]}),
        '{"label": "a", "direction": [1, NaN, 2]}',
    ],
)
def test_a_damaged_direction_is_refused(tmp_path, text):
    (tmp_path / "edited").mkdir()
    (tmp_path / "edited" / "slant.json").write_text(text)
    with pytest.raises(UserError, match=r"slant\.json is not a direction of 3 numbers"):
        load_directions(Run(tmp_path), 3)
