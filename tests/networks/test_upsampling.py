"""The upsampling methods of the generator against NumPy loops; generators of each method built, trained and saved."""

import typing

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.config import TrainConfig
from dcgan.core.errors import UserError
from dcgan.core.sizes import base_size, num_stages
from dcgan.deconvolution import max_unpool
from dcgan.networks import build_generator
from dcgan.networks.layers import TRAINING_LAYERS, Stage, odd_kernel_size
from dcgan.networks.upsampling import UPSAMPLERS, upsample
from dcgan.runs import Run
from tests.support import network_oracle
from tests.support.network_oracle import normal, randomize, rotate_kernel, weights_by_path

EACH_METHOD = pytest.mark.parametrize("method", UPSAMPLERS)


def stage_model(method, x, filters=3, kernel=4):
    """A model of one upsampling stage, as it is trained."""
    inputs = keras.Input(x.shape[1:])
    outputs = upsample(inputs, Stage(0, filters, kernel, 1, TRAINING_LAYERS, "generator"), method)
    return randomize(keras.Model(inputs, outputs))


@EACH_METHOD
@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
@pytest.mark.parametrize("size", [(4, 4), (5, 3), (1, 2)])
def test_a_stage_equals_the_numpy_oracle(method, kernel, size):
    x = normal(2, *size, 5)
    model = stage_model(method, x, filters=3, kernel=kernel)
    (weights,) = weights_by_path(model).values()
    np.testing.assert_allclose(model(x), network_oracle.UPSAMPLERS[method](x, weights), atol=1e-5)


@EACH_METHOD
def test_a_generator_equals_the_numpy_oracle(method):
    model = randomize(build_generator((12, 8), 3, width=3, latent_dim=6, layers=TRAINING_LAYERS, upsampling=method))
    latents, size = normal(5, 6), (12, 8)
    expected = network_oracle.generator(
        weights_by_path(model), latents, base_size(size), num_stages(size), upsampling=method
    )
    assert expected.std() > 0.1
    np.testing.assert_allclose(model(latents, training=True), expected, atol=2e-5)


def test_kernels_of_stride_1_are_odd_at_least_3_and_no_larger_than_requested():
    assert [odd_kernel_size(kernel) for kernel in range(2, 8)] == [3, 3, 3, 5, 5, 7]


@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6])
def test_unpooling_with_fixed_switches_and_a_convolution_equal_a_transposed_convolution(kernel):
    """One kernel is the other rotated by 180°."""
    x = normal(2, 5, 4, 3)
    unpooling, transposed = (stage_model(method, x, kernel=kernel) for method in ("unpool", "transposed"))
    (weights,) = unpooling.get_weights()  # (k, k, in, out); of the transposed convolution, (k, k, out, in)
    transposed.set_weights([rotate_kernel(weights)])
    np.testing.assert_allclose(unpooling(x), transposed(x), atol=1e-5)


def test_the_unpool_method_equals_max_unpool_with_every_switch_at_the_lower_right():
    x = normal(2, 4, 5, 3)
    generator = build_generator((8, 10), 1, width=3, upsampling="unpool")
    unpooled = keras.Model(generator.get_layer("relu_0").output, generator.get_layer("unpool_0").output)
    rows, columns, channels = np.meshgrid(range(4), range(5), range(3), indexing="ij")
    switches = np.stack([((2 * rows + 1) * 10 + 2 * columns + 1) * 3 + channels] * 2)
    np.testing.assert_array_equal(unpooled(x), max_unpool(x, switches, (8, 10)))


def test_a_subpixel_stage_can_equal_any_transposed_convolution_with_a_kernel_of_4():
    """Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?": a phase is a 2 × 2 kernel."""
    x = normal(2, 5, 4, 3)
    subpixel, transposed = stage_model("subpixel", x, filters=2), stage_model("transposed", x, filters=2)
    (weights,) = transposed.get_weights()  # (4, 4, out, in)
    kernel = np.zeros((3, 3, 3, 4 * 2), np.float32)
    for row, column, up, left in np.ndindex(
        2, 2, 3, 3
    ):  # pixel (row, column) of a block, input pixel (up − 1, left − 1)
        y, z = row + 3 - 2 * up, column + 3 - 2 * left
        if 0 <= y < 4 and 0 <= z < 4:
            kernel[up, left, :, (2 * row + column) * 2 : (2 * row + column) * 2 + 2] = weights[y, z].T
    subpixel.set_weights([kernel])
    np.testing.assert_allclose(subpixel(x), transposed(x), atol=1e-5)


@EACH_METHOD
@pytest.mark.parametrize("size", [28, 64, 224])
def test_each_method_builds_the_usual_sizes(method, size):
    assert build_generator((size, size), 3, width=2, upsampling=method).output_shape == (None, size, size, 3)


@EACH_METHOD
@pytest.mark.parametrize("size", [28, 224])
def test_a_training_step_changes_every_weight_with_each_method(method, size):
    generator = build_generator((size, size), 1, width=2, latent_dim=5, layers=TRAINING_LAYERS, upsampling=method)
    before = generator.get_weights()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(generator(normal(2, 5), training=True) - 0.5))
    gradients = tape.gradient(loss, generator.trainable_variables)
    assert all(np.asarray(gradient).any() for gradient in gradients)
    keras.optimizers.Adam(1e-3).apply(gradients, generator.trainable_variables)
    trained = [not np.array_equal(a, b) for a, b in zip(before, generator.get_weights(), strict=True)]
    assert sum(trained) == len(before)  # BatchNorm's moving statistics included: no method has constant weights


@EACH_METHOD
def test_the_layers_with_weights_have_the_same_names_with_each_method(method):
    expected = [variable.path for variable in build_generator((28, 28), 1, width=2).variables]
    model = build_generator((28, 28), 1, width=2, upsampling=method)
    assert [variable.path for variable in model.variables] == expected


def test_the_default_is_the_transposed_convolution_and_a_seed_keeps_its_initial_weights():
    model = build_generator((8, 8), 1, width=2, latent_dim=3, seed=7)
    assert [layer.name for layer in model.layers] == [
        *("latent", "project", "base", "norm_0", "relu_0", "up_0", "image"),
    ]
    first = np.asarray(model.get_layer("up_0").kernel)[0, 0, 0]
    np.testing.assert_allclose(first, [-0.01902927, 0.00697713], atol=1e-7)


@EACH_METHOD
@pytest.mark.parametrize("classes", [0, 3])
def test_a_saved_generator_loads_with_plain_keras_and_generates_the_same(method, classes, tmp_path):
    model = randomize(build_generator((12, 8), 3, width=3, latent_dim=6, classes=classes, upsampling=method))
    run = Run(tmp_path)
    run.save_generator(model)
    loaded = keras.models.load_model(run.generator_file, safe_mode=True)
    inputs = [normal(3, 6), np.eye(3, dtype=np.float32)] if classes else normal(3, 6)
    np.testing.assert_array_equal(loaded(inputs, training=False), model(inputs, training=False))
    assert {type(layer).__module__.split(".")[0] for layer in loaded.layers} == {"keras"}


def test_the_option_offers_exactly_the_methods_of_the_table():
    hints = typing.get_type_hints(TrainConfig)
    assert typing.get_args(typing.get_args(hints["upsampling"])[0]) == tuple(UPSAMPLERS)


def test_an_unknown_method_is_refused_and_the_message_lists_the_known_ones():
    with pytest.raises(UserError, match=r"upsampling 'magic'.*(\n.*)?transposed, nearest"):
        build_generator((8, 8), upsampling="magic")
