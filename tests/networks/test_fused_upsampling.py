"""Fused nearest upsampling: the trained network against the network for inference, and the kernels' sum."""

import keras
import numpy as np
import pytest

from dcgan.networks import build_discriminator, build_generator
from dcgan.networks.fused_upsampling import to_inference_kernel
from dcgan.networks.layers import KERAS_LAYERS, TRAINING_LAYERS, odd_kernel_size
from dcgan.runs import assign_weights
from tests.support.network_oracle import normal, randomize


@pytest.mark.parametrize("kernel", [2, 4, 5, 6])
def test_the_network_for_inference_computes_nearest_upsampling_in_one_transposed_convolution(kernel):
    sizes = {"image_size": (12, 8), "channels": 3, "width": 3, "latent_dim": 6, "kernel": kernel}
    trained, inference = (
        build_generator(**sizes, layers=layers, upsampling="nearest") for layers in (TRAINING_LAYERS, KERAS_LAYERS)
    )
    latents = normal(5, 6)
    np.testing.assert_allclose(inference(latents), trained(latents), atol=1e-6)  # initial weights are equal already
    randomize(trained)
    for variable, weight in zip(inference.variables, trained.variables, strict=True):
        variable.assign(to_inference_kernel(weight, variable.shape))
    np.testing.assert_allclose(inference(latents), trained(latents), atol=1e-5)
    assert type(inference.get_layer("up_0")) is keras.layers.Conv2DTranspose
    assert inference.get_layer("up_0").kernel_size == (odd_kernel_size(kernel) + 1,) * 2


def test_a_kernel_is_fused_exactly_where_the_variable_is_larger_by_one():
    kernel = normal(3, 3, 2, 5)
    fused = np.asarray(to_inference_kernel(kernel, (4, 4, 2, 5)))
    expected = np.zeros((4, 4, 2, 5), np.float32)
    for row, column in np.ndindex(2, 2):
        expected[row : row + 3, column : column + 3] += kernel
    np.testing.assert_allclose(fused, expected, atol=1e-6)
    for shape in [(3, 3, 2, 5), (5, 5, 2, 5), (4, 4, 5, 2)]:
        assert to_inference_kernel(kernel, shape) is kernel


def test_a_discriminators_kernels_are_never_fused():
    small, large = (build_discriminator((8, 8), 1, width=2, kernel=kernel) for kernel in (3, 4))
    with pytest.raises(ValueError, match="shape"):
        assign_weights(large, {f"discriminator/{variable.path}": variable.numpy() for variable in small.variables})
