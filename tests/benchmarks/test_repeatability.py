"""The same training three times, once killed."""

import pytest

from benchmarks import repeatability

OPTIONS = ["--steps", "12", "--save-every", "4", "--sample-every", "6", "--log-every", "2", "--batch-size", "8"]
OPTIONS += ["--generator-width", "2", "--discriminator-width", "2", "--no-tensorboard", "--no-health-checks"]


@pytest.mark.slow
def test_a_killed_and_resumed_training_repeats_the_bytes_of_an_undisturbed_one(capsys):
    assert repeatability.main(["--kill-after", "4", "--", *OPTIONS]) == 0
    printed = capsys.readouterr().out
    assert "Equal bytes: yes" in printed
    assert printed.count("step-00000012.npz") == 3


@pytest.mark.slow
def test_a_training_that_fails_is_reported_with_its_output(tmp_path):
    with pytest.raises(RuntimeError, match=r"code 2:\n(.|\n)*--steps"):
        repeatability.train(tmp_path / "run", ["--steps", "none"])


def test_different_bytes_are_told_apart(monkeypatch, capsys):
    contents = iter("aab")
    monkeypatch.setattr(repeatability, "train", lambda *arguments: 1.0)
    monkeypatch.setattr(repeatability, "speed", lambda run: 1.0)
    monkeypatch.setattr(repeatability, "digests", lambda run: {"generator.keras": next(contents), "c": "", "g": ""})
    assert repeatability.main([]) == 1
    assert "Equal bytes: NO" in capsys.readouterr().out
