"""Stroke features computed from the pixels, without a classifier: boldness and slant. NumPy only."""

from collections.abc import Callable

import numpy as np

StrokeFeature = Callable[[np.ndarray], np.ndarray]
"""Maps images, uint8 (N, H, W, C), to one number per image, float64 (N,)."""


def boldness(images: np.ndarray) -> np.ndarray:
    """Return the mean brightness of each image.

    Args:
        images: uint8 (N, H, W, C), bright strokes on black.

    Returns:
        float64 (N,) in [0, 1].
    """
    return np.asarray(images).mean(axis=(1, 2, 3)) / 255.0


def slant(images: np.ndarray) -> np.ndarray:
    """Return how far the strokes of each image lean to the right.

    The slant is the number of columns by which the mass moves to the right from one row to the row above: the slope of
    the line through the centers of the rows, each weighted by its mass. Shearing an image by s columns per row adds s.

    Args:
        images: uint8 (N, H, W, C), bright strokes on black.

    Returns:
        float64 (N,): 0 for an upright or black image, 1 for a lean of 45°.
    """
    mass = np.asarray(images, np.float64).mean(axis=-1)
    total = np.maximum(mass.sum(axis=(1, 2)), np.finfo(float).tiny)
    y, x = np.mgrid[: mass.shape[1], : mass.shape[2]]
    up = -(y - ((mass * y).sum(axis=(1, 2)) / total)[:, None, None])
    right = x - ((mass * x).sum(axis=(1, 2)) / total)[:, None, None]
    spread = (mass * up**2).sum(axis=(1, 2))
    return (mass * up * right).sum(axis=(1, 2)) / np.where(spread > 0, spread, 1.0)


def for_polarity(feature: StrokeFeature, images: np.ndarray) -> StrokeFeature:
    """Return a feature for images of the same polarity as the given ones, bright or dark strokes.

    Args:
        feature: `boldness` or `slant`, which expect bright strokes.
        images: uint8 (N, H, W, C); where the border of most of them is bright, the feature inverts images first.

    Returns:
        `feature` itself, or `feature` of the inverted images.
    """
    edges = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    border = np.concatenate([edge.reshape(len(images), -1) for edge in edges], axis=1)
    if np.median(border.mean(axis=1)) < 128:
        return feature
    return lambda images: feature(255 - np.asarray(images))


STROKE_FEATURES: dict[str, StrokeFeature] = {"slant": slant, "boldness": boldness}
"""The features by their names in `edit --toward`."""
