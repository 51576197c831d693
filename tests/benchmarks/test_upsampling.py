"""The ways of upsampling compared: what is measured of a training, the table, and the sheet of stages."""

import numpy as np
import pytest

from benchmarks import upsampling
from benchmarks.baselines.upsampling import SEARCHED, Upsampled, checkerboards
from dcgan.evaluation.samples import samples_from_generator

SMALL = {"image_size": 12, "batch_size": 4, "latent_dim": 5, "generator_width": 4, "discriminator_width": 4}


def board(period):
    """Images that are a checkerboard of one period and nothing else."""
    rows, columns = np.mgrid[0:24, 0:24]
    return (
        np.repeat(200 * ((rows // (period // 2) + columns // (period // 2)) % 2), 2)
        .astype(np.uint8)
        .reshape(1, 24, 24, 2)
    )


def test_checkerboards_are_told_by_their_period():
    for period, other in ((2, 4), (4, 2)):
        figures = checkerboards(board(period))
        assert figures[f"energy_{period}"] == pytest.approx(1)
        assert figures[f"contrast_{period}"] == np.inf
        assert figures[f"energy_{other}"] == pytest.approx(0, abs=1e-12)


@pytest.mark.slow
def test_a_training_tells_the_checkerboards_of_its_pictures_and_shows_their_stages():
    recipe = {"options": SMALL | {"compile": "none", "upsampling": "nearest"}}
    training = Upsampled(recipe, "mnist10k", None, seed=0, few=500, pictures=200)
    answer = training.train(0.2)
    assert training.config.upsampling == "nearest"
    assert answer["frechet_distance"] > 0
    pictures = samples_from_generator(training.trainer.snapshot(), training.classes, "training").take(SEARCHED)
    assert {name: answer[name] for name in checkerboards(pictures)} == checkerboards(pictures)
    assert (answer["stages"].shape, answer["stages"].dtype) == ((4, 2, 12, 12, 1), np.uint8)
    np.testing.assert_array_equal(answer["stages"][:, -1], pictures[:4])


def answer(distance, energy, shade=0):
    figures = {"energy_2": energy, "energy_4": 0.0, "contrast_2": 3.0, "contrast_4": 1.0}
    return [{"frechet_distance": distance, "step": 50, "stages": np.full((2, 3, 4, 4, 1), shade, np.uint8)} | figures]


RESULTS = {"one": [answer(2, 1e-5), answer(4, 3e-5)], "broken": ["no such thing"], "other": [answer(1, 0, 9)]}


def test_the_table_has_a_row_a_way_and_one_for_real_images():
    lines = upsampling.report(RESULTS, answer(0, 5e-6)[0]).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]
    assert cells[0] == ["one", "3 ± 1.4", "20 ± 14", "3 ± 0", "0 ± 0", "1 ± 0", "50.0"]
    assert cells[1][:2] == ["broken", "no such thing"]
    assert cells[3] == ["real images", "", "5", "3", "0", "1", ""]


def test_the_sheet_has_for_each_picture_a_row_a_way_and_a_column_a_stage():
    sheet = upsampling.sheet(RESULTS)
    assert sheet.shape == (4 * 6 + 2, 3 * 6 + 2, 1)
    for row, shade in enumerate([0, 9, 0, 9]):
        assert (sheet[6 * row + 2 : 6 * row + 6, 2:6] == shade).all()


def test_real_images_have_hardly_any():
    real = upsampling.real_images("mnist10k", None)
    assert real["energy_2"] < 1e-4
    assert real["contrast_2"] < 1.5


@pytest.mark.parametrize("asked", [["--ways", "magic"], ["--ways"]])
def test_an_unknown_way_is_refused(asked, capsys):
    with pytest.raises(SystemExit):
        upsampling.main(asked)
    assert "ways" in capsys.readouterr().err
