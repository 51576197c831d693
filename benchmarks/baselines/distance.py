"""How far drawn digits are from real ones; the only module here that touches `dcgan.evaluation`."""

import dcgan  # noqa: F401  (sets what TensorFlow reads at its import)

# isort: split
import numpy as np

from benchmarks.baselines import images
from dcgan.evaluation import digit_features, frechet_distance


class Distance:
    """The Fréchet distance to the 10,000 embedded digits, in the features of a small classifier of digits."""

    def __init__(self):
        self._real = digit_features(images.digits())

    def to_real(self, drawn: np.ndarray) -> float:
        """Of drawn images, uint8 (N, 28, 28, 1)."""
        return frechet_distance(digit_features(drawn), self._real)
