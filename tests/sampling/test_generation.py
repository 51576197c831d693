"""The forward pass: the same picture to the bit, wherever it is drawn."""

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
from dcgan.sampling.generation import BATCH_SIZE, _forward, generate_batches


def trained(generator, seed=0):
    """Weights and BatchNorm statistics as training might leave them."""
    random = np.random.default_rng(seed)
    for variable in generator.variables:
        spread = 1 / np.sqrt(np.prod(variable.shape[:-1]) / 4) if len(variable.shape) > 1 else 0.3
        values = spread * random.standard_normal(variable.shape)
        variable.assign(values if len(variable.shape) > 1 else np.abs(1 + values))
    return generator


def microscope(generator):
    """The same generator, with an output that makes a difference in the last bit of an image visible in uint8."""
    enlarged = keras.layers.Rescaling(3e6)(generator.output)
    return keras.Model(generator.input, keras.layers.Activation(keras.ops.sin)(enlarged))


@pytest.fixture(scope="module")
def generator():
    return trained(build_generator((28, 28), 1, width=16, latent_dim=20))


def drawn(generator, rows):
    return np.concatenate(list(generate_batches(generator, rows)))


def test_images_are_the_generators_in_inference_mode_as_bytes(generator):
    z = latents(range(5), 20)
    exact = np.asarray(to_uint8(generator(z, training=False)))
    difference = np.abs(drawn(generator, z).astype(int) - exact)
    assert difference.max() <= 1  # of 255: another batch size may round another way
    assert exact.std() > 20


def test_chunks_hold_at_most_64_images_in_the_order_of_the_latents(generator):
    chunks = list(generate_batches(generator, iter(latents(range(130), 20))))
    assert [chunk.shape for chunk in chunks] == [(64, 28, 28, 1), (64, 28, 28, 1), (2, 28, 28, 1)]
    assert all(chunk.dtype == np.uint8 for chunk in chunks)
    np.testing.assert_array_equal(np.concatenate(chunks)[100:], drawn(generator, latents(range(100, 130), 20)))


def test_no_latents_give_no_chunks(generator):
    assert list(generate_batches(generator, latents([], 20))) == []


def test_latents_are_taken_one_batch_at_a_time(generator):
    rows = iter(latents(range(200), 20))
    next(generate_batches(generator, rows))
    assert len(list(rows)) == 200 - 64


def test_the_microscope_shows_a_difference_of_one_rounding(generator):
    z = latents([5], 20)
    assert (drawn(microscope(generator), z) != drawn(microscope(generator), np.nextafter(z, 9))).mean() > 0.2


@pytest.mark.parametrize(("size", "channels"), [((28, 28), 1), ((24, 16), 3)])
def test_a_picture_is_the_same_to_the_bit_at_all_64_places_among_any_neighbours(size, channels):
    seen = microscope(trained(build_generator(size, channels, width=16, latent_dim=20)))
    alone = drawn(seen, latents([7], 20))[0]
    for place in range(64):
        z = latents([7 if i == place else 1000 * place + i for i in range(64)], 20)
        np.testing.assert_array_equal(drawn(seen, z)[place], alone)


PROGRAM = """
import sys, dcgan, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[1]))
from test_draw import fingerprint
print(fingerprint())
"""


def fingerprint():
    """The bits of a few pictures, in one short word."""
    seen = microscope(trained(build_generator((28, 28), 1, width=16, latent_dim=20)))
    return hashlib.sha256(drawn(seen, latents(range(70), 20)).tobytes()).hexdigest()


@pytest.mark.parametrize("threads", [1, 3])
def test_a_picture_is_the_same_to_the_bit_for_any_number_of_threads(threads):
    paths = os.pathsep.join([str(Path(dcgan.__file__).parents[1]), str(Path(__file__).parent)])
    command = [sys.executable, "-c", PROGRAM, str(threads)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fingerprint()


def test_a_generator_is_traced_once_however_often_it_draws():
    """TensorFlow warns of a graph that is traced anew each time; training draws at every --sample-every."""
    generator = build_generator((8, 8), 1, width=2, latent_dim=3)
    graphs = {_forward(generator, BATCH_SIZE) for _ in range(7)}
    assert len(graphs) == 1
    generator.get_layer("up_0").kernel.assign(0 * generator.get_layer("up_0").kernel)
    (blank,) = generate_batches(generator, np.ones((2, 3), np.float32))
    assert (blank == 128).all()  # the graph reads the weights of the moment
