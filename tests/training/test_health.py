"""What the guard notices, and what it does not mistake for trouble."""

import json

import numpy as np
import pytest

from dcgan.training.health import GRACE, HOPELESS, LOW, PATIENCE, WON, HealthMonitor, diversity

REAL = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), dtype=np.uint8)
OTHER = np.random.default_rng(1).integers(0, 256, (32, 8, 8, 1), dtype=np.uint8)
HEALTHY = {"d_loss": 0.6, "g_loss": 1.5, "d_real": 0.8, "d_fake": 0.2}
LOST = {"d_loss": WON / 2, "g_loss": 9.0, "d_real": 0.999, "d_fake": 0.001}


def test_diversity_is_one_for_other_images_of_the_same_kind_and_none_for_copies():
    assert diversity(OTHER, REAL) == pytest.approx(1, abs=0.05)
    assert diversity(np.repeat(OTHER[:1], 32, axis=0), REAL) == 0


def test_a_few_pictures_again_and_again_are_a_collapse_though_they_differ():
    few = np.tile(OTHER[:4], (8, 1, 1, 1))
    assert diversity(few, REAL) == 0


def test_diversity_is_the_smaller_ratio_of_distances_counted_one_by_one():
    def slow(images):
        rows = images.reshape(len(images), -1).astype(float)
        table = [[np.linalg.norm(a - b) for j, b in enumerate(rows) if j != i] for i, a in enumerate(rows)]
        return np.mean(table), np.median([min(row) for row in table])

    faint = (OTHER // 3).astype(np.uint8)
    ratios = [ours / theirs for ours, theirs in zip(slow(faint), slow(REAL), strict=True)]
    assert diversity(faint, REAL) == pytest.approx(min(ratios), rel=1e-6)


def test_data_that_is_all_alike_says_nothing_about_the_pictures():
    assert diversity(REAL, np.zeros_like(REAL)) == 1


def test_a_single_image_says_nothing_about_the_pictures_either():
    assert HealthMonitor(REAL[:1]).look_at_pictures(GRACE + 1, OTHER) == (1, None)


def test_a_collapse_is_told_after_some_looks_and_not_before():
    guard, alike = HealthMonitor(REAL), np.zeros_like(REAL)
    told = [guard.look_at_pictures(1000, alike)[1] for _ in range(PATIENCE)]
    assert told[:-1] == [None] * (PATIENCE - 1)
    assert "collapsed" in told[-1]
    assert "0.00 times" in told[-1]


def test_a_single_healthy_look_starts_the_count_anew():
    guard, alike = HealthMonitor(REAL), np.zeros_like(REAL)
    for _ in range(3):
        for _ in range(PATIENCE - 1):
            found, what = guard.look_at_pictures(1000, alike)
            assert (found < LOW, what) == (True, None)
        assert guard.look_at_pictures(1000, OTHER)[1] is None


def test_pictures_that_were_never_different_have_their_first_steps_to_become_so():
    guard, alike = HealthMonitor(REAL), np.zeros_like(REAL)
    assert not any(guard.look_at_pictures(GRACE, alike)[1] for _ in range(3 * PATIENCE))
    assert any(guard.look_at_pictures(GRACE + 1, alike)[1] for _ in range(PATIENCE))
    fallen = HealthMonitor(REAL)
    fallen.look_at_pictures(1, OTHER)
    assert any(fallen.look_at_pictures(2, alike)[1] for _ in range(PATIENCE))


def test_a_discriminator_that_has_won_is_told_once_until_it_has_lost_again():
    guard = HealthMonitor(REAL)
    told = [guard.look_at_numbers(LOST) for _ in range(3 * PATIENCE)]
    assert [warning is not None for warning, _ in told] == [i == PATIENCE - 1 for i in range(3 * PATIENCE)]
    assert "discriminator has won" in told[PATIENCE - 1][0]
    assert guard.look_at_numbers(HEALTHY) == (None, None)
    assert [guard.look_at_numbers(LOST) for _ in range(PATIENCE)][-1][0]


def test_a_victory_that_lasts_is_trouble():
    guard = HealthMonitor(REAL)
    told = [guard.look_at_numbers(LOST)[1] for _ in range(HOPELESS)]
    assert told[:-1] == [None] * (HOPELESS - 1)
    assert f"has won (D loss 0.005, D(x) 0.999, D(G(z)) 0.001) for {HOPELESS} looks" in told[-1]
    guard.look_afresh()
    assert guard.look_at_numbers(LOST) == (None, None)


def test_no_state_counts_as_well_while_the_discriminator_wins_or_the_pictures_are_alike():
    guard = HealthMonitor(REAL)
    assert guard.well
    guard.look_at_numbers(LOST)
    assert not guard.well
    guard.look_at_numbers(HEALTHY)
    assert guard.well
    guard.look_at_pictures(1000, np.zeros_like(REAL))
    assert not guard.well


def test_pictures_that_never_differed_are_not_well_though_they_still_have_time():
    guard = HealthMonitor(REAL)
    assert guard.look_at_pictures(GRACE, np.zeros_like(REAL))[1] is None
    assert not guard.well
    guard.look_at_pictures(GRACE, OTHER)
    assert guard.well


def test_a_look_beyond_the_schedule_says_whether_all_is_well_and_counts_for_nothing():
    guard, alike = HealthMonitor(REAL), np.zeros_like(REAL)
    assert not any(guard.look_at_pictures(1000, alike, counts=False)[1] for _ in range(3 * PATIENCE))
    assert not guard.well
    assert not any(guard.look_at_pictures(1000, alike)[1] for _ in range(PATIENCE - 1))


def test_what_was_seen_before_a_stop_is_remembered_after_it():
    before, alike = HealthMonitor(REAL), np.zeros_like(REAL)
    before.look_at_pictures(1, OTHER)
    for _ in range(PATIENCE - 1):
        before.look_at_pictures(2, alike)
    memory = json.loads(json.dumps(before.memory()))
    assert memory["well"] is False
    assert "collapsed" in HealthMonitor(REAL, memory).look_at_pictures(3, alike)[1]


@pytest.mark.parametrize("value", [None, "many", -1, 2.5, True, 10**9, [1]])
def test_a_memory_that_makes_no_sense_is_none(value):
    guard = HealthMonitor(REAL, {"alike": value, "sure": value, "was_well": value if value is not True else 1})
    assert guard.memory() == HealthMonitor(REAL).memory()


def test_the_best_distance_of_before_a_stop_is_what_the_next_ones_are_compared_with():
    guard = HealthMonitor(REAL, best=49.0)
    assert [guard.look_at_distance(137.0) is not None for _ in range(PATIENCE)] == [False, False, True]


def test_healthy_losses_are_no_news():
    guard = HealthMonitor(REAL)
    assert all(guard.look_at_numbers(HEALTHY) == (None, None) for _ in range(10 * PATIENCE))


def test_pictures_that_get_worse_for_good_are_told_once():
    guard = HealthMonitor(REAL)
    told = [guard.look_at_distance(distance) for distance in (9, 4, 5, 7, 3.9, 6, 7, 8, 9)]
    assert [text is not None for text in told] == [False] * 7 + [True, False]
    assert "3.9" in told[7]
