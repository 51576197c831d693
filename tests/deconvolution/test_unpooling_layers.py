"""The layers of pooling with switches and unpooling in networks that are traced, trained, saved and loaded."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.deconvolution import MaxPooling2DWithSwitches, MaxUnpooling2D
from tests.support import slow_loops


def build_model(size=(None, None), padding="valid", pool_size=2, **options):
    """A small autoencoder that pairs pooling and unpooling, as in Zeiler and Fergus 2014."""
    image = keras.Input((*size, 1))
    maps = keras.layers.Conv2D(4, 3, padding="same", activation="relu", **options)(image)
    pooled, switches = MaxPooling2DWithSwitches(pool_size, padding, **options)(maps)
    code = keras.layers.Conv2D(4, 3, padding="same", **options)(pooled)
    restored = MaxUnpooling2D(**options)(code, switches, like=maps)
    return keras.Model(image, keras.layers.Conv2DTranspose(1, 3, padding="same", dtype="float32")(restored))


def images(*size):
    return np.random.default_rng(0).standard_normal((4, *size, 1)).astype(np.float32)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [(8, 8), (7, 9)])
def test_the_layers_equal_the_loops_over_windows(size, padding):
    layer = MaxPooling2DWithSwitches((2, 3), padding)
    pooled, switches = layer(images(*size))
    expected = slow_loops.max_pool(images(*size), (2, 3), padding)
    np.testing.assert_array_equal(pooled, expected[0])
    np.testing.assert_array_equal(switches, expected[1])
    restored = slow_loops.max_unpool(*expected, (4, *size, 1))
    np.testing.assert_array_equal(MaxUnpooling2D(size)(pooled, switches), restored)
    np.testing.assert_array_equal(MaxUnpooling2D()(pooled, switches, like=images(*size)), restored)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_symbolic_shapes_are_inferred(padding):
    pooled, switches = MaxPooling2DWithSwitches(2, padding)(keras.Input((7, None, 3)))
    assert pooled.shape == switches.shape == (None, 3 if padding == "valid" else 4, None, 3)
    assert (pooled.dtype, switches.dtype) == ("float32", "int64")
    assert MaxUnpooling2D((7, 8))(pooled, switches).shape == (None, 7, 8, 3)
    assert MaxUnpooling2D()(pooled, switches, like=keras.Input((7, None, 5))).shape == (None, 7, None, 3)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_saved_and_loaded_network_computes_the_same_at_every_size(padding, tmp_path):
    model = build_model(padding=padding, pool_size=(2, 3))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for size in [(8, 8), (7, 11)]:
        assert loaded(images(*size)).shape == (4, *size, 1)
        np.testing.assert_array_equal(loaded(images(*size)), model(images(*size)))


def test_a_layer_is_rebuilt_from_its_config():
    for layer in (MaxPooling2DWithSwitches((2, 3), "same", name="a"), MaxUnpooling2D((5, 6)), MaxUnpooling2D()):
        rebuilt = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert type(rebuilt) is type(layer)
        assert rebuilt.get_config() == layer.get_config()


def test_a_traced_network_computes_the_same():
    model = build_model()
    traced = tf.function(model, input_signature=[tf.TensorSpec((None, None, None, 1))])
    for size in [(8, 8), (7, 11)]:
        np.testing.assert_allclose(traced(images(*size)), model(images(*size)), atol=1e-6)


def test_fit_trains_through_both_layers():
    keras.utils.set_random_seed(0)
    model = build_model((9, 9))
    model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=False)
    losses = model.fit(images(9, 9), images(9, 9), epochs=10, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


def test_xla_compiles_both_layers_and_their_gradients():
    model = build_model((9, 9))

    def loss_and_gradients(inputs):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(inputs) - inputs))
        return loss, *tape.gradient(loss, model.trainable_variables)

    compiled = tf.function(loss_and_gradients, jit_compile=True)
    for result, expected in zip(compiled(images(9, 9)), loss_and_gradients(images(9, 9)), strict=True):
        np.testing.assert_allclose(result, expected, atol=1e-5)


def test_gradients_through_both_layers_equal_finite_differences():
    """Central differences in double precision."""
    pool, unpool = MaxPooling2DWithSwitches(2, "same", dtype="float64"), MaxUnpooling2D(dtype="float64")

    def weighted_sum(image):
        pooled, switches = pool(image)
        return tf.reduce_sum(weights * unpool(tf.sin(pooled), switches, like=image))

    image, (weights, direction) = (
        tf.constant(images(7, 7), tf.float64),
        np.random.default_rng(1).standard_normal((2, 4, 7, 7, 1)),
    )
    with tf.GradientTape() as tape:
        tape.watch(image)
        total = weighted_sum(image)
    derivative = np.sum(tape.gradient(total, image) * direction)
    above, below = (float(weighted_sum(image + step * direction)) for step in (1e-6, -1e-6))
    np.testing.assert_allclose(derivative, (above - below) / 2e-6, rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_under_mixed_precision_values_have_16_bits_and_switches_64(policy):
    half = policy.removeprefix("mixed_")
    pooled, switches = MaxPooling2DWithSwitches(2, dtype=policy)(images(6, 6))
    assert (pooled.dtype, switches.dtype) == (half, "int64")
    restored = MaxUnpooling2D(dtype=policy)(pooled, switches, like=images(6, 6))
    assert restored.dtype == half
    model = build_model(dtype=policy)
    assert np.isfinite(model(images(7, 7))).all()


def test_neither_or_both_of_output_size_and_like_raise_an_error():
    pooled, switches = MaxPooling2DWithSwitches(2)(keras.Input((7, 7, 3)))
    with pytest.raises(UserError, match="either"):
        MaxUnpooling2D()(pooled, switches)
    with pytest.raises(UserError, match="either"):
        MaxUnpooling2D((7, 7))(pooled, switches, like=keras.Input((7, 7, 3)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: MaxPooling2DWithSwitches(0),
        lambda: MaxPooling2DWithSwitches(2, "reflect"),
        lambda: MaxPooling2DWithSwitches(4)(keras.Input((3, 8, 1))),
        lambda: MaxPooling2DWithSwitches(2)(keras.Input((3, 8))),
        lambda: MaxUnpooling2D((0, 4)),
        lambda: MaxUnpooling2D((4, 4))(keras.Input((2, 2, 3)), keras.Input((2, 1, 3), dtype="int64")),
    ],
)
def test_invalid_arguments_raise_an_error_when_the_network_is_built(make):
    with pytest.raises(UserError):
        make()
