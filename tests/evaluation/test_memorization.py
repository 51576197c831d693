"""Copies of training images, and repetitions among generated images."""

import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.evaluation import memorization as memorization_module
from dcgan.evaluation import nearest_neighbors
from dcgan.evaluation.memorization import closest_grid, memorization, repeats_grid, support


def images(count, seed=0, size=4):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 1), np.uint8)


def with_noise(originals, seed=0):
    """Copies that differ by up to 3 of 255 per pixel."""
    noise = np.random.default_rng(seed).integers(-3, 4, originals.shape)
    return np.clip(originals + noise, 0, 255).astype(np.uint8)


def test_copies_count_as_memorized_and_new_images_do_not(digits):
    training, held_out = digits.training.images[:2000], digits.held_out.images
    fresh = memorization(held_out[:500], training, held_out[500:1000])
    assert fresh.near < 0.04
    assert fresh.median == pytest.approx(fresh.held_out_median, rel=0.1)
    copied = memorization(np.maximum(training[:100], 1), training, held_out[500:1000])
    assert copied.near == 1
    assert copied.median < 0.1 * copied.held_out_median
    np.testing.assert_array_equal(copied.nearest, np.arange(100))


def test_copies_count_as_memorized_although_the_dataset_has_duplicates(digits):
    training, held_out = digits.training.images[:1000], digits.held_out.images[:1000].copy()
    held_out[:30] = training[:30]
    for copied in (training[100:200], with_noise(training[100:200])):
        assert memorization(copied, training, held_out).near == 1
    result = memorization(digits.held_out.images[1000:], training, held_out)
    assert result.copies == 30
    assert result.near < 0.05
    assert result.held_out_median == pytest.approx(result.median, rel=0.1)


def test_only_copies_count_as_memorized_where_every_held_out_image_is_a_copy():
    training = images(20, size=8)
    generated = np.concatenate([training[:3], images(7, seed=1, size=8)])
    result = memorization(generated, training, training[5:15])
    assert (result.near, result.copies, result.held_out_median) == (0.3, 10, None)


def test_held_out_images_among_the_training_images_are_compared_with_all_others(digits, monkeypatch):
    seen, indices = digits.training.images[:600], np.arange(0, 600, 3)
    monkeypatch.setattr(nearest_neighbors, "CHUNK_BYTES", 100 * 64 * 4)
    assert memorization(digits.held_out.images[:500], seen, seen[indices], indices).near < 0.05
    assert memorization(seen[300:400], seen, seen[indices], indices).near == 1


def test_copies_of_mirrored_training_images_count_as_memorized_where_training_mirrors_images(digits):
    training, held_out = digits.training.images[:1000], digits.held_out.images
    copied = training[100:200, :, ::-1]
    assert memorization(copied, training, held_out[:300]).near < 0.2
    result = memorization(copied, training, held_out[:300], flip=True)
    assert result.near == 1
    assert result.median == 0
    fresh = memorization(held_out[1000:], training, held_out[:1000], flip=True)
    assert fresh.near < 0.05
    assert fresh.held_out_median == pytest.approx(fresh.median, rel=0.1)  # by the same rule for both


def test_no_held_out_image_is_compared_with_its_own_mirror_image():
    seen = images(40, size=8)
    seen[:20, :, 4:] = seen[:20, :, 3::-1]  # symmetric
    result = memorization(images(5, seed=1, size=8), seen, seen[:20], np.arange(20), flip=True)
    assert result.copies == 0


def test_a_training_image_is_shown_mirrored_beside_the_copy_of_its_mirror_image():
    training = images(30)
    generated = np.stack([training[3, :, ::-1], training[20] ^ 3])
    result = memorization(generated, training, images(10, seed=1), flip=True)
    assert result.mirrored.tolist() == [True, False]
    np.testing.assert_array_equal(result.nearest, [3, 20])
    grid = closest_grid(generated, training, result, pairs=1)
    np.testing.assert_array_equal(grid[2:6, 2:6], generated[0])
    np.testing.assert_array_equal(grid[2:6, 8:12], generated[0])


def test_the_closest_pairs_are_shown_side_by_side_the_closest_first():
    training = images(30)
    generated = np.stack([training[3] ^ 15, training[20], training[11] ^ 3])
    grid = closest_grid(generated, training, memorization(generated, training, images(10, seed=1)), pairs=2)
    shown = [grid[2:6, 2 + 6 * cell : 6 + 6 * cell] for cell in range(4)]
    for seen, expected in zip(shown, (generated[1], training[20], generated[2], training[11]), strict=True):
        np.testing.assert_array_equal(seen, expected)


def test_the_birthday_paradox_estimates_the_number_of_distinct_images():
    distinct = images(2000, size=8)
    generated = distinct[np.random.default_rng(1).integers(0, len(distinct), 600)]
    result = support(generated, images(600, seed=2, size=8))
    assert result.estimate == pytest.approx(len(distinct), rel=0.3)
    equal = (generated.reshape(600, 1, -1) == generated.reshape(1, 600, -1)).all(axis=2).sum() - 600
    assert result.repeats == equal / 2
    assert (generated[result.pairs[0, 0]] == generated[result.pairs[0, 1]]).all()
    assert result.pairs[0, 0] < result.pairs[0, 1]


def test_a_collapsed_generator_has_a_support_of_one_image():
    assert support(np.ones((50, 4, 4, 1), np.uint8), images(50)).estimate == 1


def test_without_a_repetition_there_is_only_a_lower_bound():
    result = support(np.eye(16, dtype=np.uint8).reshape(16, 4, 4, 1) * 255, np.ones((16, 4, 4, 1), np.uint8))
    assert (result.repeats, result.estimate, result.at_least) == (0, None, 16 * 15 / 2 / 3)


def test_copies_among_real_images_count_as_repeats_and_hide_none_among_generated_images():
    few = images(20, size=28)
    result = support(np.repeat(few, 20, axis=0), np.repeat(images(20, seed=1, size=28), 20, axis=0))
    assert result.repeats == 20 * 20 * 19 / 2
    assert result.estimate == result.real == 400 * 399 / 2 / result.repeats


def test_pairs_closer_than_distinct_real_images_count_as_the_same_although_some_real_images_repeat(digits):
    real = digits.training.images[:2000].copy()
    real[:100] = real[100:200]
    generated = np.concatenate([digits.held_out.images[:50], with_noise(digits.held_out.images[:50])])
    assert support(generated, real).repeats >= 50


def test_the_support_of_the_real_images_follows_from_the_rule_for_the_same_image(monkeypatch):
    monkeypatch.setattr(memorization_module, "SAME_PAIRS_PER_IMAGE", 0.05)
    real = images(100)
    result = support(real, real)
    assert result.repeats == 5
    assert result.estimate == result.real == 100 * 99 / 2 / 5


def test_the_closest_pairs_of_generated_images_are_shown_side_by_side():
    generated = images(30)
    generated[7] = generated[21]
    grid = repeats_grid(generated, support(generated, images(30, seed=1), pairs=6))
    np.testing.assert_array_equal(grid[2:6, 2:6], generated[7])
    np.testing.assert_array_equal(grid[2:6, 8:12], generated[7])


def test_a_single_image_has_no_pairs():
    with pytest.raises(UserError, match="A single image"):
        support(images(1), images(5))
