"""The table of what a generator finds again, with one of which it is known."""

import keras
import numpy as np

from benchmarks.projection import compare, rows
from dcgan.sampling.generation import generate_images
from dcgan.sampling.latents import latents


def made_generator():
    """Two numbers are the brightness of the two halves of a picture; the rest of it is black."""
    latent = keras.Input((2,))
    dense = keras.layers.Dense(16, use_bias=False)
    shades = keras.layers.Rescaling(1.0, -0.5)(dense(latent))
    weights = np.zeros((2, 16), np.float32)
    weights[0, :4] = weights[1, 4:8] = 0.1
    model = keras.Model(latent, keras.layers.Reshape((4, 4, 1))(shades))
    dense.set_weights([weights])
    return model


def test_pictures_it_can_draw_are_found_and_of_others_what_it_can_not_draw_is_left():
    generator = made_generator()
    drawn = generate_images(generator, latents(range(5), 2))
    held_out = drawn.copy()
    held_out[:, 3] = 255  # black in all that it draws: a quarter is wrong by 1.5
    asked = {"held-out": (held_out, None), "drawn": (drawn, None)}
    errors = compare(generator, asked, rarest=None, starts=1, steps=300)
    np.testing.assert_allclose(errors["held-out"], 0.25 * 1.5**2, rtol=1e-2)
    assert errors["drawn"].max() < 1e-4
    real, again, times = rows("so", errors)
    assert [real[0], again[0], times[0]] == ["held-out, so", "drawn, so", "times smaller, so"]
    assert float(times[1].replace(",", "")) > 1000
