"""Plots: the curves of a log, the progress of training, lines and bars."""

import io
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from dcgan.core.errors import UserError
from dcgan.visualization import encode_bars, encode_lines, encode_progress, read_png, save_curves
from dcgan.visualization.plots import plot_curves

LOG = [
    {"step": step, "d_loss": 1.4 - step / 900, "g_loss": 0.7 + step / 300, "d_real": 0.6, "d_fake": 0.4}
    for step in range(50, 600, 50)
]


def test_curves_are_plotted_without_pyplot(tmp_path):
    sys.modules.pop("matplotlib.pyplot", None)
    save_curves(tmp_path / "curves.png", LOG)
    assert read_png(tmp_path / "curves.png").shape == (600, 800, 3)
    assert "matplotlib.pyplot" not in sys.modules


def test_every_curve_of_the_log_is_in_the_legend(tmp_path):
    save_curves(tmp_path / "curves.svg", LOG)
    ElementTree.parse(tmp_path / "curves.svg")
    text = (tmp_path / "curves.svg").read_text()
    for name in ("discriminator", "generator", "real images", "generated images", "loss", "step"):
        assert f"<!-- {name} -->" in text


def test_missing_infinite_and_nan_values_leave_gaps(tmp_path):
    gaps = [*LOG, {"step": 600}, {"step": 650, "d_loss": None, "g_loss": float("inf"), "d_real": float("nan")}]
    save_curves(tmp_path / "curves.png", gaps)
    assert read_png(tmp_path / "curves.png").shape == (600, 800, 3)


def test_an_empty_log_is_rejected(tmp_path):
    with pytest.raises(UserError, match="no records to plot"):
        save_curves(tmp_path / "curves.png", iter([]))


def test_a_distance_that_was_evaluated_now_and_then_has_its_own_panel(tmp_path):
    some = [record | ({"frechet_distance": 9.0} if record["step"] % 100 == 0 else {}) for record in LOG]
    save_curves(tmp_path / "curves.png", some)
    assert read_png(tmp_path / "curves.png").shape == (900, 800, 3)
    save_curves(tmp_path / "curves.svg", some)
    assert "Fréchet distance" in (tmp_path / "curves.svg").read_text(encoding="utf-8")


def test_precision_and_recall_have_a_panel_if_they_were_evaluated(tmp_path):
    some = [record | {"frechet_distance": 9.0, "precision": 0.8, "recall": 0.6} for record in LOG]
    save_curves(tmp_path / "curves.svg", some)
    text = (tmp_path / "curves.svg").read_text(encoding="utf-8")
    assert "precision: generated near real" in text
    assert "recall: real near generated" in text
    save_curves(tmp_path / "curves.png", some)
    assert read_png(tmp_path / "curves.png").shape == (1200, 800, 3)


@pytest.mark.parametrize(
    ("distances", "logarithmic"), [((50.0, 3.0), True), ((50.0, 30.0), False), ((0.0, 3.0), False)]
)
def test_a_distance_that_fell_by_a_factor_of_10_has_a_logarithmic_axis(distances, logarithmic):
    figure = Figure()
    plot_curves(figure, [LOG[0] | {"step": step, "frechet_distance": d} for step, d in enumerate(distances)])
    assert (figure.axes[2].get_yscale() == "log") == logarithmic


def test_a_single_evaluation_is_visible():
    figure = Figure()
    plot_curves(figure, [*LOG, {"step": 600, "d_loss": 1.0, "frechet_distance": 9.0}])
    (curve,) = figure.axes[2].get_lines()
    assert curve.get_marker() == "o"


def test_the_legends_are_above_the_panels_and_cover_nothing():
    figure = Figure(figsize=(8, 6), layout="constrained")
    plot_curves(figure, LOG)
    figure.draw_without_rendering()
    for panel in figure.axes:
        assert panel.get_legend().get_window_extent().y0 >= panel.get_window_extent().y1


RECORDS = [{"step": step, "d_loss": 1.0, "g_loss": 0.7, "d_real": 0.6, "d_fake": 0.4} for step in (50, 100)]
GRID = np.zeros((30, 60, 1), np.uint8)


def decode(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def ink(data):
    """Return the fraction of pixels that are not white."""
    return (decode(data) < 255).any(axis=2).mean()


@pytest.mark.parametrize("records", [[], RECORDS])
@pytest.mark.parametrize("grid", [None, GRID, np.zeros((30, 60, 3), np.uint8)])
def test_progress_can_be_plotted_before_the_first_record_or_grid(records, grid):
    assert decode(encode_progress(records, grid, "step 100")).shape == (400, 880, 3)


def test_the_latest_grid_is_shown_beside_the_curves():
    nothing, curves, both = (encode_progress(*given) for given in [([],), (RECORDS,), (RECORDS, GRID)])
    assert ink(nothing) < ink(curves) < ink(both)


def test_every_line_and_bar_is_visible():
    one, two = {"a": [1, 2, 3]}, {"a": [1, 2, 3], "b": [3, 2, 1]}
    for plot, x in ((encode_lines, range(3)), (encode_bars, "xyz")):
        assert ink(plot(x, one, ("x", "y"))) < ink(plot(x, two, ("x", "y")))


def test_a_name_with_dollar_signs_is_not_parsed_as_a_formula():
    """As a formula, this one would raise an error."""
    with_dollars, without = (ink(encode_lines([0, 1], {name: [0, 1]}, ("x", "y"))) for name in (r"$\frac$", r"\frac"))
    assert with_dollars > without


def test_an_exponential_is_a_straight_line_on_a_logarithmic_axis():
    """Measured by the largest deviation of its pixels from a fitted line."""
    x, y = np.arange(10), 10.0 ** np.arange(10)
    curved, straight = (encode_lines(x, {"y": y}, ("x", "y"), logarithmic=log) for log in (False, True))
    rows = [np.argwhere((decode(data) == (31, 119, 180)).all(axis=2)) for data in (curved, straight)]
    deviations = [np.abs(np.polynomial.Polynomial.fit(r[:, 1], r[:, 0], 1)(r[:, 1]) - r[:, 0]).max() for r in rows]
    assert deviations[1] < 25 < deviations[0]


def test_plots_are_made_without_pyplot_and_equal_for_equal_arguments():
    sys.modules.pop("matplotlib.pyplot", None)
    assert encode_lines([0, 1], {"a": [0, 1]}, ("x", "y")) == encode_lines([0, 1], {"a": [0, 1]}, ("x", "y"))
    assert "matplotlib.pyplot" not in sys.modules
