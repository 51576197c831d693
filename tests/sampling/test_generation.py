"""The forward pass: an image is the same to the bit whatever its batch."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import dcgan
from dcgan.core.image_range import to_uint8
from dcgan.networks import build_generator
from dcgan.sampling import latents
from dcgan.sampling.generation import generate_batches, generate_images


def randomize_weights(generator, seed=0):
    """Assign weights and BatchNorm statistics similar to those of a trained generator."""
    random = np.random.default_rng(seed)
    for variable in generator.variables:
        scale = 1 / np.sqrt(np.prod(variable.shape[:-1]) / 4) if len(variable.shape) > 1 else 0.3
        values = scale * random.standard_normal(variable.shape)
        variable.assign(values if len(variable.shape) > 1 else np.abs(1 + values))
    return generator


def amplify_rounding(generator):
    """Return the generator with an output that makes a difference in the last bit of an image visible in uint8."""
    amplified = keras.layers.Rescaling(3e6)(generator.output)
    return keras.Model(generator.input, keras.layers.Activation(keras.ops.sin)(amplified))


@pytest.fixture(scope="module")
def generator():
    return randomize_weights(build_generator((28, 28), 1, width=16, latent_dim=20))


def test_images_are_the_outputs_in_inference_mode_as_uint8(generator):
    z = latents(range(5), 20)
    exact = np.asarray(to_uint8(generator(z, training=False)))
    difference = np.abs(generate_images(generator, z).astype(int) - exact)
    assert difference.max() <= 1  # of 255: another batch size may round differently
    assert exact.std() > 20


def test_batches_have_at_most_64_images_in_the_order_of_the_latents(generator):
    batches = list(generate_batches(generator, iter(latents(range(130), 20))))
    assert [batch.shape for batch in batches] == [(64, 28, 28, 1), (64, 28, 28, 1), (2, 28, 28, 1)]
    assert all(batch.dtype == np.uint8 for batch in batches)
    np.testing.assert_array_equal(
        np.concatenate(batches)[100:], generate_images(generator, latents(range(100, 130), 20))
    )


def test_no_latents_give_no_batches(generator):
    assert list(generate_batches(generator, latents([], 20))) == []


def test_latents_are_taken_one_batch_at_a_time(generator):
    rows = iter(latents(range(200), 20))
    next(generate_batches(generator, rows))
    assert len(list(rows)) == 200 - 64


def test_amplified_rounding_shows_a_difference_in_the_last_bit(generator):
    z = latents([5], 20)
    assert (
        generate_images(amplify_rounding(generator), z)
        != generate_images(amplify_rounding(generator), np.nextafter(z, 9))
    ).mean() > 0.2


@pytest.mark.parametrize(("size", "channels"), [((28, 28), 1), ((24, 16), 3)])
def test_an_image_is_the_same_to_the_bit_at_all_64_positions_among_any_others(size, channels):
    amplified = amplify_rounding(randomize_weights(build_generator(size, channels, width=16, latent_dim=20)))
    alone = generate_images(amplified, latents([7], 20))[0]
    for position in range(64):
        z = latents([7 if i == position else 1000 * position + i for i in range(64)], 20)
        np.testing.assert_array_equal(generate_images(amplified, z)[position], alone)


PROGRAM = """
import sys, dcgan, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[1]))
from test_generation import fingerprint
print(fingerprint())
"""


def fingerprint():
    """Return a hash of the bits of some images."""
    amplified = amplify_rounding(randomize_weights(build_generator((28, 28), 1, width=16, latent_dim=20)))
    return hashlib.sha256(generate_images(amplified, latents(range(70), 20)).tobytes()).hexdigest()


@pytest.mark.parametrize("threads", [1, 3])
def test_an_image_is_the_same_to_the_bit_for_any_number_of_threads(threads):
    paths = os.pathsep.join([str(Path(dcgan.__file__).parents[1]), str(Path(__file__).parent)])
    command = [sys.executable, "-c", PROGRAM, str(threads)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fingerprint()


class TraceCounter(keras.layers.Layer):
    """Count how often Python code runs: once per graph that is traced."""

    count = 0

    def call(self, x):
        self.count += 1
        return x


def test_a_generator_is_traced_once_however_often_it_generates():
    """TensorFlow warns of repeated tracing, and training generates samples at every --sample-every."""
    generator, counter = build_generator((8, 8), 1, width=2, latent_dim=3), TraceCounter()
    counted = keras.Model(generator.input, counter(generator.output))
    built = counter.count
    for _ in range(7):
        generate_images(counted, np.ones((2, 3), np.float32))
    assert counter.count == built + 1
    generator.get_layer("up_0").kernel.assign(0 * generator.get_layer("up_0").kernel)
    gray = generate_images(counted, np.ones((2, 3), np.float32))
    assert (gray == 128).all()  # the graph reads the current weights
