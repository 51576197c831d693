"""Independent, slow implementations of convolution and pooling, one output at a time, without TensorFlow.

TensorFlow's "same" padding: ⌈side / stride⌉ outputs, and as many zeros as these need; an odd zero goes at the end.
"""

import math

import numpy as np


def starts(side, window, stride, padding):
    """The first pixel of each output's window along one axis; negative in the padding."""
    if padding != "same":
        zeros = 0 if padding == "valid" else padding
        return [start for start in range(-zeros, side, stride) if start + window <= side + zeros]
    count = math.ceil(side / stride)
    zeros = max((count - 1) * stride + window - side, 0)
    return [stride * number - zeros // 2 for number in range(count)]


def convolution(x, kernel, strides, padding):
    """x (H, W, in), kernel (kh, kw, in, out) -> (h, w, out)."""
    (height, width, _), (kernel_height, kernel_width, _, out) = x.shape, kernel.shape
    vertical, horizontal = (padding, padding) if isinstance(padding, str) else padding
    tops = starts(height, kernel_height, strides[0], vertical)
    lefts = starts(width, kernel_width, strides[1], horizontal)
    result = np.zeros((len(tops), len(lefts), out))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            for i, j in np.ndindex(kernel_height, kernel_width):
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
        rows, columns = covered(tops[row], window[0], height), covered(lefts[column], window[1], width)
        pixels = [(y, z) for y in rows for z in columns]
        values = [x[n, y, z, channel] for y, z in pixels]
        y, z = pixels[int(np.argmax(values))]
        pooled[n, row, column, channel] = max(values)
        switches[n, row, column, channel] = (y * width + z) * channels + channel
    return pooled, switches


def covered(start, window, side):
    """The pixels of an axis that a window covers."""
    return range(max(start, 0), min(start + window, side))


def max_unpool(pooled, switches, shape):
    """Add every value to the pixel of its switch, in an image of zeros."""
    result = np.zeros(shape, pooled.dtype)
    for index in np.ndindex(pooled.shape):
        result[index[0]].reshape(-1)[switches[index]] += pooled[index]
    return result
