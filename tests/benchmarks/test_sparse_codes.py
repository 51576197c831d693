"""The comparison of codes: what is counted, and the whole of it on a handful of digits."""

import numpy as np
import pytest

from benchmarks import sparse_codes


def test_the_error_is_relative_to_black():
    images = np.full((2, 3, 3, 1), 0.5, np.float32)
    assert sparse_codes.error(images, images) == 0
    assert sparse_codes.error(images, np.zeros_like(images)) == 1
    assert sparse_codes.error(images, 1.2 * images) == pytest.approx(0.04, rel=1e-5)


def test_the_weight_is_the_one_that_leaves_as_many_active_as_wanted():
    found = sparse_codes.weighed(lambda weight: weight, lambda weight, _: 10 * weight, np.zeros((1, 1)), 70)
    assert found == pytest.approx(7, rel=0.05)


def test_the_table_and_the_sheet_have_a_row_a_method():
    images = np.random.default_rng(0).random((5, 8, 8, 1)).astype(np.float32)
    outcomes = [sparse_codes.Outcome("nothing", 0, 0, 0 * images, 0.0), sparse_codes.Outcome("all", 64, 16.0, images, 2.0)]
    lines = sparse_codes.report(outcomes, images).splitlines()
    assert "1.0000" in lines[2]
    assert "25.00%" in lines[3]
    assert "0.0000" in lines[3]
    sheet = sparse_codes.sheet(outcomes, images, columns=4)
    assert sheet.shape == (3 * 10 + 2, 4 * 10 + 2, 1)
    np.testing.assert_array_equal(sheet[2:10, 2:10], sheet[22:30, 2:10])


@pytest.mark.slow
def test_every_method_takes_part(capsys, tmp_path):
    from dcgan.networks import build_generator
    from dcgan.runs import Run

    run = Run(tmp_path)
    run.save_generator(build_generator((28, 28), 1, 4, 6, classes=2))
    small = ["--images", "2", "--learn", "3", "--rounds", "1", "--steps", "2", "--width", "4"]
    small += ["--starts", "1", "--projection-steps", "2", "--sheet", str(tmp_path / "sheet.png")]
    sparse_codes.main([*small, "--run-dir", str(tmp_path)])
    out = capsys.readouterr().out
    for name in ("mean image", "one layer", "one layer, pooled", "two layers, pooled", "denoising autoencoder"):
        assert f"| {name} " in out
    assert "| generator, 1 starts a class " in out
    assert (tmp_path / "sheet.png").exists()
