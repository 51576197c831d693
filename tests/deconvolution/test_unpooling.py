"""Pooling with switches and unpooling, as functions and as layers, against loops and TensorFlow's pooling."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dcgan.core.errors import UserError
from dcgan.deconvolution import max_pool_with_switches, max_unpool
from tests.support import slow_loops

WINDOWS = [(1, 1), (2, 2), (3, 3), (2, 3), (4, 1)]
PADDINGS = ["valid", "same"]
SIZES = [(6, 6), (7, 8), (5, 9)]


def sweep(test):
    for name, values in {"size": SIZES, "window": WINDOWS, "padding": PADDINGS}.items():
        test = pytest.mark.parametrize(name, values, ids=str)(test)
    return test


def images(size, seed=0):
    """Few distinct values, so that windows have several equal maxima, some of them negative."""
    return np.random.default_rng(seed).integers(-6, 3, (2, *size, 3)).astype(np.float32)


@sweep
def test_maxima_and_switches_equal_the_loop_over_windows(size, window, padding):
    pooled, switches = max_pool_with_switches(images(size), window, padding)
    for result, expected in zip((pooled, switches), slow_loops.max_pool(images(size), window, padding), strict=True):
        np.testing.assert_array_equal(result, expected)


@sweep
def test_switches_equal_those_of_max_pool_with_argmax(size, window, padding):
    ours = max_pool_with_switches(images(size), window, padding)
    for result, expected in zip(
        ours, tf.nn.max_pool_with_argmax(images(size), window, window, padding.upper()), strict=True
    ):
        np.testing.assert_array_equal(result, expected)


@sweep
def test_unpooling_is_the_gradient_of_tensorflows_max_pooling(size, window, padding):
    image = tf.constant(images(size))
    with tf.GradientTape() as tape:
        tape.watch(image)
        pooled = tf.nn.max_pool2d(image, window, window, padding.upper())
    upstream = np.random.default_rng(1).standard_normal(pooled.shape).astype(np.float32)
    _, switches = max_pool_with_switches(image, window, padding)
    np.testing.assert_array_equal(max_unpool(upstream, switches, image.shape), tape.gradient(pooled, image, upstream))


@sweep
def test_pooling_and_unpooling_are_each_others_gradient(size, window, padding):
    image = tf.constant(images(size))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        pooled, switches = max_pool_with_switches(image, window, padding)
        unpooled = max_unpool(pooled, switches, image.shape)
    up, down = (np.random.default_rng(2).standard_normal(t.shape).astype(np.float32) for t in (pooled, image))
    np.testing.assert_array_equal(tape.gradient(pooled, image, up), max_unpool(up, switches, image.shape))
    read = np.take_along_axis(down.reshape(2, -1), np.asarray(switches).reshape(2, -1), axis=1)
    np.testing.assert_array_equal(tape.gradient(unpooled, pooled, down), read.reshape(pooled.shape))


# TensorFlow flushes subnormal numbers to 0.
VALUES = st.floats(0, 100, width=32, allow_subnormal=False)
SHAPES = st.tuples(st.integers(1, 2), st.integers(3, 8), st.integers(3, 8), st.integers(1, 3))


@settings(deadline=None, max_examples=50)
@given(SHAPES.flatmap(lambda shape: arrays.arrays(np.float32, shape, elements=VALUES)), st.integers(1, 3))
def test_pooling_after_unpooling_returns_the_values_if_none_is_negative(image, window):
    for padding in PADDINGS:
        pooled, switches = max_pool_with_switches(image, window, padding)
        unpooled = max_unpool(pooled, switches, image.shape)
        np.testing.assert_array_equal(max_pool_with_switches(unpooled, window, padding)[0], pooled)
        np.testing.assert_array_equal(unpooled, slow_loops.max_unpool(pooled.numpy(), switches.numpy(), image.shape))


def test_values_are_written_to_their_switches_and_added_where_switches_are_equal():
    values = np.array([[[[1.0], [2.0]]], [[[3.0], [4.0]]]])
    unpooled = max_unpool(values, np.array([[[[0], [5]]], [[[3], [3]]]]), (2, 3))
    np.testing.assert_array_equal(unpooled[..., 0], [[[1, 0, 0], [0, 0, 2]], [[0, 0, 0], [7, 0, 0]]])


@pytest.mark.parametrize(
    "shape", [(5, 7), [5, 7, 3], (2, 5, 7, 3), (None, 5, 7, 3), tf.TensorShape((2, 5, 7, 3))], ids=str
)
def test_the_output_size_is_a_shape_of_two_to_four_numbers_or_a_tensor(shape):
    image = images((5, 7))
    pooled, switches = max_pool_with_switches(image, 2)
    expected = max_unpool(pooled, switches, image.shape)
    assert expected.shape == image.shape
    np.testing.assert_array_equal(max_unpool(pooled, switches, shape), expected)
    if None not in list(shape):
        np.testing.assert_array_equal(max_unpool(pooled, switches, tf.constant(list(shape))), expected)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("compiled", [False, True])
def test_traced_and_compiled_functions_of_unknown_size_compute_the_same(padding, compiled):
    signature = [tf.TensorSpec((None, None, None, 3))]

    @tf.function(input_signature=None if compiled else signature, jit_compile=compiled)
    def pool_and_unpool(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            pooled, switches = max_pool_with_switches(image, 3, padding)
            unpooled = max_unpool(pooled, switches, tf.shape(image))
        return pooled, switches, unpooled, tape.gradient(unpooled, image)

    image = tf.constant(images((7, 8)))
    plain = pool_and_unpool.python_function(image)
    for traced, eager in zip(pool_and_unpool(image), plain, strict=True):
        np.testing.assert_array_equal(traced, eager)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int32"])
def test_the_type_of_the_values_is_kept(dtype):
    image = tf.cast(images((5, 5)), dtype)
    pooled, switches = max_pool_with_switches(image, 2, "same")
    unpooled = max_unpool(pooled, tf.cast(switches, tf.int32), image.shape)
    assert pooled.dtype == unpooled.dtype == dtype
    expected, _ = slow_loops.max_pool(images((5, 5)), (2, 2), "same")
    np.testing.assert_array_equal(tf.cast(pooled, tf.float32), expected)


def test_infinite_pixels_are_pooled_like_finite_ones():
    image = np.full((1, 2, 4, 1), -np.inf, np.float32)
    image[0, 0, 3] = np.inf
    pooled, switches = max_pool_with_switches(image, 2)
    assert pooled.numpy().ravel().tolist() == [-np.inf, np.inf]
    assert switches.numpy().ravel().tolist() == [0, 3]


def test_an_empty_batch_is_pooled_and_unpooled():
    pooled, switches = max_pool_with_switches(np.zeros((0, 4, 4, 2), np.float32), 2)
    assert pooled.shape == switches.shape == (0, 2, 2, 2)
    assert max_unpool(pooled, switches, (4, 4)).shape == (0, 4, 4, 2)


@pytest.mark.parametrize(
    ("shape", "window", "padding", "word"),
    [
        ((4, 4, 1), 2, "valid", r"\(4, 4, 1\)"),
        ((1, 4, 4, 1), 0, "valid", "pool size"),
        ((1, 4, 4, 1), (2, 2, 2), "valid", "pool size"),
        ((1, 4, 4, 1), 2, "reflect", "Padding"),
        ((1, 4, 4, 1), (2, 5), "valid", "does not fit"),
    ],
)
def test_pooling_of_invalid_shapes_and_windows_raises_an_error(shape, window, padding, word):
    with pytest.raises(UserError, match=word):
        max_pool_with_switches(np.zeros(shape, np.float32), window, padding)


@pytest.mark.parametrize(
    ("values", "switches", "shape"),
    [
        ((1, 2, 2, 1), (1, 2, 1, 1), (4, 4)),
        ((1, 2, 2, 1), (1, 2, 2, 1), (4,)),
        ((1, 2, 2, 1), (1, 2, 2, 1), (1, 4, 4, 3)),
        ((2, 2, 1), (2, 2, 1), (4, 4)),
    ],
)
def test_unpooling_of_shapes_that_do_not_match_raises_an_error(values, switches, shape):
    with pytest.raises(UserError):
        max_unpool(np.zeros(values, np.float32), np.zeros(switches, np.int64), shape)


def test_a_switch_outside_its_image_raises_an_error():
    values = np.ones((2, 1, 1, 1), np.float32)
    with pytest.raises(tf.errors.InvalidArgumentError):
        max_unpool(values, np.array([4, 0]).reshape(2, 1, 1, 1), (2, 2))
