"""Sizes of the networks from the options alone, beside those of the networks that are built."""

import math

import pytest

from dcgan.config import TrainConfig
from dcgan.config.memory import _WINOGRAD_CHANNELS
from dcgan.config.network_size import Computation, discriminator_size, generator_size
from dcgan.networks import build_discriminator, build_generator
from dcgan.networks.fast import winograd
from dcgan.networks.fast.layers import CPU_LAYERS, MANY_CHANNELS
from dcgan.networks.layers import TRAINING_LAYERS

SMALL = {"generator_width": 4, "discriminator_width": 6, "latent_dim": 5}
CONFIGS = {
    "transposed": {"upsampling": "transposed"},
    "nearest, hidden layer": {"upsampling": "nearest", "discriminator_hidden": 7, "kernel": 6},
    "nearest, small kernel": {"upsampling": "nearest", "kernel": 4},
    "bilinear, odd kernel": {"upsampling": "bilinear", "kernel": 5},
    "subpixel": {"upsampling": "subpixel"},
    "unpool and maxpool": {"upsampling": "unpool", "downsampling": "maxpool"},
    "without BatchNorm": {"discriminator_norm": "none", "gradient_penalty": 1},
}


def build(config, size, channels=3, classes=0, layers=TRAINING_LAYERS):
    shared = {"image_size": size, "channels": channels, "kernel": config.kernel, "classes": classes, "layers": layers}
    generator = build_generator(
        **shared, width=config.generator_width, latent_dim=config.latent_dim, upsampling=config.upsampling
    )
    return generator, build_discriminator(**shared, **config.discriminator_options)


def kernels(network):
    """The number of weights of the convolutions and dense layers, without biases."""
    return sum(weight.numpy().size for weight in network.trainable_variables if weight.path.endswith("/kernel"))


def outputs(network):
    """The bytes of what all layers compute for one image, in float32."""
    moved = ("Reshape", "Permute", "Flatten")
    layers = [layer for layer in network.layers if type(layer).__name__ not in moved]
    return 4 * sum(math.prod(layer.output.shape[1:]) for layer in layers)


@pytest.mark.parametrize("size", [(28, 28), (48, 32)])
@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("options", CONFIGS.values(), ids=CONFIGS)
def test_the_number_of_weights_is_that_of_the_networks(size, classes, options):
    config = TrainConfig(**SMALL, **options).resolve()
    generator, discriminator = build(config, size, classes=classes)
    assert generator_size(config, size, 3, classes).weights == kernels(generator)
    assert discriminator_size(config, size, 3, classes).weights == kernels(discriminator)


@pytest.mark.parametrize("options", CONFIGS.values(), ids=CONFIGS)
def test_a_step_keeps_most_of_what_the_layers_output_and_no_more(options):
    config = TrainConfig(image_size="64", **SMALL, **options).resolve()
    for network, size in zip(build(config, (64, 64)), (generator_size, discriminator_size), strict=True):
        assert 0.4 * outputs(network) < size(config, (64, 64), 3).kept <= outputs(network)


def test_maps_of_16_bits_take_half_of_the_memory():
    config = TrainConfig(image_size="64", **SMALL).resolve()
    size = discriminator_size(config, (64, 64), 3)
    half = discriminator_size(config, (64, 64), 3, computation=Computation(item_bytes=2))
    assert half.kept == size.kept / 2
    assert half.weights == size.weights


def transforms(network):
    """Numbers of the transforms that the fast layers of a network compute of their kernels."""
    total = 0
    for layer in network.layers:
        if type(layer).__name__ not in ("FastConv2D", "FastConv2DTranspose", "FastFusedUpsampling2D"):
            continue
        doubles = layer.output.shape[1] > layer.input.shape[1]
        larger = (layer.output if doubles else layer.input).shape
        size = layer.kernel_size[0] + (type(layer).__name__ == "FastFusedUpsampling2D")
        if layer.select(layer, size, larger[3], larger[1:3]) is winograd:
            shape = (4, 4, larger[3], (layer.input if doubles else layer.output).shape[3])
            total += sum(math.prod(matrix.shape) for matrix in winograd.kernel_transform(_zeros(shape)))
    return total


def _zeros(shape):
    import tensorflow as tf

    return tf.zeros(shape)


@pytest.mark.parametrize("size", [(64, 64), (96, 64), (48, 48)])
@pytest.mark.parametrize("options", CONFIGS.values(), ids=CONFIGS)
def test_the_transforms_of_the_kernels_are_those_of_the_fast_layers(size, options):
    config = TrainConfig(generator_width=32, discriminator_width=32, latent_dim=5, **options).resolve()
    computation = Computation(winograd_channels=MANY_CHANNELS["float32"])
    for network, sizes in zip(
        build(config, size, layers=CPU_LAYERS), (generator_size, discriminator_size), strict=True
    ):
        assert sizes(config, size, 3, computation=computation).transformed == transforms(network)


def test_winograd_begins_at_the_channels_of_the_fast_layers():
    assert {
        "float32": MANY_CHANNELS["float32"],
        "mixed_bfloat16": MANY_CHANNELS["bfloat16"],
    } == _WINOGRAD_CHANNELS
