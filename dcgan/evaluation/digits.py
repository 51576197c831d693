"""The embedded digits' features: a scale for digits that needs no file and no network."""

from functools import lru_cache

import numpy as np

from dcgan.config import DataConfig
from dcgan.data import load
from dcgan.evaluation.features import Extractor, classifier_features


def digit_features(images: np.ndarray) -> np.ndarray:
    """Features of digits, by a classifier that was trained, once, on the 10,000 embedded ones.

    Args:
        images: uint8 (N, 28, 28, 1).

    Returns:
        float32 (N, 64).

    Raises:
        UserError: the classifier can't be kept in the user's cache folder.
    """
    return _extractor()(images)


@lru_cache(maxsize=1)
def _extractor() -> Extractor:
    return classifier_features(load(DataConfig()))
