"""The comparison of codes: what is counted, and all methods on a handful of digits."""

import numpy as np
import pytest

from benchmarks import sparse_codes
from benchmarks.code_bits import Bits
from benchmarks.sparse_codes import Reconstruction, relative_error

REPORT = sparse_codes.report


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
        Reconstruction("nothing", 0, 0, Bits(), 0 * images),
        Reconstruction("all", 64, 16.0, Bits(128, 60, 32), images, 2.0, other_switches=0 * images),
    ]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in REPORT(reconstructions, images).splitlines()]
    assert cells[2] == ["nothing", "0.0 of 0", "0", "0", "0", "0", "1.0000", "–", "0.00"]
    assert cells[3] == ["all", "16.0 of 64", "128", "60", "32", "220", "0.0000", "1.0000", "2.00"]
    grid = sparse_codes.reconstruction_grid(reconstructions, images, columns=4)
    assert grid.shape == (3 * 10 + 2, 4 * 10 + 2, 1)
    np.testing.assert_array_equal(grid[2:10, 2:10], grid[22:30, 2:10])


def small_network():
    from dcgan.deconvolution import DeepSparseCoding
    from dcgan.deconvolution.deep_sparse_coding import Layer

    rng = np.random.default_rng(1)
    lower = Layer(rng.normal(size=(3, 3, 1, 2)).astype(np.float32), 1.0, 2)
    return DeepSparseCoding([lower, Layer(rng.normal(size=(3, 3, 2, 3)).astype(np.float32), 1.0, 2)], (8, 8))


def test_the_decoder_needs_the_switches_of_the_values_that_it_writes_and_no_others():
    import tensorflow as tf

    network = small_network()
    codes = np.zeros((2, 2, 2, 3), np.float32)
    codes[0, 0, 0, 1] = 1.0
    images = np.random.default_rng(2).random((2, 8, 8, 1)).astype(np.float32)
    _, switches = network.encode(images, steps=2, updates=1, final_steps=0)
    lower, top = sparse_codes.unpooled_values(network, codes, switches)
    np.testing.assert_array_equal(top, codes)
    assert (lower.shape, np.count_nonzero(lower[1])) == ((2, 4, 4, 2), 0)
    assert 0 < np.count_nonzero(lower[0]) < lower[0].size
    expected = network.reconstruct(codes, switches)
    changed = [np.where(values != 0, switch, 0) for values, switch in zip((lower, top), switches, strict=True)]
    np.testing.assert_allclose(network.reconstruct(codes, [tf.constant(each) for each in changed]), expected, atol=1e-6)
    printed = sparse_codes.describe_switches(network, (lower, top), switches)
    assert f"{np.count_nonzero(lower) / 2:.2f}"[:3] in printed
    assert "of 12 (entropy 0.00 bits each)" in printed.replace("-0.00", "0.00")


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
    assert "| generator, 1 restarts per class, 8 bits per number " in out
    for name in ("PCA, 8 bits per coefficient", "JPEG", "generator's latent"):
        assert name in out.splitlines()[12]
    assert "bytes of header per file are not counted" in out
    assert (tmp_path / "figure.png").exists()
