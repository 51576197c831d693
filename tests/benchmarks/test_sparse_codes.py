"""The comparison of codes: what is counted, and all methods on a handful of digits."""

import numpy as np
import pytest

from benchmarks import sparse_codes
from benchmarks.sparse_codes import Reconstruction, relative_error


def test_the_error_is_relative_to_black():
    images = np.full((2, 3, 3, 1), 0.5, np.float32)
    assert relative_error(images, images) == 0
    assert relative_error(images, np.zeros_like(images)) == 1
    assert relative_error(images, 1.2 * images) == pytest.approx(0.04, rel=1e-5)


def test_the_weight_is_chosen_to_leave_the_given_number_of_coefficients_active():
    chosen = sparse_codes.choose_weight(lambda weight: weight, lambda weight, _: 10 * weight, np.zeros((1, 1)), 70)
    assert chosen == pytest.approx(7, rel=0.05)


def test_the_table_and_the_grid_have_a_row_per_method():
    images = np.random.default_rng(0).random((5, 8, 8, 1)).astype(np.float32)
    reconstructions = [
        Reconstruction("nothing", 0, 0, 0 * images, 0.0),
        Reconstruction("all", 64, 16.0, images, 2.0),
    ]
    lines = sparse_codes.report(reconstructions, images).splitlines()
    assert "1.0000" in lines[2]
    assert "25.00%" in lines[3]
    assert "0.0000" in lines[3]
    grid = sparse_codes.reconstruction_grid(reconstructions, images, columns=4)
    assert grid.shape == (3 * 10 + 2, 4 * 10 + 2, 1)
    np.testing.assert_array_equal(grid[2:10, 2:10], grid[22:30, 2:10])


@pytest.mark.slow
def test_every_method_reconstructs_images(capsys, tmp_path):
    from dcgan.networks import build_generator
    from dcgan.runs import Run

    run = Run(tmp_path)
    run.save_generator(build_generator((28, 28), 1, 4, 6, classes=2))
    small = ["--num", "2", "--train-images", "3", "--rounds", "1", "--steps", "2", "--width", "4"]
    small += ["--restarts", "1", "--projection-steps", "2", "--figure", str(tmp_path / "figure.png")]
    sparse_codes.main([*small, "--run-dir", str(tmp_path)])
    out = capsys.readouterr().out
    for name in ("mean image", "one layer", "one layer, pooled", "two layers, pooled", "denoising autoencoder"):
        assert f"| {name} " in out
    assert "| generator, 1 restarts per class " in out
    assert (tmp_path / "figure.png").exists()
