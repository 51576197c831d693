"""Images that come evenly from all."""

import numpy as np
import pytest

from dcgan.data.image_dataset import evenly_spaced


@pytest.mark.parametrize(("count", "wanted"), [(3, 64), (10, 10), (100, 7), (1, 5), (64, 3)])
def test_none_comes_more_often_than_another_by_more_than_one(count, wanted):
    chosen = evenly_spaced(count, wanted)
    assert len(chosen) == wanted
    assert np.all(np.diff(chosen) >= 0)
    times = np.bincount(chosen, minlength=count)
    assert times.max() - times.min() <= 1


def test_the_first_and_the_last_are_among_them():
    assert evenly_spaced(100, 4).tolist() == [0, 33, 66, 99]
    assert evenly_spaced(3, 64)[[0, -1]].tolist() == [0, 2]
