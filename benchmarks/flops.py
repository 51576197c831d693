"""Count floating-point operations of direct convolutions and matrix products from the layers' shapes."""

import math
from typing import Any

OUR_PASSES = (3, 7)
"""Forward passes that a step is worth if it computes nothing twice, for the generator and the discriminator.

A backward pass costs two forward passes: gradients of the inputs and of the weights. G: 1 forward and 2 backward. D: 2
forward and 4 backward on real and fake images, and 1 backward through D to the fake images for G."""


def forward_flops(model: Any) -> int:
    """Return the operations of one image's forward pass; a multiplication and an addition count as two.

    Convolutions, transposed convolutions and dense layers count. Elementwise work (BatchNorm, activations) is less than
    a hundredth of these and is left out.

    Args:
        model: a built `keras.Model` of single-input layers.
    """
    return sum(_layer_flops(layer) for layer in model.layers)


def step_flops(forward: tuple[float, float], passes: tuple[float, float] = OUR_PASSES) -> float:
    """Return the operations per image of one training step.

    Args:
        forward: operations per image of the generator's and the discriminator's forward pass.
        passes: forward passes that a step is worth, for the generator and the discriminator.
    """
    return sum(flops * count for flops, count in zip(forward, passes, strict=True))


def num_parameters(model: Any) -> int:
    """Return the number of trainable weights of a `keras.Model`."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def training_cost(generator: Any, discriminator: Any, passes: tuple[float, float]) -> dict[str, tuple]:
    """Return what makes two trainings comparable.

    Args:
        generator: a built `keras.Model`.
        discriminator: a built `keras.Model`.
        passes: as for `step_flops`.

    Returns:
        `parameters` and `forward` (operations per image), a value per network, and `passes`.
    """
    networks = generator, discriminator
    return {
        "parameters": tuple(map(num_parameters, networks)),
        "forward": tuple(map(forward_flops, networks)),
        "passes": passes,
    }


def _layer_flops(layer: Any) -> int:
    """Count each kernel weight once per position: outputs of a convolution, inputs of a transposed convolution."""
    import keras

    from dcgan.networks.fused_upsampling import FusedUpsampling2D, fuse_kernel

    if isinstance(layer, keras.layers.Conv2DTranspose):
        positions = layer.input.shape[1:-1]
    elif isinstance(layer, keras.layers.Dense | keras.layers.Conv2D):
        positions = layer.output.shape[1:-1]
    else:
        return 0
    kernel = fuse_kernel(layer.kernel) if isinstance(layer, FusedUpsampling2D) else layer.kernel
    return 2 * math.prod(kernel.shape) * math.prod(positions)
