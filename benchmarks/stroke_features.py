"""What pixels say of a digit's style, whatever digit it is."""

import numpy as np
from scipy.ndimage import uniform_filter

from dcgan.evaluation.stroke_features import slant

NEIGHBOURHOOD = 5
"""Pixels a side of the square in which a stroke's direction is looked for."""


def thickness(images: np.ndarray) -> np.ndarray:
    """How thick the strokes are: twice the area of the ink divided by the length of its edge.

    A stroke of length L and width w, much less than L, has the area wL and an edge of 2L.

    Args:
        images: uint8 (N, H, W, 1), light ink on black.

    Returns:
        float64 (N,), in pixels; 0 where there is no ink.
    """
    ink = np.pad(images[..., 0] / 255.0, ((0, 0), (1, 1), (1, 1)))
    down, right = ink[:, 1:, :-1] - ink[:, :-1, :-1], ink[:, :-1, 1:] - ink[:, :-1, :-1]
    edge = np.hypot(down, right).sum(axis=(1, 2))
    return 2.0 * ink.sum(axis=(1, 2)) / np.maximum(edge, 1e-9)


def lying_and_standing(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where strokes lie and where they stand: across a stroke pixels change, along it they don't.

    Args:
        images: uint8 (N, H, W, 1).

    Returns:
        bool (N, H, W) each: ink with much more change, in its neighbourhood, between rows than between columns, and the
        other way round. Slanted ink is in neither.
    """
    ink = images[..., 0] / 255.0
    between_rows, between_columns = (
        uniform_filter(np.gradient(ink, axis=axis) ** 2, (0, NEIGHBOURHOOD, NEIGHBOURHOOD)) for axis in (1, 2)
    )
    is_ink = ink > 0.5
    return is_ink & (between_rows > 3 * between_columns), is_ink & (between_columns > 3 * between_rows)


STYLES = {"thickness": thickness, "slant": slant}
"""By name, what measures it."""
