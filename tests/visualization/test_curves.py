"""How a run went, as curves."""

import sys
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from dcgan.core.errors import UserError
from dcgan.visualization import read_png, save_curves
from dcgan.visualization.curves import draw_curves

RECORDS = [
    {"step": step, "d_loss": 1.4 - step / 900, "g_loss": 0.7 + step / 300, "d_real": 0.6, "d_fake": 0.4}
    for step in range(50, 600, 50)
]


def test_curves_are_drawn_without_pyplot(tmp_path):
    sys.modules.pop("matplotlib.pyplot", None)
    save_curves(tmp_path / "curves.png", RECORDS)
    assert read_png(tmp_path / "curves.png").shape == (600, 800, 3)
    assert "matplotlib.pyplot" not in sys.modules


def test_every_curve_that_the_log_has_is_named(tmp_path):
    save_curves(tmp_path / "curves.svg", RECORDS)
    ElementTree.parse(tmp_path / "curves.svg")
    text = (tmp_path / "curves.svg").read_text()
    for name in ("discriminator", "generator", "real images", "generated images", "loss", "step"):
        assert f"<!-- {name} -->" in text


def test_missing_and_impossible_numbers_leave_gaps(tmp_path):
    gaps = [*RECORDS, {"step": 600}, {"step": 650, "d_loss": None, "g_loss": float("inf"), "d_real": float("nan")}]
    save_curves(tmp_path / "curves.png", gaps)
    assert (tmp_path / "curves.png").exists()


def test_no_records_are_refused(tmp_path):
    with pytest.raises(UserError, match="nothing to draw"):
        save_curves(tmp_path / "curves.png", iter([]))


def test_a_distance_that_was_measured_now_and_then_is_a_panel_of_its_own(tmp_path):
    some = [record | ({"frechet_distance": 9.0} if record["step"] % 100 == 0 else {}) for record in RECORDS]
    save_curves(tmp_path / "curves.png", some)
    assert read_png(tmp_path / "curves.png").shape == (900, 800, 3)
    save_curves(tmp_path / "curves.svg", some)
    assert "Fréchet distance" in (tmp_path / "curves.svg").read_text(encoding="utf-8")


def test_precision_and_recall_are_a_panel_too_where_they_were_measured(tmp_path):
    some = [record | {"frechet_distance": 9.0, "precision": 0.8, "recall": 0.6} for record in RECORDS]
    save_curves(tmp_path / "curves.svg", some)
    text = (tmp_path / "curves.svg").read_text(encoding="utf-8")
    assert "precision: drawn near real" in text
    assert "recall: real near drawn" in text
    save_curves(tmp_path / "curves.png", some)
    assert read_png(tmp_path / "curves.png").shape == (1200, 800, 3)


@pytest.mark.parametrize(("distances", "tenfolds"), [((50.0, 3.0), True), ((50.0, 30.0), False), ((0.0, 3.0), False)])
def test_a_distance_that_fell_tenfold_is_drawn_by_tenfolds(distances, tenfolds):
    figure = Figure()
    draw_curves(figure, [RECORDS[0] | {"step": step, "frechet_distance": d} for step, d in enumerate(distances)])
    assert (figure.axes[2].get_yscale() == "log") == tenfolds


def test_a_single_measurement_can_be_seen():
    figure = Figure()
    draw_curves(figure, [*RECORDS, {"step": 600, "d_loss": 1.0, "frechet_distance": 9.0}])
    (curve,) = figure.axes[2].get_lines()
    assert curve.get_marker() == "o"


def test_the_names_stand_above_the_panels_and_cover_nothing():
    figure = Figure(figsize=(8, 6), layout="constrained")
    draw_curves(figure, RECORDS)
    figure.draw_without_rendering()
    for panel in figure.axes:
        assert panel.get_legend().get_window_extent().y0 >= panel.get_window_extent().y1
