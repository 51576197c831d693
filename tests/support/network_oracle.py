"""Both networks once more, slowly, in NumPy: nested loops over kernel positions and nothing of Keras.

A transposed convolution of stride 2 lays a copy of its kernel, weighted by the input pixel, at every second output
pixel, and sums what overlaps; "same" padding then cuts the border off. A convolution of stride 2 reads the same
places. (Dumoulin & Visin 2016, chapters 2 and 4.)
"""

import numpy as np

EPSILON = 1e-5


def transposed_convolution(x, kernel):
    """x (N, H, W, in), kernel (k, k, out, in) -> (N, 2H, 2W, out)."""
    count, height, width, _ = x.shape
    side, _, out, _ = kernel.shape
    full = np.zeros((count, 2 * height - 2 + side, 2 * width - 2 + side, out))
    for row in range(height):
        for column in range(width):
            copies = np.einsum("ni,hwoi->nhwo", x[:, row, column], kernel)
            full[:, 2 * row : 2 * row + side, 2 * column : 2 * column + side] += copies
    before = (side - 2) // 2
    return full[:, before : before + 2 * height, before : before + 2 * width]


def convolution(x, kernel):
    """x (N, 2H, 2W, in), kernel (k, k, in, out) -> (N, H, W, out)."""
    side = kernel.shape[0]
    before = (side - 2) // 2
    padded = np.pad(x, ((0, 0), (before, side - 2 - before), (before, side - 2 - before), (0, 0)))
    height, width = x.shape[1] // 2, x.shape[2] // 2
    result = np.zeros((len(x), height, width, kernel.shape[3]))
    for row in range(height):
        for column in range(width):
            window = padded[:, 2 * row : 2 * row + side, 2 * column : 2 * column + side]
            result[:, row, column] = np.einsum("nhwi,hwio->no", window, kernel)
    return result


def batch_norm(x, gamma, beta):
    """Normalise every channel over batch, height and width, with the batch's own biased variance."""
    axes = tuple(range(x.ndim - 1))
    return gamma * (x - x.mean(axes)) / np.sqrt(x.var(axes) + EPSILON) + beta


def generator(weights, latents, base, stages, classes=None):
    """The generator in training mode; weights by variable path, a class a latent where it is conditional."""
    x = latents @ weights["project/kernel"]
    x = x if classes is None else x + np.array([weights["project_class/kernel"][label] for label in classes])
    x = x.reshape(len(latents), *base, -1)
    for stage in range(stages):
        x = np.maximum(batch_norm(x, weights[f"norm_{stage}/gamma"], weights[f"norm_{stage}/beta"]), 0)
        x = transposed_convolution(x, weights[f"up_{stage}/kernel"])
    return np.tanh(x)


def discriminator(weights, images, stages, classes=None):
    """The discriminator in training mode; weights by variable path, a class an image where it is conditional."""
    x = images
    for stage in range(stages):
        x = convolution(x, weights[f"down_{stage}/kernel"])
        if stage:
            x = batch_norm(x, weights[f"norm_{stage}/gamma"], weights[f"norm_{stage}/beta"])
        x = np.where(x > 0, x, 0.2 * x)
    x = x.reshape(len(x), -1)
    if "hidden/kernel" in weights:
        x = batch_norm(x @ weights["hidden/kernel"], weights["norm_hidden/gamma"], weights["norm_hidden/beta"])
        x = np.where(x > 0, x, 0.2 * x)
    logits = x @ weights["logit/kernel"]
    if classes is None:
        return logits
    of_class = [
        features @ weights["class_embedding/kernel"][:, label] for features, label in zip(x, classes, strict=True)
    ]
    return logits + np.array(of_class)[:, None]
