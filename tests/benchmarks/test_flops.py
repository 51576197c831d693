"""Counted operations, against the same sums written out by hand."""

import pytest

from benchmarks import flops
from benchmarks.baselines import DCGANSize, networks
from benchmarks.train_step import PARAMETERS
from dcgan.networks import build_discriminator, build_generator
from dcgan.networks.layers import TRAINING_LAYERS

# Weights of a layer times the positions that it is applied at; 64x64x3, width 64, latent 100.
CONVOLUTIONS = 16 * (3 * 64 * 32**2 + 64 * 128 * 16**2 + 128 * 256 * 8**2 + 256 * 512 * 4**2)
FORWARD = 2 * (CONVOLUTIONS + 100 * 8192), 2 * (CONVOLUTIONS + 8192)


@pytest.fixture(scope="module", params=["ours", "baselines"])
def both_networks(request):
    if request.param == "ours":
        return build_generator(), build_discriminator()
    return networks.dcgan_generator(DCGANSize()), networks.dcgan_discriminator(DCGANSize())


def test_a_forward_pass_of_each_network_is_about_a_fifth_of_a_gigaflop(both_networks):
    assert tuple(map(flops.forward_flops, both_networks)) == FORWARD
    assert all(0.20e9 < count < 0.22e9 for count in FORWARD)


def test_a_fused_upsampling_layer_counts_as_the_transposed_convolution_that_it_computes():
    trained = build_generator(layers=TRAINING_LAYERS, upsampling="nearest")
    assert trained.get_layer("up_0").kernel.shape[:2] == (3, 3)
    assert flops.forward_flops(trained) == FORWARD[0]


def test_all_baselines_train_the_same_number_of_weights(both_networks):
    assert tuple(map(flops.num_parameters, both_networks)) == PARAMETERS


def test_our_step_is_worth_ten_forward_passes():
    assert flops.step_flops((1.0, 1.0)) == 10.0


def test_the_tutorials_networks_have_the_tutorials_weights():
    pair = networks.tutorial_generator(), networks.tutorial_discriminator()
    assert tuple(map(flops.num_parameters, pair)) == (2_305_472, 212_865)
