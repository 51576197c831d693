"""Labels in colours, and canvases beside what was made of them."""

from collections.abc import Sequence

import numpy as np

from dcgan.visualization.grid import tile

COLOURS = "tab10"
"""Ten colours that are told apart easily."""


def colorize_labels(labels: np.ndarray) -> np.ndarray:
    """Paint labels: the background black, and every other label in a colour of its own, of ten by turns.

    Args:
        labels: whole numbers (…), from 0 on.

    Returns:
        uint8 (…, 3).
    """
    from matplotlib import colormaps

    palette = np.rint(255 * np.array(colormaps[COLOURS].colors)).astype(np.uint8)
    painted = palette[(labels - 1) % len(palette)]
    painted[labels == 0] = 0
    return painted


def comparison_grid(images: np.ndarray, labellings: Sequence[np.ndarray]) -> np.ndarray:
    """One row a canvas: the canvas, and then labellings of it, for example the truth and predictions.

    Args:
        images: uint8 (N, H, W, C).
        labellings: whole numbers (N, H, W) each.

    Returns:
        A sheet, uint8 (height, width, 3).
    """
    grey = np.rint(np.mean(images, axis=-1, keepdims=True)).astype(np.uint8).repeat(3, axis=-1)
    columns = [grey, *map(colorize_labels, labellings)]
    cells = np.stack(columns, axis=1).reshape(-1, *grey.shape[1:])
    return tile(cells, columns=len(columns))
