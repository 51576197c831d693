"""The random numbers of `tf.random.stateless_uniform` and `stateless_normal`, also in functions that XLA compiles.

XLA has a generator of its own, so that the same seed gives other numbers in a compiled function. These functions are
composed of integer arithmetic and give the numbers of TensorFlow's Philox operations everywhere: uniform ones to the
bit, normal ones to the rounding of logarithm, sine and cosine. The generator is Philox4x32-10 (Salmon et al. 2011,
"Parallel Random Numbers: As Easy as 1, 2, 3").
"""

import math
from collections.abc import Sequence

import tensorflow as tf

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_INCREMENTS = (0x9E3779B9, 0xBB67AE85)
_SCRAMBLING_KEY = (0x3EC8F720, 0x02461E29)
"""TensorFlow derives key and counter from a seed by one round trip through the generator with this key."""

_ROUNDS = 10
_SMALLEST = 1e-7
"""TensorFlow's smallest uniform number before it takes the logarithm."""

Words = list[tf.Tensor]


def uniform(shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
    """Return what `tf.random.stateless_uniform(shape, seed, alg="philox")` returns.

    Args:
        shape: of the result.
        seed: int64 (2,).

    Returns:
        float32 in [0, 1).
    """
    return _shaped(tf.stack([_to_unit_interval(word) for word in _words(shape, seed)], axis=1), shape)


def normal(shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
    """Return what `tf.random.stateless_normal(shape, seed, alg="philox")` returns, up to rounding.

    Args:
        shape: of the result.
        seed: int64 (2,).

    Returns:
        float32, standard normal (Box and Muller 1958).
    """
    numbers = [_to_unit_interval(word) for word in _words(shape, seed)]
    columns = []
    for radial, angular in (numbers[:2], numbers[2:]):
        radius, angle = tf.sqrt(-2.0 * tf.math.log(tf.maximum(radial, _SMALLEST))), 2.0 * math.pi * angular
        columns += [radius * tf.sin(angle), radius * tf.cos(angle)]
    return _shaped(tf.stack(columns, axis=1), shape)


def _words(shape: Sequence[int], seed: tf.Tensor) -> Words:
    """Return enough random bits for a shape: four tensors uint32 (n,), of which element i is the i-th group of four."""
    words = tf.bitcast(seed, tf.uint32)  # (2, 2): low and high half of both numbers
    scrambling = [tf.constant(value, tf.uint32) for value in _SCRAMBLING_KEY]
    key_0, key_1, *high = _philox([words[0, 0], words[0, 1], words[1, 0], words[1, 1]], scrambling)
    groups = -(-math.prod(shape) // 4)
    zeros = tf.zeros((groups,), tf.uint32)
    return _philox([tf.range(groups, dtype=tf.int64), zeros, *(zeros + word for word in high)], [key_0, key_1])


def _philox(counter: Words, key: Words) -> Words:
    """Return four random words, uint32, for each counter of four words and a key of two."""
    counter = [tf.cast(word, tf.uint32) for word in counter]
    for number in range(_ROUNDS):
        if number:
            key = [word + tf.constant(value, tf.uint32) for word, value in zip(key, _KEY_INCREMENTS, strict=True)]
        (high_0, low_0), (high_1, low_1) = (
            _multiply(word, value) for word, value in zip(counter[::2], _MULTIPLIERS, strict=True)
        )
        counter = [_xor(high_1, counter[1], key[0]), low_1, _xor(high_0, counter[3], key[1]), low_0]
    return counter


def _multiply(word: tf.Tensor, factor: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the upper and lower 32 bits of a product."""
    product = tf.cast(word, tf.uint64) * tf.constant(factor, tf.uint64)
    upper = tf.bitwise.right_shift(product, tf.constant(32, tf.uint64))
    return tf.cast(upper, tf.uint32), tf.cast(product, tf.uint32)


def _xor(*words: tf.Tensor) -> tf.Tensor:
    first, second, third = words
    return tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(first, second), third)


def _to_unit_interval(word: tf.Tensor) -> tf.Tensor:
    """Return the lower 23 bits of uint32 words as float32 in [0, 1), as TensorFlow does."""
    mantissa = tf.bitwise.bitwise_and(word, tf.constant(0x7FFFFF, tf.uint32))
    return tf.cast(tf.cast(mantissa, tf.int32), tf.float32) * (1.0 / (1 << 23))


def _shaped(groups: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Return the first elements of (n, 4) in a shape."""
    return tf.reshape(tf.reshape(groups, (-1,))[: math.prod(shape)], shape)
