"""What the health monitor detects, and what it does not mistake for a problem."""

import json

import numpy as np
import pytest

from dcgan.training.health import (
    GRACE_STEPS,
    MAX_WON_CHECKS,
    MIN_DIVERSITY,
    PATIENCE,
    WON_LOSS,
    HealthMonitor,
    diversity,
)

REAL = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), dtype=np.uint8)
OTHER = np.random.default_rng(1).integers(0, 256, (32, 8, 8, 1), dtype=np.uint8)
HEALTHY = {"d_loss": 0.6, "g_loss": 1.5, "d_real": 0.8, "d_fake": 0.2}
WON = {"d_loss": WON_LOSS / 2, "g_loss": 9.0, "d_real": 0.999, "d_fake": 0.001}


def test_diversity_is_one_for_other_images_of_the_same_distribution_and_zero_for_copies():
    assert diversity(OTHER, REAL) == pytest.approx(1, abs=0.05)
    assert diversity(np.repeat(OTHER[:1], 32, axis=0), REAL) == 0


def test_a_few_images_repeated_are_a_collapse_although_they_differ():
    few = np.tile(OTHER[:4], (8, 1, 1, 1))
    assert diversity(few, REAL) == 0


def test_diversity_is_the_smaller_ratio_of_distances_computed_one_by_one():
    def slow(images):
        rows = images.reshape(len(images), -1).astype(float)
        table = [[np.linalg.norm(a - b) for j, b in enumerate(rows) if j != i] for i, a in enumerate(rows)]
        return np.mean(table), np.median([min(row) for row in table])

    faint = (OTHER // 3).astype(np.uint8)
    ratios = [ours / theirs for ours, theirs in zip(slow(faint), slow(REAL), strict=True)]
    assert diversity(faint, REAL) == pytest.approx(min(ratios), rel=1e-6)


def test_diversity_is_one_where_all_real_images_are_equal():
    assert diversity(REAL, np.zeros_like(REAL)) == 1


def test_diversity_is_one_where_there_is_a_single_real_image():
    assert HealthMonitor(REAL[:1]).check_diversity(GRACE_STEPS + 1, OTHER) == (1, None)


def test_a_collapse_is_reported_after_several_checks_and_not_before():
    monitor, equal = HealthMonitor(REAL), np.zeros_like(REAL)
    messages = [monitor.check_diversity(1000, equal)[1] for _ in range(PATIENCE)]
    assert messages[:-1] == [None] * (PATIENCE - 1)
    assert "collapsed" in messages[-1]
    assert "0.00 times" in messages[-1]


def test_a_single_healthy_check_resets_the_count():
    monitor, equal = HealthMonitor(REAL), np.zeros_like(REAL)
    for _ in range(3):
        for _ in range(PATIENCE - 1):
            value, message = monitor.check_diversity(1000, equal)
            assert (value < MIN_DIVERSITY, message) == (True, None)
        assert monitor.check_diversity(1000, OTHER)[1] is None


def test_a_generator_that_was_never_diverse_has_a_grace_period():
    monitor, equal = HealthMonitor(REAL), np.zeros_like(REAL)
    assert not any(monitor.check_diversity(GRACE_STEPS, equal)[1] for _ in range(3 * PATIENCE))
    assert any(monitor.check_diversity(GRACE_STEPS + 1, equal)[1] for _ in range(PATIENCE))
    fallen = HealthMonitor(REAL)
    fallen.check_diversity(1, OTHER)
    assert any(fallen.check_diversity(2, equal)[1] for _ in range(PATIENCE))


def test_a_winning_discriminator_is_reported_once_until_it_loses_again():
    monitor = HealthMonitor(REAL)
    messages = [monitor.check_losses(WON) for _ in range(3 * PATIENCE)]
    assert [warning is not None for warning, _ in messages] == [i == PATIENCE - 1 for i in range(3 * PATIENCE)]
    assert "discriminator has won" in messages[PATIENCE - 1][0]
    assert monitor.check_losses(HEALTHY) == (None, None)
    assert [monitor.check_losses(WON) for _ in range(PATIENCE)][-1][0]


def test_a_discriminator_that_keeps_winning_is_an_issue():
    monitor = HealthMonitor(REAL)
    messages = [monitor.check_losses(WON)[1] for _ in range(MAX_WON_CHECKS)]
    assert messages[:-1] == [None] * (MAX_WON_CHECKS - 1)
    assert f"has won (D loss 0.005, D(x) 0.999, D(G(z)) 0.001) in {MAX_WON_CHECKS} consecutive checks" in messages[-1]
    monitor.reset()
    assert monitor.check_losses(WON) == (None, None)


def test_a_run_is_not_healthy_while_the_discriminator_wins_or_diversity_is_low():
    monitor = HealthMonitor(REAL)
    assert monitor.healthy
    monitor.check_losses(WON)
    assert not monitor.healthy
    monitor.check_losses(HEALTHY)
    assert monitor.healthy
    monitor.check_diversity(1000, np.zeros_like(REAL))
    assert not monitor.healthy


def test_low_diversity_is_not_healthy_even_in_the_grace_period():
    monitor = HealthMonitor(REAL)
    assert monitor.check_diversity(GRACE_STEPS, np.zeros_like(REAL))[1] is None
    assert not monitor.healthy
    monitor.check_diversity(GRACE_STEPS, OTHER)
    assert monitor.healthy


def test_an_unscheduled_check_updates_healthy_and_is_not_counted():
    monitor, equal = HealthMonitor(REAL), np.zeros_like(REAL)
    assert not any(monitor.check_diversity(1000, equal, scheduled=False)[1] for _ in range(3 * PATIENCE))
    assert not monitor.healthy
    assert not any(monitor.check_diversity(1000, equal)[1] for _ in range(PATIENCE - 1))


def test_checks_before_a_stop_are_remembered_after_it():
    before, equal = HealthMonitor(REAL), np.zeros_like(REAL)
    before.check_diversity(1, OTHER)
    for _ in range(PATIENCE - 1):
        before.check_diversity(2, equal)
    state = json.loads(json.dumps(before.state()))
    assert "collapsed" in HealthMonitor(REAL, state).check_diversity(3, equal)[1]


@pytest.mark.parametrize("value", [None, "many", -1, 2.5, True, 10**9, [1]])
def test_an_invalid_state_is_ignored(value):
    monitor = HealthMonitor(
        REAL,
        {
            "low_checks": value,
            "won_checks": value,
            "worse_checks": value,
            "was_diverse": value if value is not True else 1,
        },
    )
    assert monitor.state() == HealthMonitor(REAL).state()


def test_distances_are_compared_with_the_best_one_before_a_stop():
    monitor = HealthMonitor(REAL, best=49.0)
    assert [monitor.check_distance(137.0) is not None for _ in range(PATIENCE)] == [False, False, True]


def test_evaluations_that_got_worse_before_a_stop_are_remembered_after_it():
    before = HealthMonitor(REAL)
    assert not any(before.check_distance(distance) for distance in (4, 9, 9))
    state = json.loads(json.dumps(before.state()))
    after = HealthMonitor(REAL, state, state["best"])
    assert "distance 9, after 4 at best" in after.check_distance(9)
    assert after.check_distance(9) is None


def test_healthy_losses_are_not_reported():
    monitor = HealthMonitor(REAL)
    assert all(monitor.check_losses(HEALTHY) == (None, None) for _ in range(10 * PATIENCE))


def test_images_that_keep_getting_worse_are_reported_once():
    monitor = HealthMonitor(REAL)
    messages = [monitor.check_distance(distance) for distance in (9, 4, 5, 7, 3.9, 6, 7, 8, 9)]
    assert [text is not None for text in messages] == [False] * 7 + [True, False]
    assert "3.9" in messages[7]
