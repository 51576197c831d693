"""How digits are written: what any picture of strokes says without a classifier. NumPy only."""

from collections.abc import Callable

import numpy as np


def boldness(images: np.ndarray) -> np.ndarray:
    """The mean brightness of each picture.

    Args:
        images: uint8 (N, H, W, C), bright on black.

    Returns:
        float64 (N,) in [0, 1].
    """
    return np.asarray(images).mean(axis=(1, 2, 3)) / 255.0


def slant(images: np.ndarray) -> np.ndarray:
    """How far each picture's strokes lean to the right.

    The columns that its mass moves to the right from one row to the row above: the slope of the line through the
    middles of the rows, weighted by what is in them. Shearing a picture by s columns a row adds s.

    Args:
        images: as for `boldness`.

    Returns:
        float64 (N,): 0 for an upright picture, 1 for one that leans by 45°; 0 for a black one.
    """
    mass = np.asarray(images, np.float64).mean(axis=-1)
    total = np.maximum(mass.sum(axis=(1, 2)), np.finfo(float).tiny)
    y, x = np.mgrid[: mass.shape[1], : mass.shape[2]]
    up = -(y - ((mass * y).sum(axis=(1, 2)) / total)[:, None, None])
    right = x - ((mass * x).sum(axis=(1, 2)) / total)[:, None, None]
    spread = (mass * up**2).sum(axis=(1, 2))
    return (mass * up * right).sum(axis=(1, 2)) / np.where(spread > 0, spread, 1.0)


def for_polarity(style: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A reading of pictures such as these, whichever is brighter, strokes or ground.

    Args:
        style: `boldness` or `slant`, which take strokes to be what is bright.
        images: uint8 (N, H, W, C); where the border of most is bright, pictures are read as negatives.
    """
    ends = (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1])
    border = np.concatenate([end.reshape(len(images), -1) for end in ends], axis=1)
    if np.median(border.mean(axis=1)) < 128:
        return style
    return lambda pictures: style(255 - np.asarray(pictures))
