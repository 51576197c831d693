"""Modes of stacked MNIST: of 1,000 triples of digits, how many are drawn, and how evenly?"""

from collections.abc import Callable

import numpy as np

COUNT = 26_000
"""Pictures the papers draw: 26 a mode."""

MODES = 1000


def predict_triples(images: np.ndarray, classify: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Read the three digits of each picture.

    Args:
        images: uint8 (N, H, W, 3), a digit a channel.
        classify: from uint8 (N, H, W, 1) to logits (N, 10).

    Returns:
        int64 (N,): 100·red + 10·green + blue.
    """
    digits = [np.argmax(classify(images[..., channel : channel + 1]), axis=1) for channel in range(3)]
    return np.stack(digits, axis=1) @ (100, 10, 1)


def modes_and_divergence(triples: np.ndarray) -> tuple[int, float]:
    """Count the modes, and measure how uneven they are.

    The protocol of Srivastava et al. 2017 (VEEGAN, section 4.2) and Lin et al. 2018 (PacGAN, section 4.2): a
    classifier reads each channel of 26,000 pictures. The divergence is KL(drawn ‖ uniform), in nats; 26,000 perfect
    pictures have about 1,000 / 2 · 26,000 = 0.02, and no number of modes falls below that of the pictures.

    Args:
        triples: whole numbers (N,) below 1,000, N at least 1.

    Returns:
        (modes, divergence).
    """
    part = np.bincount(triples, minlength=MODES) / len(triples)
    drawn = part[part > 0]
    return len(drawn), float(np.sum(drawn * np.log(drawn * MODES)))
