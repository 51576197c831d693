"""Figures composed of images: latent arithmetic as an equation, and feature maps with their projections."""

import functools
import math
from collections.abc import Sequence

import numpy as np

from dcgan.visualization.grid import BACKGROUND, magnify, tile, with_caption

MIN_SIDE = 40
"""Minimum length of the shorter side of an image in a panel in pixels: a receptive field may have only four."""

_INK = 0
_PANEL_PADDING = 8


def arithmetic_figure(
    samples: Sequence[np.ndarray], signs: Sequence[int], means: np.ndarray, results: np.ndarray
) -> np.ndarray:
    """Return latent arithmetic in the form of figure 7 of Radford et al. 2016.

    Each term is a column: its samples, a gap, and the image of their mean latent. The signs are between the means, and
    the results follow the equals sign in a square.

    Args:
        samples: for each term, uint8 (n, H, W, C).
        signs: 1 or -1 for each term; the first sign is not shown.
        means: uint8 (terms, H, W, C).
        results: uint8 (N, H, W, C).

    Returns:
        uint8 array of shape (height, width, C).
    """
    cell, side = tile(means[:1]).shape, round(np.sqrt(len(results)))
    parts = []
    for sign, column, mean in zip(signs, samples, means, strict=True):
        parts += [_sign("+" if sign > 0 else "-", cell)] if parts else []
        parts.append(_stack(tile(column, columns=1), tile(mean[None]), cell[0] // 4))
    return _align_bottom([*parts, _sign("=", cell), tile(results, columns=side)])


def equation_figure(images: np.ndarray, counts: Sequence[int], signs: Sequence[int]) -> np.ndarray:
    """Return the figures of the same arithmetic in one class after the other.

    Args:
        images: uint8 (classes * sum of counts, H, W, C): for each class the samples of each term, the means, and the
            results.
        counts: number of images of each of these parts.
        signs: as for `arithmetic_figure`.

    Returns:
        uint8 array of shape (height, width, C).
    """
    figures = []
    for of_class in np.split(images, len(images) // sum(counts)):
        *samples, means, results = np.split(of_class, np.cumsum(counts)[:-1])
        figures.append(arithmetic_figure(samples, signs, means, results))
    return functools.reduce(lambda upper, lower: _stack(upper, lower, len(lower) // 8), figures)


def normalize_projections(projections: np.ndarray) -> np.ndarray:
    """Scale projections to images: 0 becomes mid-gray, and the largest absolute value of each black or white.

    Args:
        projections: real numbers of shape (N, H, W, C), of any range.

    Returns:
        uint8 array of shape (N, H, W, C); a projection of zeros becomes uniformly gray.
    """
    largest = np.abs(projections).max(axis=(1, 2, 3), keepdims=True)
    scaled = np.divide(projections, largest, out=np.zeros_like(projections), where=largest > 0)
    return np.rint(127.5 + 127.5 * scaled).astype(np.uint8)


def crop_or_pad(image: np.ndarray, rows: range, columns: range) -> np.ndarray:
    """Crop an image; where the region exceeds the image, it shows the background.

    Args:
        image: uint8 (H, W, C).
        rows: rows of the region, which may be negative or beyond the image.
        columns: columns of the region, likewise.

    Returns:
        uint8 array of shape (len(rows), len(columns), C).
    """
    height, width, channels = image.shape
    region = np.full((len(rows), len(columns), channels), BACKGROUND, np.uint8)
    top, left = max(rows.start, 0), max(columns.start, 0)
    inside = image[top : min(rows.stop, height), left : min(columns.stop, width)]
    region[top - rows.start :, left - columns.start :][: inside.shape[0], : inside.shape[1]] = inside
    return region


def projection_panel(caption: str, images: Sequence[np.ndarray], projections: Sequence[np.ndarray]) -> np.ndarray:
    """Return the panel of a feature map: images in a square on the left, their projections on the right.

    Args:
        caption: text above the panel; it is cut off where it is wider.
        images: uint8 arrays of shape (H, W, C), at least one.
        projections: uint8 arrays of the same number and shape.

    Returns:
        uint8 array of shape (height, width, C).
    """
    columns = math.ceil(math.sqrt(len(images)))
    sides = [tile(np.stack([magnify(image, MIN_SIDE) for image in side]), columns) for side in (images, projections)]
    return with_caption(caption, np.concatenate(sides, axis=1))


def projection_grid(panels: Sequence[np.ndarray], columns: int | None = None) -> np.ndarray:
    """Arrange panels of one shape in a grid.

    Args:
        panels: uint8 arrays of shape (H, W, C), at least one.
        columns: panels per row; by default the number that makes the grid most nearly square.

    Returns:
        uint8 array of shape (height, width, C).
    """
    return tile(np.stack(panels), columns, padding=_PANEL_PADDING)


def _stack(upper: np.ndarray, lower: np.ndarray, gap: int) -> np.ndarray:
    """Two images of equal width, one above the other, with background between them."""
    return np.concatenate([np.pad(upper, ((0, gap), (0, 0), (0, 0)), constant_values=BACKGROUND), lower])


def _align_bottom(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Images from left to right, aligned at the bottom."""
    height = max(len(part) for part in parts)
    padded = (np.pad(p, ((height - len(p), 0), (0, 0), (0, 0)), constant_values=BACKGROUND) for p in parts)
    return np.concatenate(list(padded), axis=1)


def _sign(symbol: str, cell: tuple[int, ...]) -> np.ndarray:
    """A plus, minus or equals sign in the middle of a cell of half the width of an image."""
    height, width = cell[0], max(cell[1] // 2, 8)
    canvas = np.full((height, width, cell[2]), BACKGROUND, np.uint8)
    thickness, arm = max(width // 8, 1), width // 4
    y, x = height // 2, width // 2
    rows = {"+": (y,), "-": (y,), "=": (y - 2 * thickness, y + 2 * thickness)}[symbol]
    for row in rows:
        canvas[row - thickness // 2 : row - thickness // 2 + thickness, x - arm : x + arm + 1] = _INK
    if symbol == "+":
        canvas[y - arm : y + arm + 1, x - thickness // 2 : x - thickness // 2 + thickness] = _INK
    canvas[..., 3:] = BACKGROUND  # opaque
    return canvas
