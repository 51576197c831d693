"""Real images beside drawn ones."""

import numpy as np

from dcgan import train
from dcgan.core.classes import Classes
from dcgan.sampling.selection import default_selection
from dcgan.training.report import matching_indices
from dcgan.visualization import read_png
from tests.support.tiny_runs import tiny_config


def test_a_run_ends_with_as_many_real_images_as_drawn_ones_side_by_side(tmp_path):
    run = train(tiny_config(tmp_path))
    picture, drawn = read_png(run.path / "real-vs-generated.png"), read_png(run.sample_file(6))
    height, width = drawn.shape[:2]
    np.testing.assert_array_equal(picture[-height:, -width:], drawn)
    assert picture.shape[1] == 2 * width + 8
    first = np.asarray(picture[-height:, :width])[2:10, 2:10]
    real = read_png(run.samples_dir / "real.png")
    np.testing.assert_array_equal(first, real[2:10, 2:10])


def test_with_classes_every_row_is_of_one_class():
    classes = Classes(("a", "b"), (0.5, 0.5))
    labels = np.array([1, 0, 0, 1, 0] * 9)
    numbers = matching_indices(labels, len(labels), default_selection(classes))
    assert labels[numbers].tolist() == [0] * 8 + [1] * 8
    assert len(set(numbers.tolist())) == 16


def test_without_classes_images_are_taken_evenly_and_few_come_twice():
    assert matching_indices(None, 640, default_selection(None))[[0, -1]].tolist() == [0, 639]
    assert len(matching_indices(None, 12, default_selection(None))) == 64
