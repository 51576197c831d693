"""A generator with a known closed form: every pixel is a weighted sum of the components of the latent."""

import keras
import numpy as np

DIM, SIDE = 5, 3

WEIGHTS = 0.1 * np.random.default_rng(3).standard_normal((DIM, SIDE * SIDE)).astype(np.float32)


def linear_generator(classes=0):
    """Return a generator of the pixels `latent @ WEIGHTS`; if conditional, class k adds k/10 to all of them."""
    latent = keras.Input((DIM,), name="latent")
    dense = keras.layers.Dense(SIDE * SIDE, use_bias=False)
    pixels = dense(latent)
    dense.kernel.assign(WEIGHTS)
    inputs = latent
    if classes:
        one_hot = keras.Input((classes,), name="class")
        shift = keras.layers.Dense(1, use_bias=False)
        pixels = keras.layers.Add()([pixels, shift(one_hot)])
        shift.kernel.assign(np.arange(classes)[:, None] / 10)
        inputs = [latent, one_hot]
    return keras.Model(inputs, keras.layers.Reshape((SIDE, SIDE, 1))(pixels))


def expected_image(latents, label=0):
    """Return its images before rounding, 127.5 (1 + latent @ WEIGHTS + label/10), for any leading shape of latents."""
    pixels = 127.5 * (1 + np.asarray(latents, np.float64) @ WEIGHTS + label / 10)
    return np.clip(pixels, 0, 255).reshape(*np.shape(latents)[:-1], SIDE, SIDE, 1)
