"""Independent, slow NumPy implementations of both networks and their layers: loops over pixels, nothing of Keras.

A transposed convolution of stride 2 adds a copy of its kernel, weighted by the input pixel, to the output at every
second pixel; "same" padding then crops the border. A convolution of stride 2 reads the same positions. (Dumoulin and
Visin 2016, chapters 2 and 4.)
"""

import numpy as np

EPSILON = 1e-5


def weights_by_path(model):
    """The variables of a model as float64 arrays."""
    return {variable.path: np.asarray(variable, np.float64) for variable in model.variables}


def randomize(model, seed=0):
    """Assign weights large enough for mistakes to show; returns the model."""
    random = np.random.default_rng(seed)
    for variable in model.variables:
        values = random.standard_normal(variable.shape)
        variable.assign(values / np.sqrt(values[..., 0].size) if values.ndim > 1 else 1 + 0.3 * np.abs(values))
    return model


def normal(*shape):
    """Normally distributed numbers, float32, the same ones on every call."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def transposed_convolution(x, kernel):
    """x (N, H, W, in), kernel (k, k, out, in) -> (N, 2H, 2W, out)."""
    count, height, width, _ = x.shape
    size, _, out, _ = kernel.shape
    full = np.zeros((count, 2 * height - 2 + size, 2 * width - 2 + size, out))
    for row, column in np.ndindex(height, width):
        copies = np.einsum("ni,hwoi->nhwo", x[:, row, column], kernel)
        full[:, 2 * row : 2 * row + size, 2 * column : 2 * column + size] += copies
    before = (size - 2) // 2
    return full[:, before : before + 2 * height, before : before + 2 * width]


def convolution(x, kernel, stride):
    """x (N, H, W, in), kernel (k, k, in, out) -> (N, H / stride, W / stride, out); "same" padding."""
    size, padding = kernel.shape[0], kernel.shape[0] - stride
    before = padding // 2
    padded = np.pad(x, ((0, 0), (before, padding - before), (before, padding - before), (0, 0)))
    result = np.zeros((len(x), x.shape[1] // stride, x.shape[2] // stride, kernel.shape[3]))
    for row, column in np.ndindex(result.shape[1:3]):
        top, left = stride * row, stride * column
        window = padded[:, top : top + size, left : left + size]
        result[:, row, column] = np.einsum("nhwi,hwio->no", window, kernel)
    return result


def rotate_kernel(kernel):
    """Convert a transposed convolution's kernel (k, k, out, in) to a convolution's (k, k, in, out), or back."""
    return kernel[::-1, ::-1].swapaxes(2, 3)


def nearest(x):
    """Repeat every pixel in a 2×2 block."""
    result = np.zeros((len(x), 2 * x.shape[1], 2 * x.shape[2], x.shape[3]))
    for row, column in np.ndindex(result.shape[1:3]):
        result[:, row, column] = x[:, row // 2, column // 2]
    return result


def bilinear(x):
    """Interpolate: pixel o of the result is at (o + ½) / 2 − ½ of `x`, whose border pixels extend outward."""
    result = np.zeros((len(x), 2 * x.shape[1], 2 * x.shape[2], x.shape[3]))
    for row, column in np.ndindex(result.shape[1:3]):
        for source_row, vertical in _bilinear_weights(row, x.shape[1]):
            for source_column, horizontal in _bilinear_weights(column, x.shape[2]):
                result[:, row, column] += vertical * horizontal * x[:, source_row, source_column]
    return result


def _bilinear_weights(position, length):
    """The two input pixels of an axis around an output pixel, and the weight of each."""
    exact = (position + 0.5) / 2 - 0.5
    first = int(np.floor(exact))
    return [(min(max(pixel, 0), length - 1), 1 - abs(exact - pixel)) for pixel in (first, first + 1)]


def depth_to_space(x):
    """Rearrange four channels of a pixel into a 2×2 block of pixels."""
    channels = x.shape[3] // 4
    result = np.zeros((len(x), 2 * x.shape[1], 2 * x.shape[2], channels))
    for row, column, c in np.ndindex((*result.shape[1:3], channels)):
        result[:, row, column, c] = x[:, row // 2, column // 2, (2 * (row % 2) + column % 2) * channels + c]
    return result


def insert_zeros(x):
    """Move every value to the lower right of a 2×2 block of zeros."""
    result = np.zeros((len(x), 2 * x.shape[1], 2 * x.shape[2], x.shape[3]))
    for row, column in np.ndindex(x.shape[1:3]):
        result[:, 2 * row + 1, 2 * column + 1] = x[:, row, column]
    return result


def max_pool(x):
    """The maximum of every 2×2 block."""
    result = np.zeros((len(x), x.shape[1] // 2, x.shape[2] // 2, x.shape[3]))
    for n, row, column, channel in np.ndindex(result.shape):
        result[n, row, column, channel] = x[n, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2, channel].max()
    return result


UPSAMPLERS = {
    "transposed": transposed_convolution,
    "nearest": lambda x, kernel: convolution(nearest(x), rotate_kernel(kernel), stride=1),
    "bilinear": lambda x, kernel: convolution(bilinear(x), kernel, stride=1),
    "subpixel": lambda x, kernel: depth_to_space(convolution(x, kernel, stride=1)),
    "unpool": lambda x, kernel: convolution(insert_zeros(x), kernel, stride=1),
}
"""By method: from maps (N, H, W, C) and the weights of `up_n` to maps (N, 2H, 2W, filters)."""

DOWNSAMPLERS = {
    "strided": lambda x, kernel: convolution(x, kernel, stride=2),
    "maxpool": lambda x, kernel: max_pool(convolution(x, kernel, stride=1)),
}
"""By method: from maps (N, 2H, 2W, C) and the weights of `down_n` to maps (N, H, W, filters)."""


def batch_norm(x, gamma, beta):
    """Normalize every channel over batch, height and width, with the batch's own biased variance."""
    axes = tuple(range(x.ndim - 1))
    return gamma * (x - x.mean(axes)) / np.sqrt(x.var(axes) + EPSILON) + beta


def generator(weights, latents, base, stages, labels=None, upsampling="transposed"):
    """The generator in training mode; `weights` by variable path, `labels` one per latent if it is conditional."""
    x = latents @ weights["project/kernel"]
    x = x if labels is None else x + np.array([weights["project_class/kernel"][label] for label in labels])
    x = x.reshape(len(latents), *base, -1)
    for stage in range(stages):
        x = np.maximum(batch_norm(x, weights[f"norm_{stage}/gamma"], weights[f"norm_{stage}/beta"]), 0)
        x = UPSAMPLERS[upsampling](x, weights[f"up_{stage}/kernel"])
    return np.tanh(x)


def discriminator(weights, images, stages, labels=None, downsampling="strided"):
    """The discriminator in training mode; `weights` by variable path, `labels` one per image if it is conditional."""
    x = images
    for stage in range(stages):
        x = DOWNSAMPLERS[downsampling](x, weights[f"down_{stage}/kernel"])
        if stage:
            x = batch_norm(x, weights[f"norm_{stage}/gamma"], weights[f"norm_{stage}/beta"])
        x = np.where(x > 0, x, 0.2 * x)
    x = x.reshape(len(x), -1)
    if "hidden/kernel" in weights:
        x = batch_norm(x @ weights["hidden/kernel"], weights["norm_hidden/gamma"], weights["norm_hidden/beta"])
        x = np.where(x > 0, x, 0.2 * x)
    logits = x @ weights["logit/kernel"]
    if labels is None:
        return logits
    class_logits = [
        features @ weights["class_embedding/kernel"][:, label] for features, label in zip(x, labels, strict=True)
    ]
    return logits + np.array(class_logits)[:, None]
