"""The downsampling methods of the discriminator against NumPy loops; discriminators of each method built and saved."""

import typing

import keras
import numpy as np
import pytest

from dcgan.config import TrainConfig
from dcgan.core.errors import UserError
from dcgan.core.sizes import num_stages
from dcgan.evaluation.linear_probe import pooled_features
from dcgan.networks import build_discriminator
from dcgan.networks.downsampling import DOWNSAMPLERS
from tests.support import network_oracle
from tests.support.network_oracle import normal, randomize, weights_by_path


@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
def test_a_max_pooling_discriminator_equals_the_numpy_oracle(kernel):
    size = (24, 16)
    model = randomize(build_discriminator(size, 3, width=3, kernel=kernel, downsampling="maxpool"))
    x = normal(5, *size, 3)
    expected = network_oracle.discriminator(weights_by_path(model), x, num_stages(size), downsampling="maxpool")
    np.testing.assert_allclose(model(x, training=True), expected, atol=1e-4)


@pytest.mark.parametrize("size", [28, 64, 224])
def test_max_pooling_and_strided_discriminators_have_maps_of_the_same_shapes(size):
    strided, maxpool = (build_discriminator((size, size), 1, width=2, downsampling=name) for name in DOWNSAMPLERS)
    leaky = [layer.name for layer in strided.layers if layer.name.startswith("leaky")]
    assert [maxpool.get_layer(name).output.shape for name in leaky] == [
        strided.get_layer(name).output.shape for name in leaky
    ]
    assert pooled_features(maxpool).output_shape == pooled_features(strided).output_shape


@pytest.mark.parametrize("classes", [0, 3])
def test_a_saved_max_pooling_discriminator_loads_with_plain_keras(classes, tmp_path):
    model = randomize(build_discriminator((12, 8), 3, width=3, classes=classes, downsampling="maxpool"))
    model.save(tmp_path / "d.keras")
    loaded = keras.models.load_model(tmp_path / "d.keras", safe_mode=True)
    inputs = [normal(3, 12, 8, 3), np.eye(3, dtype=np.float32)] if classes else normal(3, 12, 8, 3)
    np.testing.assert_array_equal(loaded(inputs, training=False), model(inputs, training=False))


def test_the_option_offers_exactly_the_methods_of_the_table():
    hints = typing.get_type_hints(TrainConfig)
    methods, none = typing.get_args(hints["downsampling"])
    assert typing.get_args(methods) == tuple(DOWNSAMPLERS)
    assert none is type(None)


def test_an_unknown_method_is_refused_and_the_message_lists_the_known_ones():
    with pytest.raises(UserError, match=r"downsampling 'magic'.*(\n.*)?strided, maxpool"):
        build_discriminator((8, 8), downsampling="magic")
