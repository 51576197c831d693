"""Stroke features of a digit, measured from its pixels, whichever digit it is."""

import numpy as np
from scipy.ndimage import uniform_filter

from dcgan.evaluation.stroke_features import slant

WINDOW = 5
"""Side in pixels of the square in which a stroke's orientation is measured."""


def thickness(images: np.ndarray) -> np.ndarray:
    """Return the thickness of the strokes: twice the area of the ink divided by the length of its edge.

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


def horizontal_and_vertical_strokes(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the masks of horizontal and of vertical strokes: pixels change across a stroke, not along it.

    Args:
        images: uint8 (N, H, W, 1), light ink on black.

    Returns:
        bool (N, H, W) each: ink with much more change within the window between rows than between columns, and vice
        versa. Slanted ink is in neither mask.
    """
    ink = images[..., 0] / 255.0
    between_rows, between_columns = (
        uniform_filter(np.gradient(ink, axis=axis) ** 2, (0, WINDOW, WINDOW)) for axis in (1, 2)
    )
    is_ink = ink > 0.5
    return is_ink & (between_rows > 3 * between_columns), is_ink & (between_columns > 3 * between_rows)


STROKE_FEATURES = {"thickness": thickness, "slant": slant}
"""Functions from uint8 (N, H, W, 1) to float64 (N,), by name."""
