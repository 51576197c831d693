"""The table of projection errors, for a generator whose images are known."""

import keras
import numpy as np

from benchmarks.projection import projection_errors, rows
from dcgan.sampling.generation import generate_images
from dcgan.sampling.latents import latents


def two_part_generator():
    """A generator of 4×4 images whose latent sets the brightness of the first and second row; the rest is black."""
    latent = keras.Input((2,))
    dense = keras.layers.Dense(16, use_bias=False)
    pixels = keras.layers.Rescaling(1.0, -0.5)(dense(latent))
    weights = np.zeros((2, 16), np.float32)
    weights[0, :4] = weights[1, 4:8] = 0.1
    model = keras.Model(latent, keras.layers.Reshape((4, 4, 1))(pixels))
    dense.set_weights([weights])
    return model


def test_generated_images_are_recovered_and_the_error_of_others_is_what_can_not_be_generated():
    generator = two_part_generator()
    generated = generate_images(generator, latents(range(5), 2))
    held_out = generated.copy()
    held_out[:, 3] = 255  # black in all generated images: a quarter is wrong by 1.5
    targets = {"held-out": (held_out, None), "generated": (generated, None)}
    errors = projection_errors(generator, targets, length_tail=None, restarts=1, steps=300)
    np.testing.assert_allclose(errors["held-out"], 0.25 * 1.5**2, rtol=1e-2)
    assert errors["generated"].max() < 1e-4
    held_out_row, generated_row, ratios = rows("so", errors)
    assert [held_out_row[0], generated_row[0], ratios[0]] == ["held-out, so", "generated, so", "ratio, so"]
    assert float(ratios[1].replace(",", "")) > 1000
