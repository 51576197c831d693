"""Convolution and pooling once more, one output at a time: what is read is written out, and nothing of TensorFlow.

TensorFlow's "same" padding: as many outputs as ⌈side / stride⌉, and as many zeros as that takes, an odd one behind.
"""

import math

import numpy as np


def starts(side, window, stride, padding):
    """Where each output's window starts along one axis, in pixels of the image."""
    if padding != "same":
        zeros = 0 if padding == "valid" else padding
        return [start for start in range(-zeros, side, stride) if start + window <= side + zeros]
    count = math.ceil(side / stride)
    zeros = max((count - 1) * stride + window - side, 0)
    return [stride * number - zeros // 2 for number in range(count)]


def convolution(x, kernel, strides, padding):
    """x (H, W, in), kernel (kh, kw, in, out) -> (h, w, out)."""
    (height, width, _), (tall, wide, _, out) = x.shape, kernel.shape
    vertical, horizontal = (padding, padding) if isinstance(padding, str) else padding
    tops, lefts = starts(height, tall, strides[0], vertical), starts(width, wide, strides[1], horizontal)
    result = np.zeros((len(tops), len(lefts), out))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            for i in range(tall):
                for j in range(wide):
                    if 0 <= top + i < height and 0 <= left + j < width:
                        result[row, column] += x[top + i, left + j] @ kernel[i, j]
    return result


def max_pool(x, window, padding):
    """x (N, H, W, C) -> maxima and switches, both (N, h, w, C)."""
    count, height, width, channels = x.shape
    tops, lefts = starts(height, window[0], window[0], padding), starts(width, window[1], window[1], padding)
    pooled = np.zeros((count, len(tops), len(lefts), channels), x.dtype)
    switches = np.zeros(pooled.shape, int)
    for n, row, column, channel in np.ndindex(pooled.shape):
        pixels = [
            (y, z) for y in covered(tops[row], window[0], height) for z in covered(lefts[column], window[1], width)
        ]
        values = [x[n, y, z, channel] for y, z in pixels]
        y, z = pixels[int(np.argmax(values))]
        pooled[n, row, column, channel], switches[n, row, column, channel] = (
            max(values),
            (y * width + z) * channels + channel,
        )
    return pooled, switches


def covered(start, window, side):
    """The pixels of an axis under a window."""
    return range(max(start, 0), min(start + window, side))


def max_unpool(pooled, switches, shape):
    """Write every value to its place in an image of zeros."""
    result = np.zeros(shape, pooled.dtype)
    for place in np.ndindex(pooled.shape):
        result[place[0]].reshape(-1)[switches[place]] += pooled[place]
    return result
