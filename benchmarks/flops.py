"""Counted work: the floating-point operations of direct convolution and products, from the layers' shapes."""

import math
from typing import Any

OUR_PASSES = (3, 7)
"""Forward passes' worth of work in a step that computes nothing twice, for generator and discriminator: a backward pass
costs two forward ones (to the inputs, to the weights). G: forward 1, backward 2. D: forward 2 and backward 4, real and
drawn images, and 1 through D to the drawn images for G."""


def forward_flops(model: Any) -> int:
    """Operations of one image's forward pass; a multiplication and an addition count as two.

    Convolutions, transposed convolutions and dense layers are counted; what is done once a pixel (BatchNorm,
    activations) is less than a hundredth of them and left out.

    Args:
        model: a built `keras.Model` of single-input layers.
    """
    return sum(_layer_flops(layer) for layer in model.layers)


def step_flops(forward: tuple[float, float], passes: tuple[float, float] = OUR_PASSES) -> float:
    """Operations an image of one training step.

    Args:
        forward: of the generator's and the discriminator's forward pass, an image.
        passes: how many of each a step is worth.
    """
    return sum(flops * count for flops, count in zip(forward, passes, strict=True))


def parameters(model: Any) -> int:
    """How many trainable weights a model has."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def facts(generator: Any, discriminator: Any, passes: tuple[float, float]) -> dict[str, tuple]:
    """What a comparison of two trainings stands on: `parameters`, `forward` (operations an image) and `passes`."""
    pair = generator, discriminator
    counted = {"parameters": tuple(map(parameters, pair)), "forward": tuple(map(forward_flops, pair))}
    return counted | {"passes": passes}


def _layer_flops(layer: Any) -> int:
    """Every weight of a kernel is used once a place: an output of a convolution, an input of a transposed one."""
    import keras

    from dcgan.networks.fused_upsampling import FusedUpsampling2D, fuse_kernel

    if isinstance(layer, keras.layers.Dense):
        places = layer.output.shape[1:-1]
    elif isinstance(layer, keras.layers.Conv2DTranspose):
        places = layer.input.shape[1:-1]
    elif isinstance(layer, keras.layers.Conv2D):
        places = layer.output.shape[1:-1]
    else:
        return 0
    kernel = fuse_kernel(layer.kernel) if isinstance(layer, FusedUpsampling2D) else layer.kernel
    return 2 * math.prod(kernel.shape) * math.prod(places)
