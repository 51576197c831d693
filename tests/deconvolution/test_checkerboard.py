"""The checkerboard measures on images whose result is known."""

import keras
import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.deconvolution import checkerboard_contrast, checkerboard_energy

ROWS, COLUMNS = np.mgrid[0:24, 0:48]


def as_batch(image):
    """An image (H, W) as a batch."""
    return np.asarray(image)[None, ..., None]


def checkerboard(period, rows=ROWS, columns=COLUMNS):
    """Fields half a period wide, of 1 and -1."""
    return (-1.0) ** (rows // (period // 2) + columns // (period // 2))


SMOOTH = np.cos(2 * np.pi * ROWS / 24) + np.sin(2 * np.pi * COLUMNS / 48)
"""Its energy is 1 per pixel."""


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_checkerboard_has_energy_1_at_its_own_period_and_0_at_others(period):
    for other in (2, 4, 8):
        assert checkerboard_energy(as_batch(checkerboard(period)), other) == pytest.approx(
            float(other == period), abs=1e-12
        )


@pytest.mark.parametrize("stripes", [(-1.0) ** ROWS, (-1.0) ** COLUMNS])
def test_stripes_of_period_2_have_energy_1_and_infinite_contrast(stripes):
    assert checkerboard_energy(as_batch(stripes)) == pytest.approx(1)
    assert checkerboard_contrast(as_batch(stripes)) == np.inf


@pytest.mark.parametrize("image", [SMOOTH, ROWS + 2.0 * COLUMNS, (ROWS - 12) ** 2 + 0.0, np.full((24, 48), 0.3)])
@pytest.mark.parametrize("period", [2, 4])
def test_smooth_images_have_no_checkerboard(image, period):
    assert checkerboard_energy(as_batch(image), period) == pytest.approx(0, abs=1e-12)
    assert checkerboard_contrast(as_batch(image), period) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("amplitude", [0.01, 0.5, 3.0])
def test_the_energy_of_a_sum_is_the_checkerboards_fraction(amplitude):
    image = 7 * (SMOOTH + amplitude * checkerboard(2)) + 5
    assert checkerboard_energy(as_batch(image)) == pytest.approx(amplitude**2 / (1 + amplitude**2))


def test_straight_edges_hardly_count_as_checkerboards():
    """A rectangle's spectrum is a cross, whose arms reach the points of period 2; neighbors on an arm are as strong."""
    top, bottom, left, right = np.random.default_rng(0).integers(2, 11, (4, 600, 1, 1))
    inside = (top <= ROWS) & (24 - bottom > ROWS) & (left <= COLUMNS) & (48 - right > COLUMNS)
    rectangles = inside[..., None].astype(np.float32)
    assert checkerboard_energy(rectangles) < 2e-4
    assert checkerboard_contrast(rectangles) < 1.2
    assert checkerboard_energy(rectangles + 0.1 * checkerboard(2)[..., None]) == pytest.approx(
        0.01 / rectangles.var(), rel=0.2
    )


def test_noise_has_hardly_any_energy_and_a_weak_checkerboard_in_it_is_found():
    noise = np.random.default_rng(0).standard_normal((300, 24, 48, 3))
    assert checkerboard_energy(noise) < 1e-3
    assert checkerboard_contrast(noise) < 1.1
    with_pattern = noise + 0.1 * checkerboard(2)[..., None]
    assert checkerboard_energy(with_pattern) == pytest.approx(0.01 / 1.01, rel=0.1)
    assert checkerboard_contrast(with_pattern) > 3  # one point of three, with 0.01 · 24 · 48 times the noise's energy


def test_the_energy_equals_the_variance_of_the_means_over_the_positions_of_a_block():
    """By Parseval, the points of period 2 are determined by the means of all pixels at one position of a block."""
    random = np.random.default_rng(1)
    image = np.kron(random.standard_normal((6, 6)), np.ones((4, 4))) + np.tile(random.standard_normal((2, 2)), (12, 12))
    image -= neighbor_frequencies(image)
    means = [image[row::2, column::2].mean() for row in (0, 1) for column in (0, 1)]
    assert checkerboard_energy(as_batch(image)) == pytest.approx(np.var(means) / np.var(image), rel=1e-9)


def neighbor_frequencies(image):
    """The part of an image at the frequencies next to the points of period 2."""
    spectrum, (height, width) = np.fft.fft2(image), image.shape
    kept = np.zeros(image.shape, bool)
    for row, column in ((height // 2, 0), (0, width // 2), (height // 2, width // 2)):
        for step in (-2, -1, 1, 2):
            kept[(row + step) % height, column] = kept[row, (column + step) % width] = True
    return np.fft.ifft2(np.where(kept, spectrum, 0)).real


def test_brightness_and_contrast_do_not_change_the_measures():
    images = np.random.default_rng(0).integers(0, 100, (5, 24, 24, 3), dtype=np.uint8)
    for measure in (checkerboard_energy, checkerboard_contrast):
        assert measure(images) == pytest.approx(measure(2.5 * images - 40), rel=1e-9)


@pytest.mark.parametrize(("kernel", "clean"), [(3, False), (4, True), (5, False)])
def test_a_transposed_convolution_of_ones_leaves_a_checkerboard_unless_its_stride_divides_its_kernel(kernel, clean):
    layer = keras.layers.Conv2DTranspose(1, kernel, strides=2, padding="same", kernel_initializer="ones")
    upsampled = np.asarray(layer(np.ones((1, 40, 40, 1), np.float32)))[:, 8:-8, 8:-8]
    assert checkerboard_energy(upsampled) == pytest.approx(0 if clean else 1, abs=1e-12)


@pytest.mark.parametrize(
    ("shape", "period"), [((1, 9, 8, 1), 2), ((1, 8, 8, 1), 4), ((1, 8, 8, 1), 1), ((0, 8, 8, 1), 2), ((8, 8, 1), 2)]
)
def test_sides_that_the_period_does_not_divide_and_other_shapes_raise_an_error(shape, period):
    with pytest.raises(UserError):
        checkerboard_energy(np.zeros(shape), period)
