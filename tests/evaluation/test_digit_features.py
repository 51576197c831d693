"""The embedded digits' features, which need no file."""

import numpy as np

from dcgan.config import DataConfig
from dcgan.data import load
from dcgan.evaluation import digit_features, features
from dcgan.evaluation.classifier import load_classifier


def test_digits_have_64_features_and_the_classifier_is_trained_once(monkeypatch):
    made = []

    def quickly(*arguments):
        made.append(arguments)
        return load_classifier(*arguments, steps=2)

    monkeypatch.setattr(features, "load_classifier", quickly)
    features._extractor.cache_clear()
    images = load(DataConfig()).images[:5]
    assert digit_features(images).shape == (5, 64)
    np.testing.assert_array_equal(digit_features(images[2:]), digit_features(images)[2:])
    assert len(made) == 1
    features._extractor.cache_clear()
