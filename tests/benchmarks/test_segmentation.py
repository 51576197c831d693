"""The segmentation table, at the smallest size that has every part."""

import keras
import pytest

import dcgan
from benchmarks import segmentation
from dcgan.deconvolution.segmentation import Canvases, split_digits
from dcgan.visualization import read_png

TINY = {"size": 32, "sides": "10 16", "width": 2, "strides": "8 4", "steps": 1, "canvases": 2, "held-out": 9990}
TINY |= {"trunk-steps": 0}


@pytest.mark.slow
def test_the_table_has_a_row_per_stride_and_a_column_per_trunk_and_the_trunk_is_saved(tmp_path, capsys):
    trunk, figure = tmp_path / "trunk.keras", tmp_path / "figure.png"
    options = TINY | {"train": "scores", "trunk": trunk, "figure": figure}
    segmentation.main([part for name, value in options.items() for part in (f"--{name}", *str(value).split())])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["FCN-8s", "FCN-4s"]
    assert [cell.strip() for cell in lines[0].split("|")[3:5]] == ["random trunk, frozen", "unsupervised trunk, frozen"]
    assert read_png(figure).shape == (6 * 34 + 2, 4 * 34 + 2, 3)
    assert keras.models.load_model(trunk).input_shape == (None, 32, 32, 1)


def test_training_without_labels_changes_the_discriminator():
    train, _ = split_digits(dcgan.load(dcgan.DataConfig()), 9990)
    before, after = segmentation.train_unsupervised_trunk(Canvases(*train, (16, 16), (1, 1), (8, 10)), 1, 2, 2, seed=0)
    assert before is not after
    assert any((one != other).any() for one, other in zip(before.get_weights(), after.get_weights(), strict=True))
