"""Random numbers that are the same in and outside of a function that XLA compiles."""

import numpy as np
import pytest
import tensorflow as tf

from dcgan.core import philox

SEEDS = [(0, 0), (5, 1), (2**31 - 1, 12345), (123456789, 2**40 + 7)]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (64, 100)])
@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_are_those_of_tensorflows_philox_operations(seed, shape, compiled):
    seed = tf.constant(seed, tf.int64)
    uniform, normal = (
        tf.function(lambda s, draw=draw: draw(shape, s), jit_compile=compiled)(seed).numpy()
        for draw in (philox.uniform, philox.normal)
    )
    np.testing.assert_array_equal(uniform, tf.random.stateless_uniform(shape, seed, alg="philox"))
    np.testing.assert_allclose(normal, tf.random.stateless_normal(shape, seed, alg="philox"), atol=2e-6, rtol=2e-6)
