"""What is read off drawn digits, and the tables made of it, with pictures of which everything is known."""

import keras
import numpy as np
import pytest

from benchmarks import latent_space
from benchmarks.sample_pool import Subject
from benchmarks.stroke_features import lying_and_standing, slant, thickness


def bar(width, lean=0.0, side=40):
    """An upright bar of ink, 24 pixels high, that leans to the right by `lean` pixels for every pixel upwards."""
    y, x = np.mgrid[:side, :side]
    middle = side / 2 - lean * (y - side / 2)
    inside = (np.abs(x - middle) <= width / 2) & (np.abs(y - side / 2) <= 12)
    return (255 * inside).astype(np.uint8)[None, ..., None]


@pytest.mark.parametrize("width", [2, 4])
def test_thickness_is_the_width_of_a_long_bar(width):
    wide = np.zeros((1, 110, 20, 1), np.uint8)
    wide[:, 5:105, 8 : 8 + width] = 255
    assert thickness(wide)[0] == pytest.approx(width, rel=0.05)
    np.testing.assert_allclose(thickness(wide.swapaxes(1, 2)), thickness(wide))


@pytest.mark.parametrize("lean", [-0.5, 0.0, 0.25])
def test_slant_is_how_far_a_bar_leans_to_the_right(lean):
    assert slant(bar(3, lean))[0] == pytest.approx(lean, abs=0.05)


def test_no_ink_has_no_style():
    blank = np.zeros((2, 8, 8, 1), np.uint8)
    assert thickness(blank).tolist() == slant(blank).tolist() == [0, 0]


def test_a_bar_stands_where_it_is_upright_and_lies_where_it_is_turned():
    lying, standing = lying_and_standing(bar(3))
    assert not lying[:, 10:30].any()
    np.testing.assert_array_equal(standing[:, 12:28], bar(3)[:, 12:28, :, 0] > 0)
    turned = lying_and_standing(bar(3).swapaxes(1, 2))
    np.testing.assert_array_equal(turned[0], standing.swapaxes(1, 2))


def made_generator():
    """Three classes, of the largest of the latent's first three numbers; the fourth one is the thickness.

    A 12×12 picture of three upright bars, as bright as each number is, from zero up; the fourth one widens all of them.
    """
    latent = keras.Input((4,))
    project = keras.layers.Dense(12 * 12, use_bias=False)
    pixels = keras.layers.Reshape((12, 12, 1))(project(latent))
    stamps = np.zeros((4, 12, 12), np.float32)
    for number in range(3):
        stamps[number, 2:10, 1 + 4 * number : 3 + 4 * number] = 0.3
    stamps[3, 2:10] = 0.1
    image = keras.layers.Conv2DTranspose(1, 1, use_bias=False)
    model = keras.Model(latent, image(pixels))
    project.kernel.assign(stamps.reshape(4, -1))
    image.kernel.assign(np.ones((1, 1, 1, 1)))
    return model


def brightest(images):
    """Which of the three bars is the brightest."""
    return np.stack([images[:, 5, 1 + 4 * number, 0] for number in range(3)], axis=1).argmax(axis=1)


@pytest.fixture(scope="module")
def pools():
    subject = Subject(made_generator(), 0, brightest, np.random.default_rng(0))
    return subject.pool(range(900)), subject.pool(range(900, 1800))


def percents(rows):
    """A table's cells that are parts of a hundred, by the name of the row."""
    return {row[0]: [float(cell.split("%")[0]) for cell in row[1:] if "%" in cell] for row in rows}


def test_a_pool_knows_the_class_that_is_read_and_the_styles_beside_its_class(pools):
    pool, _ = pools
    assert (pool.wanted == pool.latents[:, :3].argmax(axis=1)).mean() > 0.98  # the brightest of all are equally white
    style = pool.style("thickness")
    assert [abs(style[pool.wanted == digit].mean()) < 1e-9 for digit in range(3)] == [True] * 3
    high, low = pool.thirds("thickness")
    assert style[high].min() > style[low].max()


def test_a_direction_turns_classes_into_others_and_a_random_one_does_not(pools):
    found = percents(latent_space.turning(*pools, starts=20))
    assert found["difference of means"][-1] > 95
    assert found["linear normal"][-1] > 95
    assert found["random"][-1] < 60
    assert found["difference of means"][0] < found["difference of means"][-1]


def test_arithmetic_has_the_class_of_its_last_term(pools):
    rows = latent_space.arithmetic(pools[0], "thickness", trials=5)
    right = {name: cells[0] for name, cells in percents(rows).items()}
    assert right["thickness, low b alone, 3"] > 90
    assert right["thickness, 10 a term"] > right["thickness, 1 a term"] > 100 / 3


def test_a_style_of_no_strength_changes_nothing(pools):
    for row in latent_space.styling(*pools, "thickness"):
        assert row[3] == "100.0%, +0.00"


@pytest.mark.slow
def test_the_tables_and_the_sentences_before_them_are_all_there(pools):
    parts = list(latent_space.report(*pools, trials=1, starts=2, layer=None))
    assert len(parts) == 8
    assert [part.startswith("|") for part in parts] == [False, True] * 4
