"""Small figures as PNG bytes."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from dcgan.visualization import encode_bars, encode_lines, encode_progress

RECORDS = [{"step": step, "d_loss": 1.0, "g_loss": 0.7, "d_real": 0.6, "d_fake": 0.4} for step in (50, 100)]
GRID = np.zeros((30, 60, 1), np.uint8)


def opened(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def ink(data):
    """The part of the pixels that are not white."""
    return (opened(data) < 255).any(axis=2).mean()


@pytest.mark.parametrize("records", [[], RECORDS])
@pytest.mark.parametrize("grid", [None, GRID, np.zeros((30, 60, 3), np.uint8)])
def test_a_training_can_be_shown_from_its_first_moment_on(records, grid):
    assert opened(encode_progress(records, grid, "step 100")).shape == (400, 880, 3)


def test_the_newest_grid_is_seen_beside_the_curves():
    nothing, curves, both = (encode_progress(*given) for given in [([],), (RECORDS,), (RECORDS, GRID)])
    assert ink(nothing) < ink(curves) < ink(both)


def test_every_line_and_bar_leaves_ink():
    one, two = {"a": [1, 2, 3]}, {"a": [1, 2, 3], "b": [3, 2, 1]}
    for draw in (encode_lines, encode_bars):
        assert ink(draw("xyz" if draw is encode_bars else range(3), one, ("x", "y"))) < ink(
            draw("xyz" if draw is encode_bars else range(3), two, ("x", "y"))
        )


def test_a_name_with_dollars_is_no_formula():
    """As a formula, this one could not be drawn at all."""
    with_dollars, without = (ink(encode_lines([0, 1], {name: [0, 1]}, ("x", "y"))) for name in (r"$\frac$", r"\frac"))
    assert with_dollars > without


def test_a_logarithmic_axis_makes_a_straight_line_of_an_exponential():
    """Its ink has equal areas above and below the chord, so it differs from the picture of the bent one."""
    x, y = np.arange(10), 10.0 ** np.arange(10)
    bent, straight = (encode_lines(x, {"y": y}, ("x", "y"), logarithmic=log) for log in (False, True))
    rows = [np.argwhere((opened(data) == (31, 119, 180)).all(axis=2)) for data in (bent, straight)]
    deviations = [np.abs(np.polynomial.Polynomial.fit(r[:, 1], r[:, 0], 1)(r[:, 1]) - r[:, 0]).max() for r in rows]
    assert deviations[1] < 25 < deviations[0]


def test_figures_are_made_without_pyplot_and_equal_for_equal_arguments():
    sys.modules.pop("matplotlib.pyplot", None)
    assert encode_lines([0, 1], {"a": [0, 1]}, ("x", "y")) == encode_lines([0, 1], {"a": [0, 1]}, ("x", "y"))
    assert "matplotlib.pyplot" not in sys.modules
