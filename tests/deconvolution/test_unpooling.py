"""Pooling with switches and unpooling, against loops, TensorFlow's own pooling and its gradient."""

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
    """Few different values, so that windows have several equal maxima, some of them negative."""
    return np.random.default_rng(seed).integers(-6, 3, (2, *size, 3)).astype(np.float32)


@sweep
def test_maxima_and_switches_are_those_of_the_loop_over_windows(size, window, padding):
    pooled, switches = max_pool_with_switches(images(size), window, padding)
    for result, expected in zip((pooled, switches), slow_loops.max_pool(images(size), window, padding), strict=True):
        np.testing.assert_array_equal(result, expected)


@sweep
def test_switches_count_as_tensorflows_own_do(size, window, padding):
    ours = max_pool_with_switches(images(size), window, padding)
    for mine, theirs in zip(
        ours, tf.nn.max_pool_with_argmax(images(size), window, window, padding.upper()), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


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
def test_each_is_the_gradient_of_the_other(size, window, padding):
    image = tf.constant(images(size))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        pooled, switches = max_pool_with_switches(image, window, padding)
        grown = max_unpool(pooled, switches, image.shape)
    up, down = (np.random.default_rng(2).standard_normal(t.shape).astype(np.float32) for t in (pooled, image))
    np.testing.assert_array_equal(tape.gradient(pooled, image, up), max_unpool(up, switches, image.shape))
    read = np.take_along_axis(down.reshape(2, -1), np.asarray(switches).reshape(2, -1), axis=1)
    np.testing.assert_array_equal(tape.gradient(grown, pooled, down), read.reshape(pooled.shape))


# TensorFlow takes subnormal numbers for 0.
VALUES = st.floats(0, 100, width=32, allow_subnormal=False)
SHAPES = st.tuples(st.integers(1, 2), st.integers(3, 8), st.integers(3, 8), st.integers(1, 3))


@settings(deadline=None, max_examples=50)
@given(SHAPES.flatmap(lambda shape: arrays.arrays(np.float32, shape, elements=VALUES)), st.integers(1, 3))
def test_pooling_what_was_unpooled_gives_the_values_back_where_none_is_negative(image, window):
    for padding in PADDINGS:
        pooled, switches = max_pool_with_switches(image, window, padding)
        grown = max_unpool(pooled, switches, image.shape)
        np.testing.assert_array_equal(max_pool_with_switches(grown, window, padding)[0], pooled)
        np.testing.assert_array_equal(grown, slow_loops.max_unpool(pooled.numpy(), switches.numpy(), image.shape))


def test_new_values_go_where_the_old_maxima_stood_and_add_up_at_one_place():
    values = np.array([[[[1.0], [2.0]]], [[[3.0], [4.0]]]])
    grown = max_unpool(values, np.array([[[[0], [5]]], [[[3], [3]]]]), (2, 3))
    np.testing.assert_array_equal(grown[..., 0], [[[1, 0, 0], [0, 0, 2]], [[0, 0, 0], [7, 0, 0]]])


@pytest.mark.parametrize(
    "shape", [(5, 7), [5, 7, 3], (2, 5, 7, 3), (None, 5, 7, 3), tf.TensorShape((2, 5, 7, 3))], ids=str
)
def test_the_size_is_taken_from_any_usual_shape_or_tensor(shape):
    image = images((5, 7))
    pooled, switches = max_pool_with_switches(image, 2)
    expected = max_unpool(pooled, switches, image.shape)
    assert expected.shape == image.shape
    np.testing.assert_array_equal(max_unpool(pooled, switches, shape), expected)
    if None not in list(shape):
        np.testing.assert_array_equal(max_unpool(pooled, switches, tf.constant(list(shape))), expected)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("compiled", [False, True])
def test_a_traced_or_compiled_function_computes_the_same_for_sizes_it_does_not_know(padding, compiled):
    signature = [tf.TensorSpec((None, None, None, 3))]

    @tf.function(input_signature=None if compiled else signature, jit_compile=compiled)
    def there_and_back(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            pooled, switches = max_pool_with_switches(image, 3, padding)
            grown = max_unpool(pooled, switches, tf.shape(image))
        return pooled, switches, grown, tape.gradient(grown, image)

    image = tf.constant(images((7, 8)))
    plain = there_and_back.python_function(image)
    for traced, eager in zip(there_and_back(image), plain, strict=True):
        np.testing.assert_array_equal(traced, eager)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64", "int32"])
def test_every_type_of_number_keeps_its_type(kind):
    image = tf.cast(images((5, 5)), kind)
    pooled, switches = max_pool_with_switches(image, 2, "same")
    grown = max_unpool(pooled, tf.cast(switches, tf.int32), image.shape)
    assert pooled.dtype == grown.dtype == kind
    expected, _ = slow_loops.max_pool(images((5, 5)), (2, 2), "same")
    np.testing.assert_array_equal(tf.cast(pooled, tf.float32), expected)


def test_infinite_pixels_are_pooled_like_others():
    image = np.full((1, 2, 4, 1), -np.inf, np.float32)
    image[0, 0, 3] = np.inf
    pooled, switches = max_pool_with_switches(image, 2)
    assert pooled.numpy().ravel().tolist() == [-np.inf, np.inf]
    assert switches.numpy().ravel().tolist() == [0, 3]


def test_no_images_give_no_maxima():
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
def test_pooling_refuses_what_has_no_windows(shape, window, padding, word):
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
def test_unpooling_refuses_shapes_that_do_not_go_together(values, switches, shape):
    with pytest.raises(UserError):
        max_unpool(np.zeros(values, np.float32), np.zeros(switches, np.int64), shape)


def test_a_switch_outside_its_image_never_writes_into_the_next_one():
    values = np.ones((2, 1, 1, 1), np.float32)
    with pytest.raises(tf.errors.InvalidArgumentError):
        max_unpool(values, np.array([4, 0]).reshape(2, 1, 1, 1), (2, 2))
