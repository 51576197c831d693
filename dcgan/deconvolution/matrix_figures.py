"""Figures of a convolution: its matrix, and its kernel sliding over the input with one frame per output.

The sliding kernel follows the style of Dumoulin and Visin 2016 ("A guide to convolution arithmetic for deep learning",
sections 2 and 4): inputs are blue, outputs green, padding and inserted zeros white.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dcgan.core.errors import UserError
from dcgan.deconvolution.arithmetic import pair
from dcgan.deconvolution.sliding import Sliding

INPUT, ACTIVE_INPUT = (142, 195, 230), (31, 105, 165)
ZERO, ACTIVE_ZERO = (255, 255, 255), (196, 203, 212)
OUTPUT, ACTIVE_OUTPUT = (160, 219, 150), (36, 124, 48)
"""Colors (red, green, blue) of cells; the active ones are the output of a frame and the cells that it reads."""

DPI = 100
MIN_NUMBERED_CELL = 14
"""Size in pixels of the smallest cell with room for a number."""


def matrix_figure(sliding: Sliding, cell: int | None = None, row: int | None = None) -> np.ndarray:
    """Render the matrix with one color per weight of the kernel, and at its right the kernel in the same colors.

    The upper left corner of the matrix is one cell away from the figure's, and each entry is a square of `cell` pixels;
    entries that are always 0 are white.

    Args:
        sliding: geometry of the convolution or transposed convolution.
        cell: size of an entry in pixels; by default the longer side has about 800 pixels, and an entry at most 24.
        row: number of an output, whose row of the matrix is framed.

    Returns:
        uint8 (height, width, 3).

    Raises:
        UserError: `cell` is not positive, or the matrix has no such row.
    """
    matrix = sliding.matrix.toarray().astype(np.intp)
    count, width = len(matrix), matrix.shape[-1]
    cell = _checked_cell(max(1, min(24, 800 // max(matrix.shape))) if cell is None else cell)
    if row is not None and not 0 <= row < count:
        raise UserError(f"There is no row {row}.", f"Use a row from 0 to {count - 1}.")
    colors, key_cell = _weight_colors(matrix.max()), max(cell, MIN_NUMBERED_CELL)
    key = np.arange(1, len(colors)).reshape(sliding.kernel)
    height = max((count + 2) * cell, sliding.kernel[0] * key_cell + 2 * cell)
    canvas = _Canvas(height, (width + 3) * cell + sliding.kernel[1] * key_cell)
    canvas.grid(colors[matrix], cell, cell, cell)
    canvas.grid(colors[key], (width + 2) * cell, cell, key_cell)
    canvas.numbers(key, (width + 2) * cell, cell, key_cell)
    if row is not None:
        canvas.frame(cell, (row + 1) * cell, width * cell, cell)
    return canvas.pixels()


def sliding_frames(sliding: Sliding, cell: int = 24) -> Iterator[np.ndarray]:
    """Render the kernel over the input, one frame per output, row by row.

    The cells that the kernel slides over are at the left, with padding and inserted zeros dashed, and the outputs at
    the right; the active ones are dark. The number in a cell is that of the weight that multiplies it, as in the key of
    `matrix_figure`. A cell is a square of `cell` pixels; both grids are centered vertically, one cell away from the
    sides and from each other.

    Args:
        sliding: geometry of the convolution or transposed convolution.
        cell: size of a cell in pixels.

    Returns:
        An iterator of uint8 (height, width, 3), one per output, as `dcgan.visualization.save_animation` takes it.

    Raises:
        UserError: `cell` is not positive.
    """
    _checked_cell(cell)
    return (_frame(sliding, row, column, cell) for row, column in np.ndindex(*sliding.output_size))


def _frame(sliding: Sliding, row: int, column: int, cell: int) -> np.ndarray:
    """The frame of one output."""
    vertical, horizontal = sliding.axes
    rows, columns = sliding.output_size
    height = max(vertical.length, rows) + 2
    canvas = _Canvas(height * cell, (horizontal.length + columns + 3) * cell)
    top, left = (height - vertical.length) * cell / 2, cell
    window_top, window_left = vertical.starts[row], horizontal.starts[column]
    window = np.s_[window_top : window_top + sliding.kernel[0], window_left : window_left + sliding.kernel[1]]
    is_input = _input_mask(sliding)
    colors = np.where(is_input[..., None], INPUT, ZERO)
    colors[window] = np.where(is_input[window][..., None], ACTIVE_INPUT, ACTIVE_ZERO)
    canvas.grid(colors, left, top, cell, dashed=~is_input)
    numbers = vertical.weights[:, None] * sliding.kernel[1] + horizontal.weights + 1
    canvas.numbers(numbers, left + window_left * cell, top + window_top * cell, cell)
    outputs = np.broadcast_to(OUTPUT, (rows, columns, 3)).copy()
    outputs[row, column] = ACTIVE_OUTPUT
    canvas.grid(outputs, (horizontal.length + 2) * cell, (height - rows) * cell / 2, cell)
    return canvas.pixels()


def _input_mask(sliding: Sliding) -> np.ndarray:
    """Which cells hold an input, and not a zero."""
    mask = np.zeros([axis.length for axis in sliding.axes], bool)
    mask[np.ix_(*(axis.inputs for axis in sliding.axes))] = True
    return mask


def _weight_colors(count: int) -> np.ndarray:
    """White for entries without a weight, then one color per weight: uint8 (count + 1, 3)."""
    import matplotlib

    colors = matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, count))[:, :3]
    return np.concatenate([[[255] * 3], np.round(colors * 255)]).astype(np.uint8)


def _checked_cell(cell: int) -> int:
    return pair(cell, "A cell's size in pixels")[0]


class _Canvas:
    """A matplotlib figure, made without pyplot, whose units are pixels from the upper left corner."""

    def __init__(self, height: int, width: int):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._canvas = FigureCanvasAgg(Figure(figsize=(width / DPI, height / DPI), dpi=DPI))
        self._axes = self._canvas.figure.add_axes((0, 0, 1, 1))
        self._axes.set(xlim=(0, width), ylim=(height, 0))
        self._axes.axis("off")

    def grid(self, colors: np.ndarray, left: float, top: float, cell: int, dashed: np.ndarray | None = None) -> None:
        """Add squares in colors (rows, columns, 3), with outlines where there is room for them."""
        rows, columns = colors.shape[0], colors.shape[1]
        extent = (left, left + columns * cell, top + rows * cell, top)
        self._axes.imshow(colors.astype(np.uint8), extent=extent, interpolation="nearest", aspect="auto", zorder=0)
        if cell >= 5:
            dashed = np.zeros((rows, columns), bool) if dashed is None else dashed
            for mask, style in ((dashed, (0, (2, 2))), (~dashed, "solid")):
                self._outline(np.argwhere(mask), left, top, cell, style)

    def _outline(self, cells: np.ndarray, left: float, top: float, cell: int, style: Any) -> None:
        """Outline cells (row, column)."""
        from matplotlib.collections import PolyCollection

        corners = (cells[:, None, ::-1] + [(0, 0), (1, 0), (1, 1), (0, 1)]) * cell + (left, top)
        if len(cells):
            options: Any = {"facecolors": "none", "edgecolors": "0.45", "linewidths": 0.6, "linestyles": style}
            self._axes.add_collection(PolyCollection(list(corners), **options), autolim=False)

    def numbers(self, numbers: np.ndarray, left: float, top: float, cell: int) -> None:
        """Add numbers (rows, columns) in the lower right corners of cells, white with a dark edge."""
        from matplotlib.patheffects import withStroke

        if cell < MIN_NUMBERED_CELL:
            return
        for (row, column), number in np.ndenumerate(numbers):
            x, y = left + (column + 0.93) * cell, top + (row + 0.93) * cell
            text = self._axes.text(x, y, str(number), size=0.28 * cell, color="white", ha="right", va="bottom")
            text.set_path_effects([withStroke(linewidth=1.2, foreground="0.2")])

    def frame(self, left: float, top: float, width: float, height: float) -> None:
        """Add a black outline."""
        from matplotlib.patches import Rectangle

        self._axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor="black", linewidth=1.6))

    def pixels(self) -> np.ndarray:
        """Render the figure as uint8 (height, width, 3)."""
        self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()
