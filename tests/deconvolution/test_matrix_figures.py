"""Figures of matrices and of sliding kernels: the color of every cell against the matrix."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from dcgan.core.errors import UserError
from dcgan.deconvolution import Sliding, matrix_figure, sliding_frames
from dcgan.deconvolution.matrix_figures import ACTIVE_INPUT, ACTIVE_OUTPUT, ACTIVE_ZERO, INPUT, OUTPUT, ZERO
from dcgan.visualization import save_animation

CELL = 10
CASES = [
    Sliding((4, 4), 3),
    Sliding((5, 6), (3, 2), 2, "same"),
    Sliding((6, 5), 3, (2, 1)),
    Sliding((5, 5), 2, 3, "same"),
    Sliding((7, 6), 3, 3),
    Sliding((4, 5), 3, 2, 1),
    Sliding((3, 4), (3, 2), 1, (2, 1)),
    Sliding((2, 2), 3, transposed=True),
    Sliding((3, 2), (3, 4), 2, (1, 2), transposed=True),
    Sliding((5, 4), 3, 1, 2, transposed=True),
    Sliding((3, 2), (3, 4), 2, "same", transposed=True),
    Sliding((2, 3), 4, 2, "valid", transposed=True),
    Sliding((2, 2), 2, 3, "valid", transposed=True),
    Sliding((3, 3), 2, (3, 1), "same", transposed=True),
]


def cells(figure, left, top, rows, columns, cell=CELL):
    """The color near the upper left corner of every cell, inside its outline and away from its number."""
    samples = [np.arange(count) * cell + int(start) + 3 for count, start in ((rows, top), (columns, left))]
    return figure[np.ix_(*samples)]


def is_color(cells, color):
    return (cells == np.array(color)).all(axis=-1)


def grids(sliding, frame, cell=CELL):
    """The cells of the input grid and of the output grid, at the positions that the docstring specifies."""
    (rows, columns), (high, wide) = (axis.length for axis in sliding.axes), sliding.output_size
    left = cells(frame, cell, (len(frame) - rows * cell) / 2, rows, columns, cell)
    return left, cells(frame, (columns + 2) * cell, (len(frame) - high * cell) / 2, high, wide, cell)


@pytest.mark.parametrize("sliding", CASES, ids=str)
def test_there_is_one_frame_per_output_and_the_output_has_kerass_size(sliding):
    layer_class = keras.layers.Conv2DTranspose if sliding.transposed else keras.layers.Conv2D
    zeros = (0, 0) if isinstance(sliding.padding, str) else sliding.padding
    layer = layer_class(1, sliding.kernel, sliding.strides, sliding.padding if zeros == (0, 0) else "valid")
    around = (0, 0) if sliding.transposed else zeros  # around the input; a transposed convolution crops as many
    padded = [side + 2 * zero for side, zero in zip(sliding.size, around, strict=True)]
    expected = layer.compute_output_shape((1, *padded, 1))[1:3]
    if sliding.transposed and zeros != (0, 0):
        expected = [side - 2 * zero for side, zero in zip(expected, zeros, strict=True)]
    assert sliding.output_size == tuple(expected)
    frames = list(sliding_frames(sliding, 5))
    assert len(frames) == np.prod(expected) == sliding.matrix.shape[0]
    assert all(frame.dtype == np.uint8 and frame.shape == frames[0].shape for frame in frames)


@pytest.mark.parametrize("sliding", CASES, ids=str)
def test_the_active_inputs_of_a_frame_are_the_nonzeros_of_its_row_of_the_matrix(sliding):
    for number, frame in enumerate(sliding_frames(sliding, CELL)):
        left, right = grids(sliding, frame)
        inputs = is_color(left, INPUT) | is_color(left, ACTIVE_INPUT)
        assert inputs.sum() == np.prod(sliding.size)
        active = is_color(left[inputs], ACTIVE_INPUT)
        np.testing.assert_array_equal(active, sliding.matrix.toarray()[number] != 0)
        np.testing.assert_array_equal(np.flatnonzero(is_color(right, ACTIVE_OUTPUT)), [number])
        assert is_color(right, OUTPUT).sum() == right.shape[0] * right.shape[1] - 1


@pytest.mark.parametrize("sliding", CASES, ids=str)
def test_the_window_has_the_kernels_size_and_all_other_cells_are_inputs_or_zeros(sliding):
    for frame in sliding_frames(sliding, CELL):
        left, _ = grids(sliding, frame)
        window = is_color(left, ACTIVE_INPUT) | is_color(left, ACTIVE_ZERO)
        rows, columns = np.flatnonzero(window.any(axis=1)), np.flatnonzero(window.any(axis=0))
        assert window.sum() == np.prod(sliding.kernel)
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == sliding.kernel
        assert (window | is_color(left, INPUT) | is_color(left, ZERO)).all()


@pytest.mark.parametrize("sliding", CASES, ids=str)
def test_the_number_in_a_cell_is_that_of_its_weight_in_the_matrix(sliding):
    vertical, horizontal = sliding.axes
    for (row, column), line in zip(np.ndindex(*sliding.output_size), sliding.matrix.toarray(), strict=True):
        weights = np.zeros((vertical.length, horizontal.length))
        for a in range(sliding.kernel[0]):
            for b in range(sliding.kernel[1]):
                number = vertical.weights[a] * sliding.kernel[1] + horizontal.weights[b] + 1
                weights[vertical.starts[row] + a, horizontal.starts[column] + b] = number
        np.testing.assert_array_equal(weights[np.ix_(vertical.inputs, horizontal.inputs)].ravel(), line)


def test_cells_have_numbers_from_14_pixels_on():
    small, large = (next(sliding_frames(Sliding((3, 3), 3), cell)) for cell in (13, 14))
    assert len(np.unique(large.reshape(-1, 3), axis=0)) > 2 * len(np.unique(small.reshape(-1, 3), axis=0))


def test_the_matrix_of_a_3x3_kernel_over_a_4x4_image_shows_36_colored_cells_of_9_colors():
    figure = matrix_figure(Sliding((4, 4), 3), CELL)
    shown = cells(figure, CELL, CELL, 4, 16)
    colored = shown[~is_color(shown, ZERO)]
    assert len(colored) == 36
    assert (np.unique(colored, axis=0, return_counts=True)[1] == 4).all()
    assert len(np.unique(colored, axis=0)) == 9


@pytest.mark.parametrize("sliding", CASES, ids=str)
def test_two_entries_of_the_matrix_have_the_same_color_exactly_if_they_hold_the_same_weight(sliding):
    matrix = sliding.matrix.toarray()
    shown = cells(matrix_figure(sliding, CELL), CELL, CELL, *matrix.shape)
    np.testing.assert_array_equal(is_color(shown, ZERO), matrix == 0)
    pairs = np.unique(np.concatenate([matrix[..., None], shown], axis=2).reshape(-1, 4), axis=0)
    assert len(pairs) == len(np.unique(matrix)) == len(np.unique(pairs[:, 1:], axis=0))


def test_the_matrix_of_a_transposed_convolution_is_the_transpose():
    transposed = Sliding((2, 2), 3, transposed=True)
    assert transposed.output_size == (4, 4)
    np.testing.assert_array_equal(transposed.matrix.toarray(), Sliding((4, 4), 3).matrix.toarray().T)


def test_a_frame_changes_the_figure_at_its_row_only():
    plain, framed = (matrix_figure(Sliding((4, 4), 3), CELL, row) for row in (None, 2))
    changed = np.flatnonzero((plain != framed).any(axis=(1, 2)))
    assert abs(changed.min() - 3 * CELL) <= 2
    assert abs(changed.max() - 4 * CELL) <= 2


def test_a_large_matrix_is_rendered_with_one_pixel_per_entry():
    sliding = Sliding((28, 28), 5, 2, "same")
    figure = matrix_figure(sliding)
    assert figure.shape[1] >= 28 * 28
    shown = figure[1 : 1 + 14 * 14, 1 : 1 + 28 * 28]
    assert (~is_color(shown, ZERO)).sum() == sliding.matrix.nnz


def test_frames_are_saved_as_an_animation(tmp_path):
    assert save_animation(tmp_path / "kernel.gif", sliding_frames(CASES[0], 8), fps=4) == 4
    with Image.open(tmp_path / "kernel.gif") as animation:
        assert animation.n_frames == 4


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sliding((4, 4), 5),
        lambda: Sliding((4, 0), 3),
        lambda: Sliding((4, 4), 3, 0),
        lambda: Sliding((4, 4), 3, 1, "full"),
        lambda: Sliding((4, 4), 3, 1, 3),
        lambda: Sliding((4, 4), 3, 1, (0, -1)),
        lambda: Sliding((1, 1), 2, 1, 1, transposed=True),
        lambda: matrix_figure(Sliding((4, 4), 3), 0),
        lambda: matrix_figure(Sliding((4, 4), 3), row=4),
        lambda: sliding_frames(Sliding((4, 4), 3), 0),
    ],
)
def test_invalid_arguments_raise_an_error(make):
    with pytest.raises(UserError):
        make()


def test_figures_import_neither_tensorflow_nor_pyplot(pytestconfig):
    program = """
import sys
from dcgan.deconvolution import Sliding, matrix_figure, sliding_frames
matrix_figure(Sliding((4, 4), 3)), next(sliding_frames(Sliding((4, 4), 3)))
assert not {"tensorflow", "keras", "matplotlib.pyplot"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=pytestconfig.rootpath)
