"""Arithmetic with latents: how it is written, what it gives, and the command."""

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
from tests.support.linear_generator import DIM, SIDE, linear_generator, picture

TEXT = "0,1,2 - 3,4,5 + 6,7,8"
CELL = SIDE + 2  # a picture and the line before it


def test_means_of_seeds_are_added_and_subtracted():
    z = latents(range(9), 7).astype(np.float64)
    expected = z[:3].mean(axis=0) - z[3:6].mean(axis=0) + z[6:].mean(axis=0)
    np.testing.assert_allclose(parse_arithmetic(TEXT).result(7), expected, rtol=1e-5, atol=1e-6)


def test_blanks_tell_a_minus_from_a_range():
    difference, one = parse_arithmetic("3 - 5"), parse_arithmetic("3-5")
    assert difference.signs == (1, -1)
    np.testing.assert_allclose(difference.result(4), latents([3], 4)[0] - latents([5], 4)[0], rtol=1e-6)
    np.testing.assert_allclose(one.result(4), latents([3, 4, 5], 4).mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("text", ["7", TEXT, "0-9,3 - 4", "1 + 2-3 - 5,5"])
def test_what_is_read_is_written_the_same_way(text):
    assert str(parse_arithmetic(f"  {text} ")) == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("- 3", "'- 3' is no term"),
        ("3 + ", "no term"),
        ("3 -5", "'3 -5' is no term"),
        ("3- 5", "'3- 5' is no term"),
        ("3+5", "'3[+]5' is no term"),
        ("3 - - 5", "'- 5' is no term"),
        ("smile - 3", "'smile' is neither a seed"),
        ("5-3 + 1", "run backwards"),
    ],
)
def test_other_texts_are_refused(text, problem):
    with pytest.raises(UserError, match=problem):
        parse_arithmetic(text)


def test_the_mean_of_thousands_of_seeds_loses_no_digits():
    exact = latents(range(20_000), 5).mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(mean_latent(range(20_000), 5), exact, rtol=1e-6)


@pytest.mark.parametrize(("terms", "samples"), [(3, 3), (3, 12), (1, 4)])
def test_the_result_of_k_terms_of_n_is_about_the_root_of_k_by_n_of_a_latents_length(terms, samples):
    groups = [(1, latents(range(100 * i, 100 * i + samples), 20_000)) for i in range(terms)]
    length = np.linalg.norm(combine(groups)) / np.sqrt(20_000)
    assert length == pytest.approx(np.sqrt(terms / samples), rel=0.02)


def test_a_cloud_has_the_latent_in_its_middle_and_even_noise_around_it():
    middle = latents([3], 10_000)[0]
    points = noisy_copies(middle)
    assert points.shape == (9, 10_000)
    np.testing.assert_array_equal(points[4], middle)
    noise = np.delete(points - middle, 4, axis=0)
    assert 0.2499 < np.abs(noise).max() <= 0.25 + 1e-6
    np.testing.assert_allclose(np.histogram(noise, 5, (-0.25, 0.25))[0] / noise.size, 0.2, atol=0.01)
    assert np.abs(np.corrcoef(noise) - np.eye(8)).max() < 0.05


def test_a_clouds_noise_is_the_same_about_every_middle_and_as_large_as_asked():
    small, large = noisy_copies(np.zeros(6)), noisy_copies(np.ones(6), 0.5)
    np.testing.assert_allclose(large - 1, 2 * small, atol=1e-6)


def test_along_a_direction_latents_move_and_classes_stay():
    rows = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32)
    points = along_direction(rows, np.array([1.0, 0.0, -2.0]), [-1, 0, 0.5])
    assert points.shape == (4, 3, 5)
    np.testing.assert_array_equal(points[:, 1], rows)
    np.testing.assert_allclose(points[:, 2] - rows, np.tile([0.5, 0, -1, 0, 0], (4, 1)), atol=1e-6)


@pytest.fixture
def run():
    made = runs.Run(Path("checkpoints/linear"))
    made.save_generator(linear_generator())
    return made


@pytest.fixture
def conditional():
    made = runs.Run(Path("checkpoints/conditional"))
    made.save_generator(linear_generator(3))
    made.save_classes(Classes(("a", "b", "c"), (0.25, 0.25, 0.5)))
    return made


def near(shown, expected):
    """Equal but for the rounding of a byte."""
    np.testing.assert_allclose(shown, expected, atol=0.51)


def cut(sheet, row, column):
    """A picture of a sheet, by its first pixel."""
    return sheet[row : row + SIDE, column : column + SIDE]


def expected_result(text=TEXT):
    return parse_arithmetic(text).result(DIM)


def test_the_sheet_shows_samples_means_and_the_cloud_around_the_result(run):
    out = generate(GenerateConfig(arithmetic=TEXT, cloud=0.25))
    assert out.name == "arithmetic-0,1,2-3,4,5+6,7,8.png"
    sheet, z = read_png(out), latents(range(9), DIM)
    column, ground = CELL + 2, len(sheet) - CELL  # a column's width without the sign's; the row of the means
    places = [2 + term * (column + 8) for term in range(3)]
    for term, place in enumerate(places):
        for i in range(3):
            near(cut(sheet, 2 + CELL * i, place), picture(z[3 * term + i]))
        near(cut(sheet, ground, place), picture(z[3 * term : 3 * term + 3].mean(axis=0)))
    results = sheet[:, -(3 * CELL) :]
    for i, point in enumerate(noisy_copies(expected_result())):
        near(cut(results, ground - CELL * (2 - i // 3), CELL * (i % 3)), picture(point))


def test_a_sheet_has_a_plus_and_a_minus_that_differ_by_one_bar(run):
    plus, minus = (read_png(generate(GenerateConfig(arithmetic=f"1 {sign} 2"))) for sign in "+-")
    strip = slice(CELL + 2, CELL + 2 + 8)
    assert (plus[:, strip] == 0).sum() > (minus[:, strip] == 0).sum() > 0


def test_a_sheet_shows_six_samples_of_a_term_at_most_and_counts_all_of_them(run):
    sheet = read_png(generate(GenerateConfig(arithmetic="0-99 - 3")))
    near(cut(sheet, len(sheet) - CELL, 2), picture(latents(range(100), DIM).mean(axis=0)))
    assert len(sheet) < 9 * CELL


def test_the_result_alone_is_written_to_an_array(run):
    near(np.load(generate(GenerateConfig(arithmetic=TEXT, out=Path("a.npy")))), picture(expected_result()[None]))


def test_the_file_says_what_was_added_up(run):
    assert read_png_text(generate(GenerateConfig(arithmetic=TEXT)))["Arithmetic"] == TEXT


def test_a_conditional_run_does_it_in_one_class_or_in_each(conditional):
    in_b = generate(GenerateConfig(arithmetic=TEXT, label="b", cloud=0.1, out=Path("a.npy")))
    near(np.load(in_b), picture(noisy_copies(expected_result(), 0.1), label=1))
    in_each = generate(GenerateConfig(arithmetic=TEXT, out=Path("b.npy")))
    near(np.load(in_each), [picture(expected_result(), label) for label in range(3)])
    alone = read_png(generate(GenerateConfig(arithmetic=TEXT, label="a")))
    all_classes = read_png(generate(GenerateConfig(arithmetic=TEXT)))
    np.testing.assert_array_equal(all_classes[: len(alone)], alone)
    assert len(all_classes) > 3 * len(alone)


def test_pictures_along_a_direction_have_their_seed_in_the_middle_of_a_row(run):
    out = generate(GenerateConfig(along="0-3 - 4-7", seeds="20-21", walk=5))
    assert out.name == "along-0-3-4-7-20-21.png"
    sheet, direction = read_png(out), expected_result("0-3 - 4-7")
    for row, z in enumerate(latents([20, 21], DIM)):
        for column, strength in enumerate((-1, -0.5, 0, 0.5, 1)):
            near(cut(sheet, 2 + CELL * row, 2 + CELL * column), picture(z + strength * direction))


def test_along_a_direction_each_seed_keeps_its_class(conditional):
    sheet = read_png(generate(GenerateConfig(along="0 - 1", seeds="9", label="c", walk=3)))
    near(cut(sheet, 2, 2 + CELL), picture(latents([9], DIM)[0], label=2))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"arithmetic": "3 -5"}, "no term"),
        ({"along": "3+5"}, "no term"),
        ({"arithmetic": TEXT, "seeds": "0-3"}, "names its own seeds"),
        ({"arithmetic": TEXT, "walk": 4}, "names its own seeds"),
        ({"arithmetic": TEXT, "along": TEXT}, "names its own seeds"),
        ({"arithmetic": TEXT, "out": Path("a.gif")}, r"can't be written to a\.gif"),
        ({"arithmetic": TEXT, "out": Path("a")}, "can't be written to a"),
        ({"arithmetic": TEXT, "label": "b"}, "not conditional"),
        ({"cloud": 0.25}, "around the result of --arithmetic"),
        ({"along": TEXT, "out": Path("a.npy")}, "a row a seed"),
        ({"along": TEXT, "walk": 1}, "leads nowhere"),
    ],
)
def test_what_makes_no_sense_is_refused(run, options, problem):
    with pytest.raises(UserError, match=problem):
        generate(GenerateConfig(**options))
    assert not (run.path / "generated").exists()
