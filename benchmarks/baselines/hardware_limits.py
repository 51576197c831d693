"""The hardware's limits: arithmetic and memory bandwidth."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dcgan.core.resources import count_cores


class MatrixProduct:
    """Multiply two square float32 matrices that are large enough to reach the processor's full speed.

    Args:
        size: rows and columns of the matrices.
    """

    def __init__(self, size: int = 4096):
        import tensorflow as tf

        self._tf, self._size = tf, size
        self._factors = [tf.random.stateless_normal((size, size), (seed, 0)) for seed in range(2)]

    def run(self, steps: int) -> int:
        """Multiply `steps` times; return the floating-point operations."""
        for _ in range(steps):
            product = self._tf.matmul(*self._factors)
        product[0, 0].numpy()
        return steps * 2 * self._size**3


class MemoryCopy:
    """Copy between two arrays that exceed every cache, a part on each core.

    Args:
        size: bytes of an array.
    """

    def __init__(self, size: int = 1 << 28):
        parts = count_cores()
        self._source = np.ones((parts, size // parts), np.uint8)
        self._target = np.zeros_like(self._source)
        self._threads = ThreadPoolExecutor(parts)

    def run(self, steps: int) -> int:
        """Copy `steps` times; return the bytes read and written."""
        for _ in range(steps):
            list(self._threads.map(np.copyto, self._target, self._source))
        return steps * 2 * self._source.size
