"""Sheets with signs between the pictures: an equation one can look at."""

import functools
import math
from collections.abc import Sequence

import numpy as np

from dcgan.visualization import magnify, tile
from dcgan.visualization.grid import BACKGROUND, with_title

_INK = 0


def arithmetic_figure(
    samples: Sequence[np.ndarray], signs: Sequence[int], means: np.ndarray, results: np.ndarray
) -> np.ndarray:
    """Arithmetic as figure 7 of Radford et al. 2016 shows it.

    A column a term, its samples above and, after a gap, the picture of their mean; the signs between the means; behind
    the equals sign the results, in a square.

    Args:
        samples: for each term, uint8 (n, H, W, C).
        signs: 1 or -1 for each term; the first one's is not shown.
        means: uint8 (terms, H, W, C).
        results: uint8 (N, H, W, C).

    Returns:
        uint8 (height, width, C).
    """
    cell, side = tile(means[:1]).shape, round(np.sqrt(len(results)))
    parts = []
    for sign, column, mean in zip(signs, samples, means, strict=True):
        parts += [_sign("+" if sign > 0 else "-", cell)] if parts else []
        parts.append(_above(tile(column, columns=1), tile(mean[None]), cell[0] // 4))
    return _beside([*parts, _sign("=", cell), tile(results, columns=side)])


def equation_figure(images: np.ndarray, counts: Sequence[int], signs: Sequence[int]) -> np.ndarray:
    """The sheets of the same arithmetic in one class after another.

    Args:
        images: uint8 (classes · sum of counts, H, W, C); within each class the samples of each term, the means, and
            the results.
        counts: how many pictures each of these parts has.
        signs: as for `arithmetic_figure`.

    Returns:
        uint8 (height, width, C).
    """
    sheets = []
    for block in np.split(images, len(images) // sum(counts)):
        *samples, means, results = np.split(block, np.cumsum(counts)[:-1])
        sheets.append(arithmetic_figure(samples, signs, means, results))
    return functools.reduce(lambda upper, lower: _above(upper, lower, len(lower) // 8), sheets)


def _above(upper: np.ndarray, lower: np.ndarray, gap: int) -> np.ndarray:
    """Two sheets of one width, with some background between."""
    return np.concatenate([np.pad(upper, ((0, gap), (0, 0), (0, 0)), constant_values=BACKGROUND), lower])


def _beside(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Sheets in a row, on one ground line."""
    height = max(len(part) for part in parts)
    padded = (np.pad(p, ((height - len(p), 0), (0, 0), (0, 0)), constant_values=BACKGROUND) for p in parts)
    return np.concatenate(list(padded), axis=1)


def _sign(which: str, cell: tuple[int, ...]) -> np.ndarray:
    """A plus, minus or equals sign in the middle of a cell, whose width is half of the picture's."""
    height, width = cell[0], max(cell[1] // 2, 8)
    sheet = np.full((height, width, cell[2]), BACKGROUND, np.uint8)
    thick, arm = max(width // 8, 1), width // 4
    y, x = height // 2, width // 2
    rows = {"+": (y,), "-": (y,), "=": (y - 2 * thick, y + 2 * thick)}[which]
    for row in rows:
        sheet[row - thick // 2 : row - thick // 2 + thick, x - arm : x + arm + 1] = _INK
    if which == "+":
        sheet[y - arm : y + arm + 1, x - thick // 2 : x - thick // 2 + thick] = _INK
    return sheet


SMALLEST = 40
"""Pixels the shorter side of a picture on the sheet has at least: a receptive field may have four."""

_BETWEEN_BLOCKS = 8


def normalize_projections(projections: np.ndarray) -> np.ndarray:
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


def projection_panel(label: str, images: Sequence[np.ndarray], projections: Sequence[np.ndarray]) -> np.ndarray:
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
    return with_title(label, np.concatenate(sides, axis=1))


def projection_grid(blocks: Sequence[np.ndarray], columns: int | None = None) -> np.ndarray:
    """Lay blocks of one shape out row by row; by default, as many a row as make the sheet nearest to a square."""
    return tile(np.stack(blocks), columns, padding=_BETWEEN_BLOCKS)
