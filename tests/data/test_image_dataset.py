"""Evenly spaced indices and the size limit of datasets in memory."""

import numpy as np
import pytest

from dcgan.data.image_dataset import evenly_spaced


@pytest.mark.parametrize(("count", "wanted"), [(3, 64), (10, 10), (100, 7), (1, 5), (64, 3)])
def test_indices_repeat_equally_often(count, wanted):
    chosen = evenly_spaced(count, wanted)
    assert len(chosen) == wanted
    assert np.all(np.diff(chosen) >= 0)
    counts = np.bincount(chosen, minlength=count)
    assert counts.max() - counts.min() <= 1


def test_the_first_and_the_last_index_are_included():
    assert evenly_spaced(100, 4).tolist() == [0, 33, 66, 99]
    assert evenly_spaced(3, 64)[[0, -1]].tolist() == [0, 2]
