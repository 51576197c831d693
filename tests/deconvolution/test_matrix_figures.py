"""Pictures of matrices and of moving kernels: which cells have which colour, by the matrix itself."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from dcgan.core.errors import UserError
from dcgan.deconvolution.matrix_figures import (
    INPUT,
    OUTPUT,
    READ_INPUT,
    READ_ZERO,
    WRITTEN_OUTPUT,
    ZERO,
    Sliding,
    matrix_figure,
    sliding_frames,
)
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


def cells(picture, left, top, rows, columns, cell=CELL):
    """The colour near the upper left corner of every cell, inside its outline and away from its number."""
    at = [np.arange(count) * cell + int(start) + 3 for count, start in ((rows, top), (columns, left))]
    return picture[np.ix_(*at)]


def is_colour(cells, colour):
    return (cells == np.array(colour)).all(axis=-1)


def grids(sliding, frame, cell=CELL):
    """The cells of the input grid and of the output grid, as the docstring says where they are."""
    (rows, columns), (high, wide) = (axis.length for axis in sliding.axes), sliding.output_size
    left = cells(frame, cell, (len(frame) - rows * cell) / 2, rows, columns, cell)
    return left, cells(frame, (columns + 2) * cell, (len(frame) - high * cell) / 2, high, wide, cell)


@pytest.mark.parametrize("sliding", CASES, ids=str)
def test_there_is_a_frame_for_every_output_and_the_output_has_kerass_size(sliding):
    kind = keras.layers.Conv2DTranspose if sliding.transposed else keras.layers.Conv2D
    zeros = (0, 0) if isinstance(sliding.padding, str) else sliding.padding
    layer = kind(1, sliding.kernel, sliding.strides, sliding.padding if zeros == (0, 0) else "valid")
    around = (0, 0) if sliding.transposed else zeros  # around the input; a transposed convolution cuts as many off
    padded = [side + 2 * zero for side, zero in zip(sliding.size, around, strict=True)]
    made = layer.compute_output_shape((1, *padded, 1))[1:3]
    if sliding.transposed and zeros != (0, 0):
        made = [side - 2 * zero for side, zero in zip(made, zeros, strict=True)]
    assert sliding.output_size == tuple(made)
    frames = list(sliding_frames(sliding, 5))
    assert len(frames) == np.prod(made) == sliding.matrix.shape[0]
    assert all(frame.dtype == np.uint8 and frame.shape == frames[0].shape for frame in frames)


@pytest.mark.parametrize("sliding", CASES, ids=str)
def test_the_dark_inputs_of_a_frame_are_the_nonzeros_of_its_row_of_the_matrix(sliding):
    for number, frame in enumerate(sliding_frames(sliding, CELL)):
        left, right = grids(sliding, frame)
        held = is_colour(left, INPUT) | is_colour(left, READ_INPUT)
        assert held.sum() == np.prod(sliding.size)
        read = is_colour(left[held], READ_INPUT)
        np.testing.assert_array_equal(read, sliding.matrix.toarray()[number] != 0)
        np.testing.assert_array_equal(np.flatnonzero(is_colour(right, WRITTEN_OUTPUT)), [number])
        assert is_colour(right, OUTPUT).sum() == right.shape[0] * right.shape[1] - 1


@pytest.mark.parametrize("sliding", CASES, ids=str)
def test_the_window_is_one_whole_kernel_and_all_else_is_zeros(sliding):
    for frame in sliding_frames(sliding, CELL):
        left, _ = grids(sliding, frame)
        window = is_colour(left, READ_INPUT) | is_colour(left, READ_ZERO)
        rows, columns = np.flatnonzero(window.any(axis=1)), np.flatnonzero(window.any(axis=0))
        assert window.sum() == np.prod(sliding.kernel)
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == sliding.kernel
        assert (window | is_colour(left, INPUT) | is_colour(left, ZERO)).all()


@pytest.mark.parametrize("sliding", CASES, ids=str)
def test_the_number_in_a_cell_is_the_weight_that_the_matrix_multiplies_it_by(sliding):
    vertical, horizontal = sliding.axes
    for (row, column), line in zip(np.ndindex(*sliding.output_size), sliding.matrix.toarray(), strict=True):
        weights = np.zeros((vertical.length, horizontal.length))
        for a in range(sliding.kernel[0]):
            for b in range(sliding.kernel[1]):
                number = vertical.weights[a] * sliding.kernel[1] + horizontal.weights[b] + 1
                weights[vertical.starts[row] + a, horizontal.starts[column] + b] = number
        np.testing.assert_array_equal(weights[np.ix_(vertical.inputs, horizontal.inputs)].ravel(), line)


def test_cells_have_numbers_from_the_size_on_that_has_room_for_them():
    small, large = (next(sliding_frames(Sliding((3, 3), 3), cell)) for cell in (13, 14))
    assert len(np.unique(large.reshape(-1, 3), axis=0)) > 2 * len(np.unique(small.reshape(-1, 3), axis=0))


def test_the_matrix_of_a_3x3_kernel_over_a_4x4_image_shows_36_coloured_cells_of_9_colours():
    picture = matrix_figure(Sliding((4, 4), 3), CELL)
    shown = cells(picture, CELL, CELL, 4, 16)
    coloured = shown[~is_colour(shown, ZERO)]
    assert len(coloured) == 36
    assert (np.unique(coloured, axis=0, return_counts=True)[1] == 4).all()
    assert len(np.unique(coloured, axis=0)) == 9


@pytest.mark.parametrize("sliding", CASES, ids=str)
def test_two_cells_of_the_matrix_have_one_colour_exactly_when_they_hold_one_weight(sliding):
    matrix = sliding.matrix.toarray()
    shown = cells(matrix_figure(sliding, CELL), CELL, CELL, *matrix.shape)
    np.testing.assert_array_equal(is_colour(shown, ZERO), matrix == 0)
    pairs = np.unique(np.concatenate([matrix[..., None], shown], axis=2).reshape(-1, 4), axis=0)
    assert len(pairs) == len(np.unique(matrix)) == len(np.unique(pairs[:, 1:], axis=0))


def test_the_transposed_matrix_is_the_matrix_turned_over():
    grown = Sliding((2, 2), 3, transposed=True)
    assert grown.output_size == (4, 4)
    np.testing.assert_array_equal(grown.matrix.toarray(), Sliding((4, 4), 3).matrix.toarray().T)


def test_a_framed_row_is_the_only_difference():
    plain, framed = (matrix_figure(Sliding((4, 4), 3), CELL, row) for row in (None, 2))
    changed = np.flatnonzero((plain != framed).any(axis=(1, 2)))
    assert abs(changed.min() - 3 * CELL) <= 2
    assert abs(changed.max() - 4 * CELL) <= 2


def test_a_large_matrix_is_drawn_a_pixel_an_entry():
    sliding = Sliding((28, 28), 5, 2, "same")
    picture = matrix_figure(sliding)
    assert picture.shape[1] >= 28 * 28
    shown = picture[1 : 1 + 14 * 14, 1 : 1 + 28 * 28]
    assert (~is_colour(shown, ZERO)).sum() == sliding.matrix.nnz


def test_frames_become_an_animation(tmp_path):
    assert save_animation(tmp_path / "kernel.gif", sliding_frames(CASES[0], 8), fps=4) == 4
    with Image.open(tmp_path / "kernel.gif") as film:
        assert film.n_frames == 4


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
def test_what_can_not_be_drawn_is_refused(make):
    with pytest.raises(UserError):
        make()


def test_pictures_come_without_tensorflow_and_pyplot(pytestconfig):
    program = """
import sys
from dcgan.deconvolution import Sliding, matrix_picture, sliding_frames
matrix_picture(Sliding((4, 4), 3)), next(sliding_frames(Sliding((4, 4), 3)))
assert not {"tensorflow", "keras", "matplotlib.pyplot"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=pytestconfig.rootpath)
