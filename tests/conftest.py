"""What every test stands on: the package's own environment settings, and room of its own."""

import pytest

import dcgan  # noqa: F401  (sets what TensorFlow reads at its import)


@pytest.fixture(autouse=True)
def _away_from_the_checkout(tmp_path, monkeypatch):
    """Relative paths (`checkpoints/`) and the user's cache lead into the test's own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
