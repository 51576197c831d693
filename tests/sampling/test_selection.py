"""Which images are generated, in which classes."""

import numpy as np
import pytest

from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.sampling import latents
from dcgan.sampling.seeds import parse_seeds
from dcgan.sampling.selection import MAX_CLASS_ROWS, Selection, default_selection, select

TWO = Classes(("left", "right"), (0.5, 0.5))
SEEDS = parse_seeds("0-4")


def rows(selection, dim=3):
    return np.array(list(selection.rows(dim)))


def test_without_classes_a_row_is_a_latent():
    np.testing.assert_array_equal(rows(Selection(SEEDS)), latents(range(5), 3))


def test_with_classes_the_class_vector_follows_the_latent():
    default = rows(select(SEEDS, None, TWO))
    np.testing.assert_array_equal(default[:, :3], latents(range(5), 3))
    np.testing.assert_array_equal(default[:, 3:], TWO.one_hot(TWO.labels_for(range(5))))


def test_a_label_applies_to_all_seeds():
    np.testing.assert_array_equal(rows(select(SEEDS, "right", TWO))[:, 3:], [[0, 1]] * 5)


def test_each_class_has_the_same_seeds_one_row_per_class():
    selection = select(SEEDS, "each", TWO)
    assert (len(selection), selection.columns) == (10, 5)
    np.testing.assert_array_equal(rows(selection)[:, :3], np.tile(latents(range(5), 3), (2, 1)))
    assert [label for _, label in selection.pairs()] == [0] * 5 + [1] * 5


def test_a_label_without_classes_is_rejected():
    with pytest.raises(UserError, match="not conditional"):
        select(SEEDS, "3", None)


def test_by_default_there_are_64_seeds_or_one_row_per_class():
    assert (len(default_selection(None)), default_selection(None).columns) == (64, None)
    assert (len(default_selection(TWO)), default_selection(TWO).columns) == (16, 8)
    many = Classes(tuple(map(str, range(50))), (0.02,) * 50)
    assert len(default_selection(many)) == 8 * MAX_CLASS_ROWS


@pytest.mark.parametrize("loop", [False, True])
def test_a_walk_interpolates_classes_linearly(loop):
    selection = Selection(parse_seeds("0-1"), TWO)
    assert TWO.labels_for([0, 1]).tolist() == [0, 1]
    walked = np.array(list(selection.walk(3, 3, loop=loop)))
    np.testing.assert_array_equal(walked[0], rows(selection)[0])
    np.testing.assert_allclose(walked[:3, 4], [0, 1 / 3, 2 / 3] if loop else [0, 0.5, 1], rtol=1e-6)
    assert len(walked) == (6 if loop else 3)


def test_a_walk_in_several_classes_at_once_is_rejected():
    with pytest.raises(UserError, match="several classes at once"):
        select(SEEDS, "each", TWO).walk(3, 3)


def test_str_describes_seeds_and_classes():
    assert str(Selection(SEEDS)) == "5 seeds (0-4)"
    assert str(select(SEEDS, "0", TWO)) == "5 seeds (0-4) of class 'left'"
    assert str(select(SEEDS, "each", TWO)) == "5 seeds (0-4) in each of 2 classes"


def test_default_labels_computed_in_batches_are_those_of_each_seed(monkeypatch):
    monkeypatch.setattr("dcgan.sampling.selection.LABEL_BATCH_SIZE", 7)
    seeds = parse_seeds("3-40,5")
    assert list(Selection(seeds, TWO).pairs()) == [(seed, int(TWO.labels_for([seed])[0])) for seed in seeds]
