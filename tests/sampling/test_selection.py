"""Which pictures are drawn, in which classes."""

import numpy as np
import pytest

from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.sampling import latents
from dcgan.sampling import selection as asked_module
from dcgan.sampling.seeds import parse_seeds
from dcgan.sampling.selection import MOST_ROWS, Selection, default_selection, select

TWO = Classes(("left", "right"), (0.5, 0.5))
SEEDS = parse_seeds("0-4")


def rows(asked, dim=3):
    return np.array(list(asked.rows(dim)))


def test_without_classes_a_row_is_a_latent():
    np.testing.assert_array_equal(rows(Selection(SEEDS)), latents(range(5), 3))


def test_with_classes_the_class_stands_behind_the_latent():
    own = rows(select(SEEDS, None, TWO))
    np.testing.assert_array_equal(own[:, :3], latents(range(5), 3))
    np.testing.assert_array_equal(own[:, 3:], TWO.one_hot(TWO.labels_for(range(5))))


def test_a_label_holds_for_all_seeds():
    np.testing.assert_array_equal(rows(select(SEEDS, "right", TWO))[:, 3:], [[0, 1]] * 5)


def test_each_class_is_drawn_with_the_same_seeds_a_row_a_class():
    asked = select(SEEDS, "each", TWO)
    assert (len(asked), asked.columns) == (10, 5)
    np.testing.assert_array_equal(rows(asked)[:, :3], np.tile(latents(range(5), 3), (2, 1)))
    assert [label for _, label in asked.pairs()] == [0] * 5 + [1] * 5


def test_a_label_without_classes_is_refused():
    with pytest.raises(UserError, match="not conditional"):
        select(SEEDS, "3", None)


def test_where_nothing_is_asked_for_there_are_64_seeds_or_a_row_a_class():
    assert (len(default_selection(None)), default_selection(None).columns) == (64, None)
    assert (len(default_selection(TWO)), default_selection(TWO).columns) == (16, 8)
    many = Classes(tuple(map(str, range(50))), (0.02,) * 50)
    assert len(default_selection(many)) == 8 * MOST_ROWS


@pytest.mark.parametrize("loop", [False, True])
def test_a_walk_goes_from_class_to_class_in_a_straight_line(loop):
    asked = Selection(parse_seeds("0-1"), TWO)
    assert TWO.labels_for([0, 1]).tolist() == [0, 1]
    walked = np.array(list(asked.walk(3, 3, loop=loop)))
    np.testing.assert_array_equal(walked[0], rows(asked)[0])
    np.testing.assert_allclose(walked[:3, 4], [0, 1 / 3, 2 / 3] if loop else [0, 0.5, 1], rtol=1e-6)
    assert len(walked) == (6 if loop else 3)


def test_a_walk_through_every_class_at_once_is_refused():
    with pytest.raises(UserError, match="one class"):
        select(SEEDS, "each", TWO).walk(3, 3)


def test_it_says_what_is_drawn():
    assert str(Selection(SEEDS)) == "5 seeds (0-4)"
    assert str(select(SEEDS, "0", TWO)) == "5 seeds (0-4) of 'left'"
    assert str(select(SEEDS, "each", TWO)) == "5 seeds (0-4) in each of 2 classes"


def test_own_classes_of_many_seeds_are_those_of_each(monkeypatch):
    monkeypatch.setattr(asked_module, "AT_ONCE", 7)
    seeds = parse_seeds("3-40,5")
    assert list(Selection(seeds, TWO).pairs()) == [(seed, int(TWO.labels_for([seed])[0])) for seed in seeds]
