"""Latents of seeds, and interpolation between them."""

import itertools
import time

import numpy as np
import pytest

from dcgan.core.errors import UserError
from dcgan.sampling import latents, slerp, walk
from dcgan.sampling.latents import iter_latents


def test_the_latents_of_a_seed_never_change():
    """If this fails, NumPy computes normal numbers differently, and every seed has another image."""
    stored = {
        0: [-1.431463, 1.6707169, -0.40272397, -1.295642],
        1: [0.18661235, -0.05541545, -0.37375617, -1.4310106],
        2**63 - 1: [-2.090828, 0.07422458, -1.454995, -0.85229075],
    }
    for seed, numbers in stored.items():
        np.testing.assert_array_equal(latents([seed], 4)[0], np.array(numbers, np.float32))


def test_a_row_equals_a_new_philox_generator_with_the_seed_in_its_key():
    for seed in (0, 5, 2**40 + 1, 2**63 - 1):
        alone = np.random.Generator(np.random.Philox(key=[seed, 1])).standard_normal(101, np.float32)
        np.testing.assert_array_equal(latents([3, seed], 101)[1], alone)


def test_a_row_depends_only_on_its_own_seed():
    many = latents(range(100), 7)
    np.testing.assert_array_equal(latents([99, 4, 4, 0], 7), many[[99, 4, 4, 0]])


def test_a_longer_latent_starts_with_the_shorter_one_of_the_same_seed():
    np.testing.assert_array_equal(latents(range(5), 300)[:, :100], latents(range(5), 100))


def test_latents_are_standard_normal_and_independent_for_consecutive_seeds():
    values = latents(range(20_000), 50).astype(np.float64)
    count = values.size
    moments = [(values**power).mean() for power in (1, 2, 3, 4)]
    for moment, exact, variance in zip(moments, (0, 1, 0, 3), (1, 2, 15, 96), strict=True):
        assert abs(moment - exact) < 4 * np.sqrt(variance / count)  # four standard errors
    assert abs((values[1:] * values[:-1]).mean()) < 4 / np.sqrt(count)
    assert abs((values[:, 1:] * values[:, :-1]).mean()) < 4 / np.sqrt(count)


def test_latents_are_float32_of_shape_seeds_by_dim():
    assert latents(range(3), 5).shape == (3, 5)
    assert latents([], 5).shape == (0, 5)
    assert latents([1], 5).dtype == np.float32


def test_fifty_thousand_latents_take_less_than_a_second():
    started = time.process_time()
    latents(range(50_000), 100)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_rejected(seed):
    with pytest.raises(UserError, match=f"Seed {seed} is out of range"):
        latents([0, seed], 3)


def test_iterated_latents_are_the_same_and_are_not_computed_ahead():
    rows = list(itertools.islice(iter_latents(itertools.count(), 6, batch_size=4), 11))
    np.testing.assert_array_equal(rows, latents(range(11), 6))


def test_slerp_traverses_a_quarter_circle_at_constant_speed():
    t = np.linspace(0, 1, 7)
    path = slerp(np.array([2.0, 0, 0]), np.array([0, 2.0, 0]), t)
    quarter = t * np.pi / 2
    np.testing.assert_allclose(path, 2 * np.stack([np.cos(quarter), np.sin(quarter), 0 * t], -1), atol=1e-6)


def test_both_ends_of_slerp_are_exact():
    a, b = latents([1, 2], 100)
    np.testing.assert_array_equal(slerp(a, b, np.array([0.0, 1.0])), [a, b])


def test_slerp_between_vectors_of_equal_length_keeps_that_length():
    a, b = (vector / np.linalg.norm(vector) for vector in latents([1, 2], 100).astype(np.float64))
    np.testing.assert_allclose(np.linalg.norm(slerp(a, b, np.linspace(0, 1, 9)), axis=-1), 1, rtol=1e-6)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-9, 1e-7, 1e-5])
def test_slerp_between_nearly_parallel_vectors_is_nearly_linear(angle):
    a = np.array([1.0, 0.0])
    b = np.array([np.cos(angle), np.sin(angle)])
    t = np.linspace(0, 1, 5)
    np.testing.assert_allclose(slerp(a, b, t)[:, 1], t * angle, rtol=1e-6, atol=1e-20)


@pytest.mark.parametrize(("a", "b"), [([1, 0], [3, 0]), ([1, 0], [-1, 0]), ([0, 0], [1, 2]), ([0, 0], [0, 0])])
def test_slerp_between_parallel_opposite_and_zero_vectors_is_finite_with_exact_ends(a, b):
    path = slerp(np.array(a), np.array(b), np.linspace(0, 1, 5))
    assert np.isfinite(path).all()
    np.testing.assert_array_equal(path[[0, -1]], [a, b])


def test_slerp_takes_many_pairs():
    a, b = latents(range(6), 5), latents(range(6, 12), 5)
    t = np.linspace(0, 1, 6)
    np.testing.assert_array_equal(slerp(a, b, t), [slerp(*row) for row in zip(a, b, t, strict=True)])
    assert slerp(a[0], b[0], 0.5).shape == (5,)


def test_a_walk_visits_every_seed():
    pairs = list(walk([3, 1, 4], 10, 5))
    assert [pair.shape for pair in pairs] == [(5, 10)] * 2
    np.testing.assert_array_equal([pairs[0][0], pairs[0][-1], pairs[1][0], pairs[1][-1]], latents([3, 1, 1, 4], 10))


def test_a_loop_returns_to_the_first_seed_without_stopping_at_any():
    points = np.concatenate(list(walk([3, 1, 4], 10, 5, loop=True)))
    np.testing.assert_array_equal(points[::5], latents([3, 1, 4], 10))
    strides = np.linalg.norm(np.diff(points, axis=0, append=points[:1]), axis=-1)
    assert strides.min() > 0.5 * strides.max()


@pytest.mark.parametrize(("seeds", "steps", "loop"), [([1], 5, False), ([1], 5, True), ([1, 2], 1, False)])
def test_a_walk_of_one_seed_or_one_step_is_rejected(seeds, steps, loop):
    with pytest.raises(UserError, match="walk"):
        walk(seeds, 3, steps, loop=loop)
