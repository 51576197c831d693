"""Pictures of a convolution: its matrix, and its kernel moving over its input, one frame an output.

The moving kernel is drawn in the manner of Dumoulin and Visin 2016 ("A guide to convolution arithmetic for deep
learning", sections 2 and 4): inputs blue, outputs green, padding and inserted zeros white. A transposed convolution is
shown as the convolution that equals it, with stride 1 over its input spread out by zeros (their section 4.5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from dcgan.core.errors import UserError
from dcgan.deconvolution.arithmetic import Padding, outputs, paddings, pair, positions_read, zeros_before
from dcgan.deconvolution.matrix import convolution_matrix

INPUT, READ_INPUT = (142, 195, 230), (31, 105, 165)
ZERO, READ_ZERO = (255, 255, 255), (196, 203, 212)
OUTPUT, WRITTEN_OUTPUT = (160, 219, 150), (36, 124, 48)
"""Colours (red, green, blue) of cells, and of those that the shown output reads or is."""

DPI = 100
LEGIBLE = 14
"""Pixels from which on a cell has room for a number."""


@dataclass(frozen=True)
class Sliding:
    """A kernel that slides over an image of one channel, as TensorFlow counts it.

    Args:
        size: (H, W) of the input: of the image, or with `transposed` of the map that is to grow.
        kernel: side of the kernel, one number or (height, width).
        strides: of the convolution, one number or (vertical, horizontal).
        padding: "valid", "same", or how many zeros stand on every side of the convolution's input, one number or
            (vertical, horizontal).
        transposed: whether it is the transposed convolution; its output has the size that Keras gives it, or with
            padding in numbers, PyTorch.

    Raises:
        UserError: a number is not positive, the padding is unknown or as large as the kernel, or the kernel does not
            fit in.
    """

    size: int | Sequence[int]
    kernel: int | Sequence[int]
    strides: int | Sequence[int] = 1
    padding: str | int | Sequence[int] = "valid"
    transposed: bool = False

    def __post_init__(self):
        for name, words in (("size", "The input's size"), ("kernel", "The kernel"), ("strides", "The stride")):
            object.__setattr__(self, name, pair(getattr(self, name), words))
        along = paddings(self.padding, self.kernel)
        object.__setattr__(self, "padding", along[0] if isinstance(along[0], str) else along)
        if self.transposed:
            pair([_grown(*axis) for axis in self._arithmetic], "The output's size")
        else:
            for axis in self._arithmetic:
                positions_read(*axis)

    @property
    def _arithmetic(self) -> Iterator[tuple[int, int, int, Padding]]:
        """Length, kernel, stride and padding, of the rows' axis and of the columns'."""
        return zip(self.size, self.kernel, self.strides, paddings(self.padding, self.kernel), strict=True)

    @cached_property
    def axes(self) -> tuple["Axis", "Axis"]:
        """What happens along the rows' and the columns' axis."""
        lay_out = _transposed_axis if self.transposed else _convolution_axis
        vertical, horizontal = (lay_out(*axis) for axis in self._arithmetic)
        return vertical, horizontal

    @property
    def output_size(self) -> tuple[int, int]:
        """(H', W') of the output."""
        return len(self.axes[0].starts), len(self.axes[1].starts)

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """C, or Cᵀ if transposed, with outputs as rows and inputs as columns.

        Its entries are the numbers of the kernel's weights, 1 for the upper left one and on row by row.
        """
        numbers = np.arange(1.0, self.kernel[0] * self.kernel[1] + 1).reshape(self.kernel)
        size = self.output_size if self.transposed else self.size
        matrix = convolution_matrix(size, numbers, self.strides, self.padding)
        return matrix.T.tocsr() if self.transposed else matrix


@dataclass(frozen=True)
class Axis:
    """One axis of the cells that a kernel slides over."""

    length: int
    """Cells, with the padding and the inserted zeros."""
    inputs: np.ndarray
    """The cells that hold an input."""
    starts: np.ndarray
    """The first cell that each output reads."""
    weights: np.ndarray
    """Which row, or column, of the kernel meets each cell of the window."""


def matrix_figure(sliding: Sliding, cell: int | None = None, row: int | None = None) -> np.ndarray:
    """Draw the matrix, a colour a weight of the kernel, and at its right the kernel in the same colours.

    The matrix' upper left corner lies one cell inside the picture, and each of its entries is a square of `cell`
    pixels; entries that are always 0 are white.

    Args:
        sliding: the convolution.
        cell: side of an entry in pixels; by default, as many as bring the longer side to about 800, 24 at most.
        row: an output whose row is framed.

    Returns:
        uint8 (height, width, 3).

    Raises:
        UserError: `cell` is not positive, or there is no such row.
    """
    matrix = sliding.matrix.toarray().astype(np.intp)
    cell = _checked_cell(max(1, min(24, 800 // max(matrix.shape))) if cell is None else cell)
    if row is not None and not 0 <= row < len(matrix):
        raise UserError(f"There is no row {row}.", f"The matrix has {len(matrix)}.")
    colours, side = _weight_colours(matrix.max()), max(cell, LEGIBLE)
    key = np.arange(1, len(colours)).reshape(sliding.kernel)
    height = max((len(matrix) + 2) * cell, key.shape[0] * side + 2 * cell)
    canvas = _Canvas(height, (matrix.shape[1] + 3) * cell + key.shape[1] * side)
    canvas.grid(colours[matrix], cell, cell, cell)
    canvas.grid(colours[key], (matrix.shape[1] + 2) * cell, cell, side)
    canvas.numbers(key, (matrix.shape[1] + 2) * cell, cell, side)
    if row is not None:
        canvas.frame(cell, (row + 1) * cell, matrix.shape[1] * cell, cell)
    return canvas.pixels()


def sliding_frames(sliding: Sliding, cell: int = 24) -> Iterator[np.ndarray]:
    """Draw the kernel over the input, an output after the other, row by row.

    At the left are the cells that the kernel slides over, with padding and inserted zeros dashed, at the right the
    outputs; those that take part are dark. The number in a cell is that of the weight it is multiplied by, as in the
    key of `matrix_figure`. A cell is a square of `cell` pixels; both grids stand in the middle of the height, one cell
    from the side and from each other.

    Args:
        sliding: the convolution.
        cell: side of a cell in pixels.

    Returns:
        An iterator of uint8 (height, width, 3), as many as there are outputs; `dcgan.visualization.save_animation` takes it.

    Raises:
        UserError: `cell` is not positive.
    """
    places = np.ndindex(*sliding.output_size)
    _checked_cell(cell)
    return (_frame(sliding, row, column, cell) for row, column in places)


def _frame(sliding: Sliding, row: int, column: int, cell: int) -> np.ndarray:
    """The frame of one output."""
    vertical, horizontal = sliding.axes
    rows, columns = sliding.output_size
    height = max(vertical.length, rows) + 2
    canvas = _Canvas(height * cell, (horizontal.length + columns + 3) * cell)
    top, left = (height - vertical.length) * cell / 2, cell
    window = slice(vertical.starts[row], None), slice(horizontal.starts[column], None)
    window = tuple(slice(part.start, part.start + side) for part, side in zip(window, sliding.kernel, strict=True))
    holds = _holds_input(sliding)
    colours = np.where(holds[..., None], INPUT, ZERO)
    colours[window] = np.where(holds[window][..., None], READ_INPUT, READ_ZERO)
    canvas.grid(colours, left, top, cell, dashed=~holds)
    numbers = vertical.weights[:, None] * sliding.kernel[1] + horizontal.weights + 1
    canvas.numbers(numbers, left + window[1].start * cell, top + window[0].start * cell, cell)
    made = np.broadcast_to(OUTPUT, (rows, columns, 3)).copy()
    made[row, column] = WRITTEN_OUTPUT
    canvas.grid(made, (horizontal.length + 2) * cell, (height - rows) * cell / 2, cell)
    return canvas.pixels()


def _holds_input(sliding: Sliding) -> np.ndarray:
    """Which cells hold an input, and not a zero."""
    holds = np.zeros([axis.length for axis in sliding.axes], bool)
    holds[np.ix_(*(axis.inputs for axis in sliding.axes))] = True
    return holds


def _convolution_axis(length: int, kernel: int, stride: int, padding: Padding) -> Axis:
    count, before = outputs(length, kernel, stride, padding), zeros_before(length, kernel, stride, padding)
    behind = 0 if isinstance(padding, str) else padding
    cells = max(before + length + behind, (count - 1) * stride + kernel)
    return Axis(cells, before + np.arange(length), np.arange(count) * stride, np.arange(kernel))


def _grown(length: int, kernel: int, stride: int, padding: Padding) -> int:
    """How many outputs a transposed convolution has along one axis."""
    if isinstance(padding, str):
        return length * stride + (max(kernel - stride, 0) if padding == "valid" else 0)
    return (length - 1) * stride + kernel - 2 * padding


def _transposed_axis(length: int, kernel: int, stride: int, padding: Padding) -> Axis:
    """Output m of the transposed convolution is Σ_a u[m + p − a] w[a], p being the convolution's padding and u the
    input with stride − 1 zeros between its elements; so its window begins at m + p − (kernel − 1), and meets the
    weights in reverse."""
    grown = _grown(length, kernel, stride, padding)
    before = kernel - 1 - zeros_before(grown, kernel, stride, padding)
    inputs = before + np.arange(length) * stride
    return Axis(grown + kernel - 1, inputs, np.arange(grown), np.arange(kernel)[::-1])


def _weight_colours(count: int) -> np.ndarray:
    """White for "no weight", and one colour each: uint8 (count + 1, 3)."""
    import matplotlib

    shades = matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, count))[:, :3]
    return np.concatenate([[[255] * 3], np.round(shades * 255)]).astype(np.uint8)


def _checked_cell(cell: int) -> int:
    return pair(cell, "A cell's side in pixels")[0]


class _Canvas:
    """A matplotlib figure, made without pyplot, whose units are pixels from its upper left corner."""

    def __init__(self, height: int, width: int):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._canvas = FigureCanvasAgg(Figure(figsize=(width / DPI, height / DPI), dpi=DPI))
        self._axes = self._canvas.figure.add_axes([0, 0, 1, 1])
        self._axes.set(xlim=(0, width), ylim=(height, 0))
        self._axes.axis("off")

    def grid(self, colours: np.ndarray, left: float, top: float, cell: int, dashed: np.ndarray | None = None) -> None:
        """Squares in colours (rows, columns, 3), with outlines where there is room for them."""
        rows, columns = colours.shape[:2]
        extent = (left, left + columns * cell, top + rows * cell, top)
        self._axes.imshow(colours.astype(np.uint8), extent=extent, interpolation="nearest", aspect="auto", zorder=0)
        if cell >= 5:
            dashed = np.zeros((rows, columns), bool) if dashed is None else dashed
            for which, style in ((dashed, (0, (2, 2))), (~dashed, "solid")):
                self._outline(np.argwhere(which), left, top, cell, style)

    def _outline(self, places: np.ndarray, left: float, top: float, cell: int, style) -> None:
        from matplotlib.collections import PolyCollection

        corners = (places[:, None, ::-1] + [(0, 0), (1, 0), (1, 1), (0, 1)]) * cell + (left, top)
        if len(places):
            lines = PolyCollection(corners, facecolors="none", edgecolors="0.45", linewidths=0.6, linestyles=style)
            self._axes.add_collection(lines, autolim=False)

    def numbers(self, numbers: np.ndarray, left: float, top: float, cell: int) -> None:
        """Numbers (rows, columns) in the lower right corners of cells, white with a dark edge."""
        from matplotlib.patheffects import withStroke

        if cell < LEGIBLE:
            return
        for (row, column), number in np.ndenumerate(numbers):
            place = left + (column + 0.93) * cell, top + (row + 0.93) * cell
            text = self._axes.text(*place, str(number), size=0.28 * cell, color="white", ha="right", va="bottom")
            text.set_path_effects([withStroke(linewidth=1.2, foreground="0.2")])

    def frame(self, left: float, top: float, width: float, height: float) -> None:
        """A black outline."""
        from matplotlib.patches import Rectangle

        self._axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor="black", linewidth=1.6))

    def pixels(self) -> np.ndarray:
        """The picture, uint8 (height, width, 3)."""
        self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()
