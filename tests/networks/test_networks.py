"""Generator and discriminator against NumPy oracles, and the settings of Radford et al. 2016."""

import keras
import numpy as np
import pytest

from dcgan.core.sizes import base_size, num_stages
from dcgan.networks import build_discriminator, build_generator
from tests.support.network_oracle import discriminator, generator, transposed_convolution, weights_by_path

SIZES = [(28, 28), (32, 32), (24, 16), (8, 8), (40, 40)]


def count_trainable(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def test_networks_of_the_pytorch_examples_size_have_its_number_of_weights():
    assert count_trainable(build_generator((64, 64), 3, width=64, latent_dim=100)) == 3_576_704
    assert count_trainable(build_discriminator((64, 64), 3, width=64)) == 2_765_568


@pytest.mark.parametrize("size", [*SIZES, (64, 64), (96, 64), (224, 224)])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_size_of_the_size_rule_gives_images_of_that_size(size, channels):
    generator = build_generator(size, channels, width=2, latent_dim=5)
    discriminator = build_discriminator(size, channels, width=2)
    assert generator.input_shape == (None, 5)
    assert generator.output_shape == discriminator.input_shape == (None, *size, channels)
    assert discriminator.output_shape == (None, 1)


@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("size", SIZES)
def test_the_generator_equals_the_numpy_oracle(size, kernel):
    model = build_generator(size, 3, width=3, latent_dim=6, kernel=kernel, seed=1)
    latents = np.random.default_rng(0).standard_normal((5, 6))
    expected = generator(weights_by_path(model), latents, base_size(size), num_stages(size))
    np.testing.assert_allclose(model(latents, training=True), expected, atol=2e-5)


@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("size", SIZES)
def test_the_discriminator_equals_the_numpy_oracle(size, kernel):
    model = build_discriminator(size, 3, width=3, kernel=kernel, seed=1)
    images = np.random.default_rng(0).uniform(-1, 1, (5, *size, 3))
    expected = discriminator(weights_by_path(model), images, num_stages(size))
    np.testing.assert_allclose(model(images, training=True), expected, atol=2e-5)


def test_conditional_networks_equal_the_numpy_oracles():
    random, labels = np.random.default_rng(0), [2, 0, 1, 1, 2]
    latents, images = random.standard_normal((5, 6)), random.uniform(-1, 1, (5, 8, 8, 3))
    class_one_hot = np.eye(3)[labels]
    model = build_generator((8, 8), 3, width=3, latent_dim=6, seed=1, classes=3)
    expected = generator(weights_by_path(model), latents, base_size((8, 8)), num_stages((8, 8)), labels)
    np.testing.assert_allclose(model([latents, class_one_hot], training=True), expected, atol=2e-5)
    model = build_discriminator((8, 8), 3, width=3, seed=1, classes=3)
    expected = discriminator(weights_by_path(model), images, num_stages((8, 8)), labels)
    np.testing.assert_allclose(model([images, class_one_hot], training=True), expected, atol=2e-5)


@pytest.mark.parametrize("labels", [None, [2, 0, 1, 1, 2]])
def test_a_discriminator_with_a_hidden_layer_equals_the_numpy_oracle(labels):
    images = np.random.default_rng(0).uniform(-1, 1, (5, 8, 8, 3))
    model = build_discriminator((8, 8), 3, width=3, seed=1, classes=3 if labels else 0, hidden=7)
    expected = discriminator(weights_by_path(model), images, num_stages((8, 8)), labels)
    inputs = [images, np.eye(3)[labels]] if labels else images
    np.testing.assert_allclose(model(inputs, training=True), expected, atol=2e-5)
    assert model.get_layer("hidden").kernel.shape == (4 * 4 * 3, 7)


def test_initially_the_projections_of_class_and_latent_have_the_same_scale():
    model = build_generator((28, 28), 1, width=16, latent_dim=100, classes=10)
    weights = weights_by_path(model)
    projected = np.random.default_rng(0).standard_normal((50, 100)) @ weights["project/kernel"]
    assert weights["project_class/kernel"].std() == pytest.approx(projected.std(), rel=0.1)


def test_networks_without_classes_have_one_input():
    assert len(build_generator((8, 8), width=2).inputs) == len(build_discriminator((8, 8), width=2).inputs) == 1


def test_a_transposed_convolution_with_a_kernel_of_4_leaves_no_checkerboard_and_one_of_5_does():
    """With ones as kernel and image, the interior of the result counts the products that each pixel sums."""
    interior = {}
    for size in (4, 5):
        layer = keras.layers.Conv2DTranspose(1, size, strides=2, padding="same", kernel_initializer="ones")
        result = np.asarray(layer(np.ones((1, 6, 6, 1), np.float32)))
        np.testing.assert_allclose(result, transposed_convolution(np.ones((1, 6, 6, 1)), np.ones((size, size, 1, 1))))
        interior[size] = set(result[0, 3:-3, 3:-3, 0].ravel().tolist())
    assert interior == {4: {4.0}, 5: {4.0, 6.0, 9.0}}


def test_generated_images_lie_between_minus_one_and_one():
    generated = build_generator((28, 28), 1, width=2)(100 * np.ones((2, 100), np.float32), training=False)
    assert np.abs(generated).max() <= 1


def test_the_discriminator_returns_logits_without_a_sigmoid():
    model = build_discriminator((8, 8), 1, width=4)
    assert model.layers[-1].activation is keras.activations.linear
    assert np.ptp(model(1e6 * np.random.default_rng(0).standard_normal((8, 8, 8, 1)))) > 1


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_initial_weights_are_normal_with_standard_deviation_0_02(build):
    model = build((64, 64), 3)
    for variable in model.trainable_variables:
        values = np.asarray(variable)
        if variable.path.endswith("beta"):
            assert not values.any()
        else:
            mean = 1.0 if variable.path.endswith("gamma") else 0.0
            error = 5 * 0.02 / np.sqrt(values.size)
            assert abs(values.mean() - mean) < error
            assert abs(values.std() - 0.02) < error


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_initial_weights_depend_on_the_seed_and_differ_between_layers(build):
    first, again, other = (weights_by_path(build((32, 32), 1, width=4, seed=seed)) for seed in (3, 3, 4))
    assert all(np.array_equal(first[path], again[path]) for path in first)
    assert not any(np.array_equal(first[path], other[path]) for path in first if path.endswith("kernel"))
    gammas = [tuple(first[path][:4]) for path in first if path.endswith("gamma")]
    assert len(set(gammas)) == len(gammas)


def test_batch_norm_follows_every_layer_but_the_generators_output_and_the_discriminators_input():
    def norms(model):
        return [isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers]

    generator_norms, discriminator_norms = norms(build_generator((64, 64))), norms(build_discriminator((64, 64)))
    assert sum(generator_norms) == 4
    assert not any(generator_norms[-2:])
    assert sum(discriminator_norms) == 3
    assert not any(discriminator_norms[:4])


def test_batch_norm_has_the_settings_of_the_papers_code():
    norm = build_generator((8, 8)).get_layer("norm_0")
    assert (norm.momentum, norm.epsilon) == (0.9, 1e-5)


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_a_saved_network_loads_with_plain_keras_and_computes_the_same(build, tmp_path):
    model = build((24, 16), 3, width=3, seed=5)
    model.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
    x = np.random.default_rng(0).standard_normal((3, *model.input_shape[1:])).astype(np.float32)
    assert np.array_equal(model(x, training=False), loaded(x, training=False))
