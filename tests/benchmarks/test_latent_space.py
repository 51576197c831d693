"""Measurements of generated digits and the tables made of them, on images of which everything is known."""

import keras
import numpy as np
import pytest

from benchmarks import latent_space
from benchmarks.sample_pool import ClassifiedGenerator
from benchmarks.stroke_features import horizontal_and_vertical_strokes, slant, thickness


def bar(width, lean=0.0, size=40):
    """A vertical bar of ink, 24 pixels high, that leans to the right by `lean` pixels per pixel upwards."""
    y, x = np.mgrid[:size, :size]
    middle = size / 2 - lean * (y - size / 2)
    inside = (np.abs(x - middle) <= width / 2) & (np.abs(y - size / 2) <= 12)
    return (255 * inside).astype(np.uint8)[None, ..., None]


@pytest.mark.parametrize("width", [2, 4])
def test_thickness_is_the_width_of_a_long_bar(width):
    image = np.zeros((1, 110, 20, 1), np.uint8)
    image[:, 5:105, 8 : 8 + width] = 255
    assert thickness(image)[0] == pytest.approx(width, rel=0.05)
    np.testing.assert_allclose(thickness(image.swapaxes(1, 2)), thickness(image))


@pytest.mark.parametrize("lean", [-0.5, 0.0, 0.25])
def test_slant_is_how_far_a_bar_leans_to_the_right(lean):
    assert slant(bar(3, lean))[0] == pytest.approx(lean, abs=0.05)


def test_an_image_without_ink_has_features_of_zero():
    blank = np.zeros((2, 8, 8, 1), np.uint8)
    assert thickness(blank).tolist() == slant(blank).tolist() == [0, 0]


def test_a_vertical_bar_has_vertical_strokes_and_its_transpose_horizontal_ones():
    horizontal, vertical = horizontal_and_vertical_strokes(bar(3))
    assert not horizontal[:, 10:30].any()
    np.testing.assert_array_equal(vertical[:, 12:28], bar(3)[:, 12:28, :, 0] > 0)
    transposed = horizontal_and_vertical_strokes(bar(3).swapaxes(1, 2))
    np.testing.assert_array_equal(transposed[0], vertical.swapaxes(1, 2))


def bar_generator():
    """A generator of 12×12 images of three vertical bars; its class is the brightest bar.

    The latent's first three numbers set the brightness of the bars, from zero up; the fourth widens all of them.
    """
    latent = keras.Input((4,))
    project = keras.layers.Dense(12 * 12, use_bias=False)
    pixels = keras.layers.Reshape((12, 12, 1))(project(latent))
    patterns = np.zeros((4, 12, 12), np.float32)
    for number in range(3):
        patterns[number, 2:10, 1 + 4 * number : 3 + 4 * number] = 0.3
    patterns[3, 2:10] = 0.1
    image = keras.layers.Conv2DTranspose(1, 1, use_bias=False)
    model = keras.Model(latent, image(pixels))
    project.kernel.assign(patterns.reshape(4, -1))
    image.kernel.assign(np.ones((1, 1, 1, 1)))
    return model


def brightest_bar(images):
    return np.stack([images[:, 5, 1 + 4 * number, 0] for number in range(3)], axis=1).argmax(axis=1)


@pytest.fixture(scope="module")
def pools():
    model = ClassifiedGenerator(bar_generator(), 0, brightest_bar, np.random.default_rng(0))
    return model.pool(range(900)), model.pool(range(900, 1800))


def percentages(rows):
    """The cells of each row that are percentages, by the row's name."""
    return {row[0]: [float(cell.split("%")[0]) for cell in row[1:] if "%" in cell] for row in rows}


def test_a_pool_has_predicted_classes_and_features_relative_to_their_class(pools):
    pool, _ = pools
    # Not all: the brightest bars of all are equally white.
    assert (pool.targets == pool.latents[:, :3].argmax(axis=1)).mean() > 0.98
    values = pool.standardized("thickness")
    assert [abs(values[pool.targets == label].mean()) < 1e-9 for label in range(3)] == [True] * 3
    high, low = pool.thirds("thickness")
    assert values[high].min() > values[low].max()


def test_a_class_direction_changes_the_class_and_a_random_one_does_not(pools):
    found = percentages(latent_space.class_direction_rows(*pools, images_per_pair=20))
    assert found["difference of means"][-1] > 95
    assert found["linear normal"][-1] > 95
    assert found["random"][-1] < 60
    assert found["difference of means"][0] < found["difference of means"][-1]


def test_the_result_of_arithmetic_has_the_class_of_its_last_term(pools):
    rows = latent_space.arithmetic_rows(pools[0], "thickness", trials=5)
    correct = {name: cells[0] for name, cells in percentages(rows).items()}
    assert correct["thickness, low b alone, 3 per term"] > 90
    assert correct["thickness, 10 per term"] > correct["thickness, 1 per term"] > 100 / 3


def test_a_direction_of_strength_zero_changes_nothing(pools):
    for row in latent_space.feature_direction_rows(*pools, "thickness"):
        assert row[3] == "100.0%, +0.00"


@pytest.mark.slow
def test_the_report_has_four_tables_each_below_its_heading(pools):
    parts = list(latent_space.report(*pools, trials=1, images_per_pair=2, layer=None))
    assert len(parts) == 8
    assert [part.startswith("|") for part in parts] == [False, True] * 4
