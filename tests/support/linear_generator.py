"""A generator of which everything is known: every pixel is a weighted sum of the latent's numbers."""

import keras
import numpy as np

DIM, SIDE = 5, 3

WEIGHTS = 0.1 * np.random.default_rng(3).standard_normal((DIM, SIDE * SIDE)).astype(np.float32)


def linear_generator(classes=0):
    """Pixels `latent @ WEIGHTS`; in a conditional one, class k adds k/10 to all of them."""
    latent = keras.Input((DIM,), name="latent")
    dense = keras.layers.Dense(SIDE * SIDE, use_bias=False)
    pixels = dense(latent)
    dense.kernel.assign(WEIGHTS)
    inputs = latent
    if classes:
        kind = keras.Input((classes,), name="class")
        shift = keras.layers.Dense(1, use_bias=False)
        pixels = keras.layers.Add()([pixels, shift(kind)])
        shift.kernel.assign(np.arange(classes)[:, None] / 10)
        inputs = [latent, kind]
    return keras.Model(inputs, keras.layers.Reshape((SIDE, SIDE, 1))(pixels))


def picture(latents, label=0):
    """What it draws, as floats: 127.5 (1 + latent @ WEIGHTS + label/10) of any leading shape, before rounding."""
    pixels = 127.5 * (1 + np.asarray(latents, np.float64) @ WEIGHTS + label / 10)
    return np.clip(pixels, 0, 255).reshape(*np.shape(latents)[:-1], SIDE, SIDE, 1)
