"""The `lesson` command, and the program that trains the networks of its page. The page itself: tests/web."""

import json
import webbrowser
from pathlib import Path

import numpy as np
import pytest

from dcgan.cli.main import main
from dcgan.lesson import networks
from dcgan.lesson.page import NETWORKS
from dcgan.web import read_web_file


@pytest.mark.parametrize("opens", [True, False])
def test_the_lesson_is_opened_in_the_browser(opens, tmp_path, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or opens)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["lesson"]) == 0
    (file,) = tmp_path.rglob("*.html")
    assert opened == [file.as_uri()]
    printed = capsys.readouterr().out
    assert str(file) in printed
    assert ("open the file in one" in printed) is not opens


def test_the_lesson_is_written_to_a_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(webbrowser, "open", lambda url: pytest.fail("a browser was opened"))
    monkeypatch.chdir(tmp_path)
    assert main(["lesson", "--out", "new/lesson.html"]) == 0
    text = Path("new/lesson.html").read_text(encoding="utf-8")
    assert main(["lesson", "--out", "new/lesson.html"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["lesson", "--out", "new/lesson.html", "--overwrite"]) == 0
    assert Path("new/lesson.html").read_text(encoding="utf-8") == text
    assert "http" not in text.replace("http-equiv", "")  # nothing is loaded from anywhere


def shapes(content):
    """The structure of stored networks, with the names of what is stored in the place of the numbers."""
    if isinstance(content, dict):
        return {key: shapes(value) for key, value in content.items() if key != "values"}
    return [shapes(value) for value in content] if isinstance(content, list) and isinstance(content[0], dict) else 0


@pytest.mark.slow
def test_networks_are_trained_and_stored(tmp_path, monkeypatch):
    file, train = tmp_path / "networks.json", networks.train_segmenter
    monkeypatch.setattr(networks, "NETWORKS_FILE", file)
    monkeypatch.setattr(networks, "train_segmenter", lambda canvases, steps: train(canvases, steps, 8, 1))
    monkeypatch.setattr(networks, "FILTER_DIGITS", 4)
    monkeypatch.setattr("sys.argv", ["networks", "--steps", "2"])
    networks.main()
    written, stored = json.loads(file.read_text()), json.loads(read_web_file(NETWORKS))
    assert shapes(written) == shapes(stored)
    assert written["digits"] == stored["digits"]
    assert written["canvas"] == stored["canvas"]


def test_filters_are_strokes_of_norm_1():
    digits = np.zeros((20, 28, 28, 1), np.uint8)
    digits[:, 12:15, 4:24] = 255  # a horizontal stroke
    filters = networks.learn_filters(digits, filters=2, rounds=3)
    assert filters.shape == (7, 7, 1, 2)
    np.testing.assert_allclose(np.sqrt(np.square(filters).sum(axis=(0, 1, 2))), 1, atol=1e-3)
    assert filters[..., 0].sum() > 3
