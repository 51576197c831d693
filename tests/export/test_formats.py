"""Every format in its own runtime, against the Keras generator."""

from pathlib import Path
from typing import get_args, get_type_hints

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.config import ExportConfig
from dcgan.export.format import REQUIREMENTS
from dcgan.export.formats import FORMATS
from dcgan.networks.layers import KERAS_LAYERS, Stage
from dcgan.networks.upsampling import UPSAMPLERS, upsample
from tests.support.small_generators import (
    CLASSES,
    LATENT_DIM,
    images_from,
    inputs_for,
    new_small_generator,
    randomize_weights,
    small_generator,
)


@pytest.mark.parametrize("count", [1, 7, 64])
def test_every_format_generates_the_images_of_keras_at_every_batch_size(exported, generator, count):
    key, out = exported
    inputs = inputs_for(generator, count)
    expected = images_from(generator, inputs)
    assert expected.std() > 0.1
    tolerance = 1e-5 if key not in ("keras_float16", "html") else 2e-2
    np.testing.assert_allclose(FORMATS[key].load(out)(inputs), expected, atol=tolerance)


def test_float16_weights_halve_a_keras_file_and_are_rounded_to_the_nearest(tmp_path):
    generator = new_small_generator(width=32, latent_dim=100)  # large enough for weights to be most of the file
    FORMATS["keras"].write(generator, tmp_path / "whole.keras")
    FORMATS["keras_float16"].write(generator, tmp_path / "half.keras")
    whole, half = ((tmp_path / f"{name}.keras").stat().st_size for name in ("whole", "half"))
    assert half < 0.6 * whole
    loaded = keras.models.load_model(tmp_path / "half.keras", compile=False)
    for variable, original in zip(loaded.variables, generator.variables, strict=True):
        assert variable.dtype == "float32"
        np.testing.assert_array_equal(variable, np.asarray(original).astype(np.float16))


def generator_with_all_upsamplers():
    """A generator that upsamples with another method at each stage, from 4 × 4 to 128 × 128."""
    latent = keras.Input((LATENT_DIM,))
    x = keras.layers.Reshape((4, 4, 3))(keras.layers.Dense(48)(latent))
    for number, method in enumerate(UPSAMPLERS):
        x = upsample(x, Stage(number, 3, 4, seed=0, layers=KERAS_LAYERS, network="generator"), method)
    return randomize_weights(keras.Model(latent, keras.layers.Activation("tanh")(x), name="generator"))


@pytest.mark.parametrize("key", ["onnx", "litert"])
def test_onnx_and_litert_support_every_upsampling_method(key, tmp_path):
    for package in FORMATS[key].packages:
        pytest.importorskip(package)
    generator = generator_with_all_upsamplers()
    FORMATS[key].write(generator, tmp_path / "g")
    inputs = inputs_for(generator, 3)
    expected = images_from(generator, inputs)
    assert expected.std() > 0.1
    np.testing.assert_allclose(FORMATS[key].load(tmp_path / "g")(inputs), expected, atol=1e-4)


def test_onnx_names_its_inputs_and_its_batch_axis(exports):
    out = exports("onnx", small_generator(CLASSES))
    import onnxruntime

    session = onnxruntime.InferenceSession(out)
    shapes = {i.name: i.shape for i in session.get_inputs()}
    assert shapes == {"latent": ["batch", LATENT_DIM], "class": ["batch", CLASSES]}
    assert {o.name: o.shape for o in session.get_outputs()} == {"image": ["batch", 16, 24, 3]}


def test_a_saved_model_is_called_by_position_and_as_a_layer(exports, generator):
    out = exports("saved_model", generator)
    inputs = list(inputs_for(generator, 2).values())
    inputs = inputs if len(inputs) > 1 else inputs[0]
    expected = generator(inputs, training=False)
    loaded = tf.saved_model.load(str(out))
    np.testing.assert_allclose(loaded.serve(inputs)["image"], expected, atol=1e-5)
    layer = keras.layers.TFSMLayer(str(out), call_endpoint="serve")
    np.testing.assert_allclose(layer(inputs)["image"], expected, atol=1e-5)


def test_the_requirements_file_lists_the_packages_of_all_formats():
    text = (Path(__file__).parents[2] / REQUIREMENTS).read_text()
    listed = {line.split("==")[0].replace("-", "_") for line in text.splitlines() if "==" in line}
    assert {package for target in FORMATS.values() for package in target.packages} == listed


def test_the_option_offers_every_format():
    choices, _ = get_args(get_type_hints(ExportConfig)["format"])
    assert get_args(choices) == tuple(FORMATS)
