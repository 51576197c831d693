"""The layers between a model's input image and one of its layers, and how an option selects a layer."""

import pytest

from dcgan.core.errors import UserError
from dcgan.networks import build_discriminator
from dcgan.networks.submodel import convolution_stages, layers_to, resolve_layer
from tests.support.small_chains import chain_with_activations


def test_the_layers_to_a_layer_are_those_of_the_forward_pass():
    names = [layer.name for layer in layers_to(chain_with_activations(), "d")]
    assert names == ["a", "b", "c", "d"]


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("downsampling", ["strided", "maxpool"])
def test_a_stage_ends_before_the_next_convolution(classes, downsampling):
    model = build_discriminator((16, 16), 2, width=3, classes=classes, downsampling=downsampling)
    assert convolution_stages(model) == ["leaky_0", "leaky_1"]
    assert convolution_stages(chain_with_activations()) == ["c", "e"]


def test_a_layer_is_selected_by_its_name_or_the_number_of_a_stage():
    model = build_discriminator((16, 16), 2, width=3)
    selected = {text: resolve_layer(model, text) for text in (None, "0", "1", "down_1")}
    assert selected == {None: "leaky_1", "0": "leaky_0", "1": "leaky_1", "down_1": "down_1"}
    with pytest.raises(UserError, match=r"no convolution stage 2[\s\S]*0 to 1"):
        resolve_layer(model, "2")
    with pytest.raises(UserError, match=r"no convolution stage 9{99}"):  # of more digits than Python converts
        resolve_layer(model, "9" * 5000)
