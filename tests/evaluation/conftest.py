"""Small digits in small numbers, enough to train something on in a moment."""

import functools

import pytest

from dcgan.config import DataConfig
from dcgan.core import devices
from dcgan.evaluation import context
from dcgan.evaluation.classifier import load_classifier
from dcgan.evaluation.splits import load_splits


@pytest.fixture(scope="session", autouse=True)
def _deterministic():
    devices.configure_tensorflow(0)


@pytest.fixture(scope="session")
def digits():
    """The embedded digits at 8×8: 2,000 are held out, 8,000 are training images."""
    return load_splits(DataConfig(image_size=8))


@pytest.fixture
def short_classifier_training(monkeypatch):
    """Train classifiers for 20 steps, where their accuracy does not matter."""
    monkeypatch.setattr(context, "load_classifier", functools.partial(load_classifier, steps=20))
