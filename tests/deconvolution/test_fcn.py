"""Fully convolutional networks against their discriminators, and the equivariance of convolutions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution import fully_convolutional
from dcgan.networks import build_discriminator

WIDE = 96


def images(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


@pytest.fixture(scope="module")
def discriminator():
    """For 32×32 images, with BatchNorm statistics and logits unlike those of a new network."""
    model = build_discriminator((32, 32), 3, width=4, seed=1)
    generator = np.random.default_rng(1)
    for variable in model.variables:
        values = generator.standard_normal(variable.shape)
        variable.assign(0.2 * values if variable.path.endswith("kernel") else 0.5 + np.abs(values))
    return model


def with_larger_weights(model):
    """Logits of order 1, not the 1e-3 of a new network, so that tolerances are meaningful."""
    generator = np.random.default_rng(2)
    for variable in model.trainable_variables:
        variable.assign(0.3 * generator.standard_normal(variable.shape))
    return model


def several_dense_layers():
    """As in the classifiers that FCN converts, with a skip connection around the convolutions."""
    image = keras.Input((8, 6, 2))
    maps = keras.layers.Conv2D(3, 3, padding="same", activation="relu")(image)
    maps = keras.layers.Concatenate()([maps, keras.layers.ZeroPadding2D(0)(image)])
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(keras.layers.MaxPooling2D(2)(maps)))
    x = keras.layers.Dense(60, activation="relu")(x)
    x = keras.layers.Dense(60, activation=keras.activations.tanh, use_bias=False)(x)
    return keras.Model(image, keras.layers.Dense(5, activation="softmax")(keras.layers.Dropout(0.5)(x)))


def sequential():
    layers = [keras.layers.Conv2D(4, 4, 2, "same"), keras.layers.LeakyReLU(0.2), keras.layers.Flatten()]
    return keras.Sequential([keras.Input((8, 6, 2)), *layers, keras.layers.Dense(1)])


@pytest.mark.parametrize("size", [(28, 28), (32, 32), (24, 16), (40, 40)])
@pytest.mark.parametrize("kernel", [3, 4, 5])
def test_on_images_of_its_own_size_it_equals_the_discriminator(size, kernel):
    model = with_larger_weights(build_discriminator(size, 3, width=4, kernel=kernel))
    expected = np.asarray(model(images(3, *size, 3), training=False))
    result = np.asarray(fully_convolutional(model)(images(3, *size, 3), training=False))
    assert result.shape == (3, 1, 1, 1)
    np.testing.assert_allclose(result[:, 0, 0], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("build", [several_dense_layers, sequential])
def test_models_with_several_dense_layers_skip_connections_and_sequential_models_are_converted(build):
    model = with_larger_weights(build())
    wide = fully_convolutional(model)
    np.testing.assert_allclose(wide(images(3, 8, 6, 2))[:, 0, 0], model(images(3, 8, 6, 2)), atol=1e-6)
    assert wide(images(1, 12, 20, 2)).shape[1:3] == (3, 8)


@pytest.mark.parametrize(("size", "positions"), [((64, 64), (1, 1)), ((128, 64), (5, 1)), ((224, 100), (11, 4))])
def test_a_discriminator_for_64_pixels_gives_one_sixteenth_of_the_side_minus_3_positions(size, positions):
    wide = fully_convolutional(build_discriminator((64, 64), 3, width=2))
    assert wide.output_shape == (None, None, None, 1)
    assert wide(images(1, *size, 3)).shape == (1, *positions, 1)


@pytest.mark.parametrize("shift", [(8, 0), (0, 8), (16, 24)])
def test_shifting_the_image_by_the_stride_shifts_the_outputs_that_read_no_padding(discriminator, shift):
    """Three stages with kernels of 4 and a 4×4 map: position p reads exactly the pixels 8p − 7 to 8p + 38."""
    wide, image = fully_convolutional(discriminator), images(1, WIDE, WIDE, 3)
    outputs = np.asarray(wide(image))[0, ..., 0]
    shifted = np.asarray(wide(np.roll(image, shift, axis=(1, 2))))[0, ..., 0]
    down, right = shift[0] // 8, shift[1] // 8
    interior = np.s_[1 : 8 - down, 1 : 8 - right]
    assert outputs.shape == (9, 9)
    assert np.ptp(outputs[interior]) > 1e-2 * np.abs(outputs).max()
    np.testing.assert_allclose(shifted[1 + down : 8, 1 + right : 8], outputs[interior], rtol=1e-6)


def test_it_differs_from_the_discriminator_on_crops_whose_border_is_padding(discriminator):
    image = images(1, WIDE, WIDE, 3)
    crop = float(discriminator(image[:, 32:64, 32:64], training=False)[0, 0])
    inside = float(fully_convolutional(discriminator)(image)[0, 4, 4, 0])
    assert abs(crop - inside) > 1e-3 * abs(inside)


@pytest.mark.parametrize("classes", [0, 3])
def test_a_hidden_layer_is_normalized_at_every_position(classes, tmp_path):
    model = with_larger_weights(build_discriminator((16, 16), 3, width=4, hidden=6, classes=classes))
    for variable in model.get_layer("norm_hidden").variables:
        variable.assign(0.5 + np.random.default_rng(3).random(variable.shape))
    label = 1 if classes else None
    wide, class_one_hot = fully_convolutional(model, label), np.eye(3, dtype=np.float32)[[1] * 3]
    expected = model([images(3, 16, 16, 3), class_one_hot] if classes else images(3, 16, 16, 3), training=False)
    np.testing.assert_allclose(wide(images(3, 16, 16, 3))[:, 0, 0], expected, rtol=1e-5, atol=1e-5)
    assert wide(images(1, 32, 24, 3)).shape == (1, 5, 3, 1)
    assert {id(variable) for variable in wide.variables} == {id(variable) for variable in model.variables}
    wide.save(tmp_path / "wide.keras")
    loaded = keras.models.load_model(tmp_path / "wide.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(images(2, 32, 24, 3)), wide(images(2, 32, 24, 3)))


def test_an_image_smaller_than_the_discriminators_raises_an_error(discriminator):
    for size in [(24, 32), (32, 8)]:
        with pytest.raises(UserError, match="smaller"):
            fully_convolutional(discriminator)(images(1, *size, 3))


def test_it_shares_the_discriminators_variables(discriminator):
    wide = fully_convolutional(discriminator)
    assert [id(variable) for variable in wide.variables] == [id(variable) for variable in discriminator.variables]
    kernel = discriminator.get_layer("logit").kernel
    before, weights = np.asarray(wide(images(1, 32, 32, 3))), kernel.numpy()
    kernel.assign(2 * weights)
    np.testing.assert_allclose(wide(images(1, 32, 32, 3)), 2 * before, rtol=1e-6)
    kernel.assign(weights)


def test_a_dense_layer_of_102_760_448_weights_is_shared_and_not_copied():
    model = keras.Sequential(
        [keras.Input((7, 7, 512)), keras.layers.Flatten(), keras.layers.Dense(4096, kernel_initializer="zeros")]
    )
    wide = fully_convolutional(model)
    assert wide.layers[-1].kernel is model.layers[-1].kernel
    assert wide.count_params() == 102_760_448 + 4096
    assert wide.compute_output_shape((1, 9, 7, 512)) == (1, 3, 1, 4096)


def test_a_saved_and_loaded_network_computes_the_same_with_its_own_variables(discriminator, tmp_path):
    wide = fully_convolutional(discriminator)
    wide.save(tmp_path / "wide.keras")
    loaded = keras.models.load_model(tmp_path / "wide.keras")
    np.testing.assert_array_equal(loaded(images(1, 48, 40, 3)), wide(images(1, 48, 40, 3)))
    assert not {id(v) for v in loaded.variables} & {id(v) for v in discriminator.variables}


def test_the_discriminator_is_not_changed(discriminator, tmp_path):
    expected, config = discriminator(images(2, 32, 32, 3)), discriminator.get_config()
    fully_convolutional(discriminator)
    assert discriminator.get_config() == config
    assert discriminator.output_shape == (None, 1)
    np.testing.assert_array_equal(discriminator(images(2, 32, 32, 3)), expected)
    discriminator.save(tmp_path / "own.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "own.keras")(images(2, 32, 32, 3)), expected)


def test_training_it_trains_the_discriminator():
    model = build_discriminator((8, 8), 1, width=2)
    wide, weights = fully_convolutional(model), model.get_weights()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(wide(images(2, 16, 16, 1), training=True))
    gradients = tape.gradient(loss, wide.trainable_variables)
    keras.optimizers.SGD(1.0).apply(gradients, wide.trainable_variables)
    assert all(np.any(old != new) for old, new in zip(weights, model.get_weights(), strict=True))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_kept(policy):
    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 4, 2, "same", dtype=policy)(image)
    x = keras.layers.Dense(8, dtype=policy)(keras.layers.Flatten(dtype=policy)(x))
    wide = fully_convolutional(keras.Model(image, x))
    assert wide(images(1, 12, 8, 1)).dtype == policy.removeprefix("mixed_")
    assert wide.variables[-2].dtype == "float32"


def test_a_fully_convolutional_model_is_not_changed():
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3), keras.layers.Dense(3)])
    np.testing.assert_array_equal(fully_convolutional(model)(images(1, 8, 8, 1)), model(images(1, 8, 8, 1)))


def with_two_outputs():
    image = keras.Input((4, 4, 2))
    return keras.Model(image, [keras.layers.Conv2D(1, 3)(image), keras.layers.Dense(1)(keras.layers.Flatten()(image))])


def with_layer(*layers):
    return keras.Sequential([keras.Input((4, 4, 2)), *layers])


@pytest.mark.parametrize(
    "build",
    [
        lambda: keras.Sequential([keras.layers.Flatten()]),
        lambda: keras.layers.Dense(1),
        lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]),
        lambda: keras.Sequential([keras.Input((None, None, 2)), keras.layers.Conv2D(1, 3)]),
        with_two_outputs,
        lambda: with_layer(keras.layers.Flatten(data_format="channels_first"), keras.layers.Dense(1)),
        lambda: with_layer(keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)),
        lambda: with_layer(keras.layers.Reshape((8, 4)), keras.layers.Dense(1)),
        lambda: with_layer(keras.layers.Flatten(), keras.layers.BatchNormalization(), keras.layers.Dense(1)),
        lambda: with_layer(keras.layers.Flatten(), keras.layers.SpectralNormalization(keras.layers.Dense(1))),
        lambda: with_layer(with_layer(keras.layers.Flatten(), keras.layers.Dense(1))),
    ],
)
def test_a_model_of_another_form_raises_an_error(build):
    with pytest.raises(UserError):
        fully_convolutional(build())


def conditional(size=(28, 28), classes=4):
    return with_larger_weights(build_discriminator(size, 3, width=4, classes=classes))


@pytest.mark.parametrize("label", [0, 3, None])
def test_a_conditional_discriminator_is_converted_for_one_class_or_for_a_class_vector_of_zeros(label):
    model, class_vector = conditional(), np.zeros((3, 4), np.float32)
    if label is not None:
        class_vector[:, label] = 1
    expected = np.asarray(model([images(3, 28, 28, 3), class_vector], training=False))
    wide = fully_convolutional(model, label)
    assert len(wide.inputs) == 1
    np.testing.assert_allclose(wide(images(3, 28, 28, 3))[:, 0, 0], expected, rtol=1e-5, atol=1e-5)
    assert wide(images(1, 40, 32, 3)).shape == (1, 4, 2, 1)


def test_the_outputs_for_two_classes_and_for_none_differ():
    model = conditional()
    outputs = [np.asarray(fully_convolutional(model, label)(images(1, 32, 32, 3))) for label in (0, 1, None)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(outputs[one] - outputs[other]).min() > 1e-3


@pytest.mark.parametrize("label", [1, None])
def test_a_conditional_network_is_saved_with_its_class(label, tmp_path):
    wide = fully_convolutional(conditional(), label)
    wide.save(tmp_path / "wide.keras")
    loaded = keras.models.load_model(tmp_path / "wide.keras")
    np.testing.assert_array_equal(loaded(images(1, 48, 40, 3)), wide(images(1, 48, 40, 3)))


@pytest.mark.parametrize("label", [4, -1, 1.5, "1"])
def test_an_unknown_class_raises_an_error(label):
    with pytest.raises(UserError, match="class"):
        fully_convolutional(conditional(), label)


def test_a_class_for_an_unconditional_discriminator_raises_an_error(discriminator):
    with pytest.raises(UserError, match="not conditional"):
        fully_convolutional(discriminator, 0)


def with_an_added_vector():
    image, class_vector = keras.Input((4, 4, 2)), keras.Input((1,))
    return keras.Model([image, class_vector], keras.layers.Dense(1)(keras.layers.Flatten()(image)) + class_vector)


def with_two_products():
    image, class_vector = keras.Input((4, 4, 2)), keras.Input((3,))
    scores = [keras.layers.Dense(3)(keras.layers.Flatten()(image)) for _ in range(2)]
    return keras.Model(
        [image, class_vector], keras.layers.Add()([keras.layers.Dot(1)([score, class_vector]) for score in scores])
    )


@pytest.mark.parametrize("build", [with_an_added_vector, with_two_products])
def test_a_model_that_combines_class_and_features_differently_raises_an_error(build):
    with pytest.raises(UserError, match="Dot"):
        fully_convolutional(build())
