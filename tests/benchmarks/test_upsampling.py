"""The upsampling methods compared: what is measured of a training, the table, and the figure of stages."""

import numpy as np
import pytest

from benchmarks import upsampling
from benchmarks.baselines import Variant
from benchmarks.baselines.upsampling import CHECKERBOARD_IMAGES, UpsamplingTraining, checkerboards
from dcgan.config import UPSAMPLERS, TrainConfig
from dcgan.evaluation.samples import samples_from_generator

SMALL = {"image_size": 12, "batch_size": 4, "latent_dim": 5, "generator_width": 4, "discriminator_width": 4}

LAYERS = {256: "256 hidden units", 0: "no hidden layer"}


def test_rows_of_one_hidden_layer_differ_in_the_method_alone_and_rows_of_one_method_in_the_hidden_layer_alone():
    variants = upsampling.method_variants(UPSAMPLERS, [256, 0])
    default = vars(TrainConfig().resolve())
    expected = {f"{m}, {layer}": (m, units) for units, layer in LAYERS.items() for m in UPSAMPLERS}
    assert variants.keys() == expected.keys()
    for name, variant in variants.items():
        resolved = vars(TrainConfig(**variant.options).resolve())
        method, units = expected[name]
        assert resolved == default | {"upsampling": method, "discriminator_hidden": units}
        assert vars(variant) == vars(Variant(variant.options))
    assert TrainConfig(**variants["nearest, 256 hidden units"].options).resolve() == TrainConfig().resolve()


def checkerboard(period):
    """Images that are a checkerboard of one period and nothing else."""
    rows, columns = np.mgrid[0:24, 0:24]
    squares = (rows // (period // 2) + columns // (period // 2)) % 2
    return np.repeat(200 * squares, 2).astype(np.uint8).reshape(1, 24, 24, 2)


def test_checkerboards_are_measured_by_their_period():
    for period, other in ((2, 4), (4, 2)):
        metrics = checkerboards(checkerboard(period))
        assert metrics[f"energy_{period}"] == pytest.approx(1)
        assert metrics[f"contrast_{period}"] == np.inf
        assert metrics[f"energy_{other}"] == pytest.approx(0, abs=1e-12)


@pytest.mark.slow
def test_a_training_returns_the_checkerboards_of_its_images_and_their_stages():
    variant = Variant(SMALL | {"compile": "none", "upsampling": "nearest"})
    training = UpsamplingTraining(variant, "mnist10k", None, seed=0, train_images=500, num=200)
    metrics = training.train(0.2)
    assert training.config.upsampling == "nearest"
    assert metrics["frechet_distance"] > 0
    generator = training.trainer.sampling_generator()
    images = samples_from_generator(generator, training.classes, "training").take(CHECKERBOARD_IMAGES)
    assert {name: metrics[name] for name in checkerboards(images)} == checkerboards(images)
    assert (metrics["stages"].shape, metrics["stages"].dtype) == ((4, 2, 12, 12, 1), np.uint8)
    np.testing.assert_array_equal(metrics["stages"][:, -1], images[:4])


def metrics_of(distance, energy, gray=0):
    checkerboard_metrics = {"energy_2": energy, "energy_4": 0.0, "contrast_2": 3.0, "contrast_4": 1.0}
    stages = np.full((2, 3, 4, 4, 1), gray, np.uint8)
    return [{"frechet_distance": distance, "step": 50, "stages": stages} | checkerboard_metrics]


RESULTS = {
    "one": [metrics_of(2, 1e-5), metrics_of(4, 3e-5)],
    "broken": ["no such thing"],
    "other": [metrics_of(1, 0, 9)],
}


def test_the_table_has_a_row_per_method_and_one_for_real_images():
    lines = upsampling.report(RESULTS, metrics_of(0, 5e-6)[0]).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]
    assert cells[0] == ["one", "3 ± 1.4", "20 ± 14", "3 ± 0", "0 ± 0", "1 ± 0", "50.0"]
    assert cells[1][:2] == ["broken", "no such thing"]
    assert cells[3] == ["real images", "", "5", "3", "0", "1", ""]


def test_the_figure_has_for_each_image_a_row_per_method_and_a_column_per_stage():
    figure = upsampling.stage_figure(RESULTS)
    assert figure.shape == (4 * 6 + 2, 3 * 6 + 2, 1)
    for row, gray in enumerate([0, 9, 0, 9]):
        assert (figure[6 * row + 2 : 6 * row + 6, 2:6] == gray).all()


def test_real_images_have_hardly_any_checkerboards():
    real = upsampling.real_checkerboards("mnist10k", None)
    assert real["energy_2"] < 1e-4
    assert real["contrast_2"] < 1.5


@pytest.mark.parametrize("arguments", [["--methods", "magic"], ["--methods"]])
def test_an_unknown_method_is_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        upsampling.main(arguments)
    assert "methods" in capsys.readouterr().err
