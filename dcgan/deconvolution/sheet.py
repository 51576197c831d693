"""Images beside their projections, on one sheet."""

import math
from collections.abc import Sequence

import numpy as np

from dcgan.pictures import magnify, tile
from dcgan.pictures.captions import titled
from dcgan.pictures.grid import BACKGROUND

SMALLEST = 40
"""Pixels the shorter side of a picture on the sheet has at least: a receptive field may have four."""

_BETWEEN_BLOCKS = 8


def contrast(projections: np.ndarray) -> np.ndarray:
    """Make pictures of projections: 0 is mid-grey, and each one's largest absolute value black or white.

    Args:
        projections: real numbers (N, H, W, C), of any size.

    Returns:
        uint8 (N, H, W, C); all grey where a projection is 0 throughout.
    """
    largest = np.abs(projections).max(axis=(1, 2, 3), keepdims=True)
    scaled = np.divide(projections, largest, out=np.zeros_like(projections), where=largest > 0)
    return np.rint(127.5 + 127.5 * scaled).astype(np.uint8)


def cut_out(picture: np.ndarray, rows: range, columns: range) -> np.ndarray:
    """The part of a picture, uint8 (H, W, C), in some rows and columns; what lies outside it is background."""
    height, width, channels = picture.shape
    part = np.full((len(rows), len(columns), channels), BACKGROUND, np.uint8)
    top, left = max(rows.start, 0), max(columns.start, 0)
    inside = picture[top : min(rows.stop, height), left : min(columns.stop, width)]
    part[top - rows.start :, left - columns.start :][: inside.shape[0], : inside.shape[1]] = inside
    return part


def block(label: str, images: Sequence[np.ndarray], projections: Sequence[np.ndarray]) -> np.ndarray:
    """One feature map: its images in a square on the left, their projections in the same order on the right.

    Args:
        label: what stands above, cut off where it is too long.
        images: uint8 (H, W, C) each, at least one.
        projections: as many, of the same shape.

    Returns:
        uint8 (height, width, C).
    """
    columns = math.ceil(math.sqrt(len(images)))
    sides = [
        tile(np.stack([magnify(picture, SMALLEST) for picture in side]), columns) for side in (images, projections)
    ]
    return titled(label, np.concatenate(sides, axis=1))


def sheet(blocks: Sequence[np.ndarray], columns: int | None = None) -> np.ndarray:
    """Lay blocks of one shape out row by row; by default, as many a row as make the sheet nearest to a square."""
    return tile(np.stack(blocks), columns, padding=_BETWEEN_BLOCKS)
