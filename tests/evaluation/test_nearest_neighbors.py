"""Nearest neighbours among pixels, against loops over all pairs."""

import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.evaluation import nearest_neighbors
from dcgan.evaluation.nearest_neighbors import (
    affordable,
    classification_error,
    closest_grid,
    memorization,
    nearest,
    repeats_grid,
    support,
)


def images(count, seed=0, size=4):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 1), np.uint8)


def all_distances(a, b):
    a, b = (x.reshape(len(x), -1).astype(float) / 255 for x in (a, b))
    return np.array([[np.linalg.norm(x - y) for y in b] for x in a])


def test_the_nearest_image_is_found_whatever_piece_of_the_set_it_is_in(monkeypatch):
    monkeypatch.setattr(nearest_neighbors, "PIECE_BYTES", 7 * 16 * 4)
    queries, some = images(9), images(40, seed=1)
    found, distances = nearest(queries, some)
    expected = all_distances(queries, some)
    np.testing.assert_array_equal(found, expected.argmin(axis=1))
    np.testing.assert_allclose(distances, expected.min(axis=1), rtol=1e-6)


def test_an_image_of_the_set_is_its_own_nearest_at_distance_0():
    some = images(20)
    found, distances = nearest(some[5:8], some)
    assert found.tolist() == [5, 6, 7]
    assert distances.max() < 1e-3


def test_the_error_counts_the_test_images_whose_nearest_has_another_label(digits):
    training, held_out = digits.training, digits.held_out
    fit, test = slice(0, 500), slice(0, 200)
    error = classification_error(
        training.images[fit], training.labels[fit], held_out.images[test], held_out.labels[test]
    )
    found = all_distances(held_out.images[test], training.images[fit]).argmin(axis=1)
    assert error == (training.labels[fit][found] != held_out.labels[test]).mean()
    assert 0 < error < 0.3


def test_a_copying_machine_is_noticed_and_new_pictures_are_not(digits):
    training, held_out = digits.training.images[:2000], digits.held_out.images
    fresh = memorization(held_out[:500], training, held_out[500:1000])
    assert fresh.near < 0.04
    assert fresh.median == pytest.approx(fresh.held_out_median, rel=0.1)
    copied = memorization(np.maximum(training[:100], 1), training, held_out[500:1000])
    assert copied.near == 1
    assert copied.median < 0.1 * copied.held_out_median
    np.testing.assert_array_equal(copied.nearest, np.arange(100))


def changed(pictures, seed=0):
    """Copies that differ by up to 3 of 255 a pixel."""
    noise = np.random.default_rng(seed).integers(-3, 4, pictures.shape)
    return np.clip(pictures + noise, 0, 255).astype(np.uint8)


def test_copies_are_noticed_though_the_data_set_repeats_itself(digits):
    training, held_out = digits.training.images[:1000], digits.held_out.images[:300].copy()
    held_out[:30] = training[:30]
    for copied in (training[100:200], changed(training[100:200])):
        assert memorization(copied, training, held_out).near == 1
    found = memorization(digits.held_out.images[300:800], training, held_out)
    assert found.copies == 30
    assert found.near < 0.05
    assert found.held_out_median == pytest.approx(found.median, rel=0.1)


def test_where_every_held_out_image_is_a_copy_only_copies_count_as_memorised():
    training = images(20, size=8)
    drawn = np.concatenate([training[:3], images(7, seed=1, size=8)])
    found = memorization(drawn, training, training[5:15])
    assert (found.near, found.copies, found.held_out_median) == (0.3, 10, None)


def test_held_out_images_that_were_trained_on_are_compared_with_all_others(digits, monkeypatch):
    seen, own = digits.training.images[:600], np.arange(0, 600, 3)
    monkeypatch.setattr(nearest_neighbors, "PIECE_BYTES", 100 * 64 * 4)
    found, distances = nearest(seen[own], seen, own)
    apart = all_distances(seen[own], seen)
    apart[np.arange(len(own)), own] = np.inf
    np.testing.assert_array_equal(found, apart.argmin(axis=1))
    np.testing.assert_allclose(distances, apart.min(axis=1), rtol=1e-6)
    assert memorization(digits.held_out.images[:500], seen, seen[own], own).near < 0.05
    assert memorization(seen[300:400], seen, seen[own], own).near == 1


def test_a_copy_is_at_distance_0_exactly():
    some = images(50, size=28)
    assert nearest(some, some)[1].max() == 0


def test_the_closest_pairs_stand_side_by_side_the_closest_first():
    training = images(30)
    drawn = np.stack([training[3] ^ 15, training[20], training[11] ^ 3])
    sheet = closest_grid(drawn, training, memorization(drawn, training, images(10, seed=1)), pairs=2)
    shown = [sheet[2:6, 2 + 6 * place : 6 + 6 * place] for place in range(4)]
    for seen, expected in zip(shown, (drawn[1], training[20], drawn[2], training[11]), strict=True):
        np.testing.assert_array_equal(seen, expected)


def test_birthdays_tell_how_many_pictures_there_are():
    every = images(2000, size=8)
    drawn = every[np.random.default_rng(1).integers(0, len(every), 600)]
    found = support(drawn, images(600, seed=2, size=8))
    assert found.estimate == pytest.approx(len(every), rel=0.3)
    equal = (drawn.reshape(600, 1, -1) == drawn.reshape(1, 600, -1)).all(axis=2).sum() - 600
    assert found.repeats == equal / 2
    assert (drawn[found.pairs[0, 0]] == drawn[found.pairs[0, 1]]).all()
    assert found.pairs[0, 0] < found.pairs[0, 1]


def test_a_collapsed_generator_has_a_support_of_one_picture():
    assert support(np.ones((50, 4, 4, 1), np.uint8), images(50)).estimate == 1


def test_without_a_repetition_there_is_only_a_lower_bound():
    found = support(np.eye(16, dtype=np.uint8).reshape(16, 4, 4, 1) * 255, np.ones((16, 4, 4, 1), np.uint8))
    assert (found.repeats, found.estimate, found.at_least) == (0, None, 16 * 15 / 2 / 3)


def test_copies_among_real_images_are_repeats_there_too_and_hide_none_among_drawn_ones():
    few = images(20, size=28)
    found = support(np.repeat(few, 20, axis=0), np.repeat(images(20, seed=1, size=28), 20, axis=0))
    assert found.repeats == 20 * 20 * 19 / 2
    assert found.estimate == found.real == 400 * 399 / 2 / found.repeats


def test_pairs_nearer_than_different_real_images_are_the_same_though_some_real_ones_repeat(digits):
    real = digits.training.images[:2000].copy()
    real[:100] = real[100:200]
    drawn = np.concatenate([digits.held_out.images[:50], changed(digits.held_out.images[:50])])
    assert support(drawn, real).repeats >= 50


def test_the_real_images_own_support_follows_from_what_counts_as_the_same(monkeypatch):
    monkeypatch.setattr(nearest_neighbors, "SAME", 0.05)
    some = images(100)
    found = support(some, some)
    assert found.repeats == 5
    assert found.estimate == found.real == 100 * 99 / 2 / 5


def test_the_pairs_to_look_at_are_a_sheet():
    drawn = images(30)
    drawn[7] = drawn[21]
    sheet = repeats_grid(drawn, support(drawn, images(30, seed=1), pairs=6))
    np.testing.assert_array_equal(sheet[2:6, 2:6], drawn[7])
    np.testing.assert_array_equal(sheet[2:6, 8:12], drawn[7])


def test_one_picture_has_no_pairs():
    with pytest.raises(UserError, match="Two pictures"):
        support(images(1), images(5))


def test_a_large_set_is_searched_for_fewer_pictures():
    digits = np.broadcast_to(np.uint8(0), (10_000, 28, 28, 1))
    faces = np.broadcast_to(np.uint8(0), (160_000, 64, 64, 3))
    assert affordable(10_000, digits) == 10_000
    assert affordable(10_000, faces) == 101
