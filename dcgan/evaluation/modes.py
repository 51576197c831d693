"""Mode counting for stacked MNIST: how many of the 1,000 digit triples a generator covers, and how evenly."""

from collections.abc import Callable

import numpy as np

NUM_IMAGES = 26_000
"""Number of generated images in the papers' protocol: 26 per mode."""

NUM_MODES = 1000


def predict_triples(images: np.ndarray, classify: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Classify the three digits of each image.

    Args:
        images: uint8 (N, H, W, 3), one digit per channel.
        classify: maps uint8 (N, H, W, 1) to logits (N, 10).

    Returns:
        int64 (N,): 100·red + 10·green + blue.
    """
    digits = [np.argmax(classify(images[..., channel : channel + 1]), axis=1) for channel in range(3)]
    return np.stack(digits, axis=1) @ (100, 10, 1)


def modes_and_divergence(triples: np.ndarray) -> tuple[int, float]:
    """Count the modes, and measure their divergence from the uniform distribution.

    The protocol of Srivastava et al. 2017 (VEEGAN, section 4.2) and Lin et al. 2018 (PacGAN, section 4.2): a
    classifier predicts the digit in each channel of 26,000 images. The divergence is KL(generated ‖ uniform), in nats.
    For 26,000 perfect images it is about 1,000 / (2 · 26,000) = 0.02.

    Args:
        triples: integers (N,) from 0 to 999, N at least 1.

    Returns:
        (modes, divergence).
    """
    frequencies = np.bincount(triples, minlength=NUM_MODES) / len(triples)
    covered = frequencies[frequencies > 0]
    return len(covered), float(np.sum(covered * np.log(covered * NUM_MODES)))
