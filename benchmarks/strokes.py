"""What pixels say of a digit's style, whatever digit it is."""

import numpy as np
from scipy.ndimage import uniform_filter

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


def slant(images: np.ndarray) -> np.ndarray:
    """How far the ink leans to the right: pixels sideways for every pixel upwards, by its second moments.

    Args:
        images: uint8 (N, H, W, 1).

    Returns:
        float64 (N,); 0 where there is no ink, or all of it in one row.
    """
    ink = images[..., 0].astype(np.float64)
    ink /= np.maximum(ink.sum(axis=(1, 2), keepdims=True), 1e-9)
    y, x = np.mgrid[: ink.shape[1], : ink.shape[2]]
    mean_y, mean_x = ((ink * axis).sum(axis=(1, 2), keepdims=True) for axis in (y, x))
    covariance = (ink * (x - mean_x) * (y - mean_y)).sum(axis=(1, 2))
    variance = (ink * (y - mean_y) ** 2).sum(axis=(1, 2))
    return -covariance / np.maximum(variance, 1e-9)


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
