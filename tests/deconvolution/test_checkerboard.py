"""The measure of checkerboards, where the answer can be written down."""

import keras
import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.deconvolution import checkerboard_contrast, checkerboard_energy

ROWS, COLUMNS = np.mgrid[0:24, 0:48]


def one(image):
    """An image (H, W) as a batch."""
    return np.asarray(image)[None, ..., None]


def board(period, rows=ROWS, columns=COLUMNS):
    """Fields of half a period in 1 and -1."""
    return (-1.0) ** (rows // (period // 2) + columns // (period // 2))


SMOOTH = np.cos(2 * np.pi * ROWS / 24) + np.sin(2 * np.pi * COLUMNS / 48)
"""Of energy 1 a pixel."""


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_checkerboard_is_all_checkerboard_and_of_its_own_period_only(period):
    for other in (2, 4, 8):
        assert checkerboard_energy(one(board(period)), other) == pytest.approx(float(other == period), abs=1e-12)


@pytest.mark.parametrize("stripes", [(-1.0) ** ROWS, (-1.0) ** COLUMNS])
def test_stripes_of_two_pixels_are_too(stripes):
    assert checkerboard_energy(one(stripes)) == pytest.approx(1)
    assert checkerboard_contrast(one(stripes)) == np.inf


@pytest.mark.parametrize("image", [SMOOTH, ROWS + 2.0 * COLUMNS, (ROWS - 12) ** 2 + 0.0, np.full((24, 48), 0.3)])
@pytest.mark.parametrize("period", [2, 4])
def test_what_is_smooth_has_none(image, period):
    assert checkerboard_energy(one(image), period) == pytest.approx(0, abs=1e-12)
    assert checkerboard_contrast(one(image), period) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("amplitude", [0.01, 0.5, 3.0])
def test_of_a_sum_it_is_the_checkerboards_part(amplitude):
    image = 7 * (SMOOTH + amplitude * board(2)) + 5
    assert checkerboard_energy(one(image)) == pytest.approx(amplitude**2 / (1 + amplitude**2))


def test_pictures_of_edges_have_none():
    """A rectangle's spectrum is a cross, whose arms reach to the points of period 2: there its column is as strong."""
    top, bottom, left, right = np.random.default_rng(0).integers(2, 11, (4, 600, 1, 1))
    inside = (top <= ROWS) & (24 - bottom > ROWS) & (left <= COLUMNS) & (48 - right > COLUMNS)
    pictures = inside[..., None].astype(np.float32)
    assert checkerboard_energy(pictures) < 2e-4
    assert checkerboard_contrast(pictures) < 1.2
    assert checkerboard_energy(pictures + 0.1 * board(2)[..., None]) == pytest.approx(0.01 / pictures.var(), rel=0.2)


def test_noise_has_hardly_any_and_what_repeats_in_it_is_found():
    noise = np.random.default_rng(0).standard_normal((300, 24, 48, 3))
    assert checkerboard_energy(noise) < 1e-3
    assert checkerboard_contrast(noise) < 1.1
    found = noise + 0.1 * board(2)[..., None]
    assert checkerboard_energy(found) == pytest.approx(0.01 / 1.01, rel=0.1)
    assert checkerboard_contrast(found) > 3  # one point of three, of 0.01 · 24 · 48 times the noise's


def test_it_is_the_spread_of_the_means_over_the_places_of_a_block():
    """Parseval, the other way round: the points of period 2 are the means of all pixels at one place of a block."""
    random = np.random.default_rng(1)
    image = np.kron(random.standard_normal((6, 6)), np.ones((4, 4))) + np.tile(random.standard_normal((2, 2)), (12, 12))
    image -= smoothed_out(image)
    places = [image[row::2, column::2].mean() for row in (0, 1) for column in (0, 1)]
    assert checkerboard_energy(one(image)) == pytest.approx(np.var(places) / np.var(image), rel=1e-9)


def smoothed_out(image):
    """The part of an image at the neighbours of the points of period 2."""
    spectrum, (height, width) = np.fft.fft2(image), image.shape
    kept = np.zeros(image.shape, bool)
    for row, column in ((height // 2, 0), (0, width // 2), (height // 2, width // 2)):
        for step in (-2, -1, 1, 2):
            kept[(row + step) % height, column] = kept[row, (column + step) % width] = True
    return np.fft.ifft2(np.where(kept, spectrum, 0)).real


def test_brightness_and_contrast_make_no_difference():
    images = np.random.default_rng(0).integers(0, 100, (5, 24, 24, 3), dtype=np.uint8)
    for measure in (checkerboard_energy, checkerboard_contrast):
        assert measure(images) == pytest.approx(measure(2.5 * images - 40), rel=1e-9)


@pytest.mark.parametrize(("kernel", "clean"), [(3, False), (4, True), (5, False)])
def test_a_transposed_convolution_of_ones_leaves_one_unless_its_stride_divides_its_kernel(kernel, clean):
    layer = keras.layers.Conv2DTranspose(1, kernel, strides=2, padding="same", kernel_initializer="ones")
    grown = np.asarray(layer(np.ones((1, 40, 40, 1), np.float32)))[:, 8:-8, 8:-8]
    assert checkerboard_energy(grown) == pytest.approx(0 if clean else 1, abs=1e-12)


@pytest.mark.parametrize(
    ("shape", "period"), [((1, 9, 8, 1), 2), ((1, 8, 8, 1), 4), ((1, 8, 8, 1), 1), ((0, 8, 8, 1), 2), ((8, 8, 1), 2)]
)
def test_what_has_no_such_frequencies_is_refused(shape, period):
    with pytest.raises(UserError):
        checkerboard_energy(np.zeros(shape), period)
