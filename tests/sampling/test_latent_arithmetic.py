"""Latent arithmetic: its text form, its results, and the command."""

from pathlib import Path

import numpy as np
import pytest

from dcgan import runs
from dcgan.config import GenerateConfig
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.sampling import generate, latents
from dcgan.sampling.latent_arithmetic import along_direction, combine, mean_latent, noisy_copies, parse_arithmetic
from dcgan.visualization import read_png, read_png_text
from tests.support.linear_generator import DIM, SIDE, expected_image, linear_generator

TEXT = "0,1,2 - 3,4,5 + 6,7,8"
CELL = SIDE + 2  # an image and the padding before it


def test_means_of_seeds_are_added_and_subtracted():
    z = latents(range(9), 7).astype(np.float64)
    expected = z[:3].mean(axis=0) - z[3:6].mean(axis=0) + z[6:].mean(axis=0)
    np.testing.assert_allclose(parse_arithmetic(TEXT).result(7), expected, rtol=1e-5, atol=1e-6)


def test_spaces_distinguish_a_difference_from_a_range():
    difference, one = parse_arithmetic("3 - 5"), parse_arithmetic("3-5")
    assert difference.signs == (1, -1)
    np.testing.assert_allclose(difference.result(4), latents([3], 4)[0] - latents([5], 4)[0], rtol=1e-6)
    np.testing.assert_allclose(one.result(4), latents([3, 4, 5], 4).mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("text", ["7", TEXT, "0-9,3 - 4", "1 + 2-3 - 5,5"])
def test_str_returns_the_text_that_was_parsed(text):
    assert str(parse_arithmetic(f"  {text} ")) == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("- 3", "'- 3' is not a term"),
        ("3 + ", "not a term"),
        ("3 -5", "'3 -5' is not a term"),
        ("3- 5", "'3- 5' is not a term"),
        ("3+5", "'3[+]5' is not a term"),
        ("3 - - 5", "'- 5' is not a term"),
        ("smile - 3", "'smile' is neither a seed"),
        ("5-3 + 1", "is descending"),
    ],
)
def test_other_texts_are_rejected(text, problem):
    with pytest.raises(UserError, match=problem):
        parse_arithmetic(text)


def test_the_mean_of_thousands_of_seeds_loses_no_precision():
    exact = latents(range(20_000), 5).mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(mean_latent(range(20_000), 5), exact, rtol=1e-6)


@pytest.mark.parametrize(("terms", "samples"), [(3, 3), (3, 12), (1, 4)])
def test_a_sum_of_k_means_of_n_latents_has_about_the_root_of_k_by_n_of_the_length_of_a_latent(terms, samples):
    groups = [(1, latents(range(100 * i, 100 * i + samples), 20_000)) for i in range(terms)]
    length = np.linalg.norm(combine(groups)) / np.sqrt(20_000)
    assert length == pytest.approx(np.sqrt(terms / samples), rel=0.02)


def test_noisy_copies_surround_the_latent_with_uniform_noise():
    latent = latents([3], 10_000)[0]
    points = noisy_copies(latent)
    assert points.shape == (9, 10_000)
    np.testing.assert_array_equal(points[4], latent)
    noise = np.delete(points - latent, 4, axis=0)
    assert 0.2499 < np.abs(noise).max() <= 0.25 + 1e-6
    np.testing.assert_allclose(np.histogram(noise, 5, (-0.25, 0.25))[0] / noise.size, 0.2, atol=0.01)
    assert np.abs(np.corrcoef(noise) - np.eye(8)).max() < 0.05


def test_the_noise_is_the_same_for_every_latent_and_proportional_to_its_amplitude():
    small, large = noisy_copies(np.zeros(6)), noisy_copies(np.ones(6), 0.5)
    np.testing.assert_allclose(large - 1, 2 * small, atol=1e-6)


def test_along_a_direction_latents_change_and_classes_stay():
    rows = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32)
    points = along_direction(rows, np.array([1.0, 0.0, -2.0]), [-1, 0, 0.5])
    assert points.shape == (4, 3, 5)
    np.testing.assert_array_equal(points[:, 1], rows)
    np.testing.assert_allclose(points[:, 2] - rows, np.tile([0.5, 0, -1, 0, 0], (4, 1)), atol=1e-6)


@pytest.fixture
def run():
    run = runs.Run(Path("checkpoints/linear"))
    run.save_generator(linear_generator())
    return run


@pytest.fixture
def conditional():
    run = runs.Run(Path("checkpoints/conditional"))
    run.save_generator(linear_generator(3))
    run.save_classes(Classes(("a", "b", "c"), (0.25, 0.25, 0.5)))
    return run


def assert_equals_rounded(actual, expected):
    """Compare uint8 values with values before rounding."""
    np.testing.assert_allclose(actual, expected, atol=0.51)


def crop(figure, row, column):
    """Return an image of a figure by the position of its first pixel."""
    return figure[row : row + SIDE, column : column + SIDE]


def expected_result(text=TEXT):
    return parse_arithmetic(text).result(DIM)


def test_the_figure_shows_samples_means_and_noisy_copies_of_the_result(run):
    out = generate(GenerateConfig(arithmetic=TEXT, noise=0.25))
    assert out.name == "arithmetic-0,1,2-3,4,5+6,7,8.png"
    figure, z = read_png(out), latents(range(9), DIM)
    width, bottom = CELL + 2, len(figure) - CELL  # of a column without its sign; the row of the means
    lefts = [2 + term * (width + 8) for term in range(3)]
    for term, left in enumerate(lefts):
        for i in range(3):
            assert_equals_rounded(crop(figure, 2 + CELL * i, left), expected_image(z[3 * term + i]))
        assert_equals_rounded(crop(figure, bottom, left), expected_image(z[3 * term : 3 * term + 3].mean(axis=0)))
    results = figure[:, -(3 * CELL) :]
    for i, point in enumerate(noisy_copies(expected_result())):
        assert_equals_rounded(crop(results, bottom - CELL * (2 - i // 3), CELL * (i % 3)), expected_image(point))


def test_the_signs_of_a_figure_differ_by_one_bar(run):
    plus, minus = (read_png(generate(GenerateConfig(arithmetic=f"1 {sign} 2"))) for sign in "+-")
    strip = slice(CELL + 2, CELL + 2 + 8)
    assert (plus[:, strip] == 0).sum() > (minus[:, strip] == 0).sum() > 0


def test_a_figure_shows_at_most_six_samples_of_a_term_but_the_mean_of_all(run):
    figure = read_png(generate(GenerateConfig(arithmetic="0-99 - 3")))
    assert_equals_rounded(crop(figure, len(figure) - CELL, 2), expected_image(latents(range(100), DIM).mean(axis=0)))
    assert len(figure) < 9 * CELL


def test_an_array_contains_only_the_result(run):
    assert_equals_rounded(
        np.load(generate(GenerateConfig(arithmetic=TEXT, out=Path("a.npy")))), expected_image(expected_result()[None])
    )


def test_the_file_has_a_text_chunk_with_the_expression(run):
    assert read_png_text(generate(GenerateConfig(arithmetic=TEXT)))["Arithmetic"] == TEXT


def test_arithmetic_of_a_conditional_run_is_in_one_class_or_in_each(conditional):
    in_b = generate(GenerateConfig(arithmetic=TEXT, class_label="b", noise=0.1, out=Path("a.npy")))
    assert_equals_rounded(np.load(in_b), expected_image(noisy_copies(expected_result(), 0.1), label=1))
    in_each = generate(GenerateConfig(arithmetic=TEXT, out=Path("b.npy")))
    assert_equals_rounded(np.load(in_each), [expected_image(expected_result(), label) for label in range(3)])
    alone = read_png(generate(GenerateConfig(arithmetic=TEXT, class_label="a")))
    all_classes = read_png(generate(GenerateConfig(arithmetic=TEXT)))
    np.testing.assert_array_equal(all_classes[: len(alone)], alone)
    assert len(all_classes) > 3 * len(alone)


def test_a_row_along_a_direction_has_its_seed_in_the_middle(run):
    out = generate(GenerateConfig(along="0-3 - 4-7", seeds="20-21", walk=5))
    assert out.name == "along-0-3-4-7-20-21.png"
    grid, direction = read_png(out), expected_result("0-3 - 4-7")
    for row, z in enumerate(latents([20, 21], DIM)):
        for column, strength in enumerate((-1, -0.5, 0, 0.5, 1)):
            assert_equals_rounded(
                crop(grid, 2 + CELL * row, 2 + CELL * column), expected_image(z + strength * direction)
            )


def test_along_a_direction_each_seed_keeps_its_class(conditional):
    grid = read_png(generate(GenerateConfig(along="0 - 1", seeds="9", class_label="c", walk=3)))
    assert_equals_rounded(crop(grid, 2, 2 + CELL), expected_image(latents([9], DIM)[0], label=2))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"arithmetic": "3 -5"}, "not a term"),
        ({"along": "3+5"}, "not a term"),
        ({"arithmetic": TEXT, "seeds": "0-3"}, "--arithmetic cannot be combined with"),
        ({"arithmetic": TEXT, "walk": 4}, "--arithmetic cannot be combined with"),
        ({"arithmetic": TEXT, "along": TEXT}, "--arithmetic cannot be combined with"),
        ({"arithmetic": TEXT, "out": Path("a.gif")}, r"--arithmetic cannot be written to a\.gif"),
        ({"arithmetic": TEXT, "out": Path("a")}, "--arithmetic cannot be written to a"),
        ({"arithmetic": TEXT, "class_label": "b"}, "not conditional"),
        ({"noise": 0.25}, "no effect without --arithmetic"),
        ({"along": TEXT, "out": Path("a.npy")}, "--along cannot be written to a.npy"),
        ({"along": TEXT, "walk": 1}, "cannot show both ends"),
    ],
)
@pytest.mark.usefixtures("command_line")
def test_invalid_options_are_rejected(run, options, problem):
    with pytest.raises(UserError, match=problem):
        generate(GenerateConfig(**options))
    assert not (run.path / "generated").exists()
