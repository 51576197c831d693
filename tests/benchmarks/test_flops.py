"""Counted work, against the same sums written out by hand."""

import pytest

from benchmarks import flops
from benchmarks.baselines import networks
from benchmarks.train_step import PARAMETERS
from dcgan.networks import build_discriminator, build_generator
from dcgan.networks.layers import TRAINING_LAYERS

# Weights of a layer times the places it is applied at; 64x64x3, width 64, latent 100.
PRODUCTS = 16 * (3 * 64 * 32**2 + 64 * 128 * 16**2 + 128 * 256 * 8**2 + 256 * 512 * 4**2)
FORWARD = 2 * (PRODUCTS + 100 * 8192), 2 * (PRODUCTS + 8192)


@pytest.fixture(scope="module", params=["ours", "peers"])
def pair(request):
    if request.param == "ours":
        return build_generator(), build_discriminator()
    return networks.dcgan_generator(), networks.dcgan_discriminator()


def test_a_forward_pass_of_each_is_about_a_fifth_of_a_gigaflop(pair):
    assert tuple(map(flops.forward_flops, pair)) == FORWARD
    assert all(0.20e9 < flops < 0.22e9 for flops in FORWARD)


def test_an_enlarging_layer_is_counted_as_the_transposed_convolution_that_it_computes():
    trained = build_generator(layers=TRAINING_LAYERS, upsampling="nearest")
    assert trained.get_layer("up_0").kernel.shape[:2] == (3, 3)
    assert flops.forward_flops(trained) == FORWARD[0]


def test_everybody_trains_the_same_number_of_weights(pair):
    assert tuple(map(flops.parameters, pair)) == PARAMETERS


def test_a_step_of_ours_is_worth_ten_forward_passes():
    assert flops.step_flops((1.0, 1.0)) == 10.0


def test_the_tutorials_networks_have_the_tutorials_weights():
    trained = flops.parameters(networks.tutorial_generator()), flops.parameters(networks.tutorial_discriminator())
    assert trained == (2_305_472, 212_865)
