"""Layers of both networks, with the paper's settings in place of Keras' defaults."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from dcgan.core.rng import derived_seed
from dcgan.networks.fused_upsampling import FusedUpsampling2D

# Radford et al. 2016, section 4: weights from N(0, 0.02²); their code initializes BatchNorm's scale with N(1, 0.02²).
WEIGHTS_STDDEV = 0.02
# Torch's defaults, which the paper's code trained with; Keras' own are 0.99 and 1e-3.
BATCH_NORM_MOMENTUM, BATCH_NORM_EPSILON = 0.9, 1e-5
LEAKY_SLOPE = 0.2

LayerFactory = Callable[..., keras.layers.Layer]
"""A layer class, or a function with its parameters that returns a layer."""


@dataclass(frozen=True)
class Layers:
    """The layer classes that a network is built from. All choices compute the same function with the same weights.

    Args:
        convolution: `keras.layers.Conv2D` or a subclass.
        convolution_transpose: `keras.layers.Conv2DTranspose` or a subclass.
        batch_norm: `keras.layers.BatchNormalization`, or a function that returns one.
        fused_upsampling: `dcgan.networks.fused_upsampling.FusedUpsampling2D` or a subclass, for networks that are
            trained with upsampling `nearest`. None, for inference only, takes `convolution_transpose` with the fused
            kernel instead.
        max_pooling: `keras.layers.MaxPooling2D` or a subclass.
    """

    convolution: LayerFactory = keras.layers.Conv2D
    convolution_transpose: LayerFactory = keras.layers.Conv2DTranspose
    batch_norm: LayerFactory = keras.layers.BatchNormalization
    fused_upsampling: LayerFactory | None = None
    max_pooling: LayerFactory = keras.layers.MaxPooling2D


KERAS_LAYERS = Layers()
"""Keras' own layers, for inference and for saved files that load without this package."""

TRAINING_LAYERS = Layers(fused_upsampling=FusedUpsampling2D)
"""Keras' own layers wherever they exist, for training."""

SYNCHRONIZED_LAYERS = Layers(
    batch_norm=functools.partial(keras.layers.BatchNormalization, synchronized=True), fused_upsampling=FusedUpsampling2D
)
"""As `TRAINING_LAYERS`, with BatchNorm statistics over the whole batch, however many replicas share it."""


# Layers that were renamed keep the random streams of their older names, so that a seed keeps its initial weights.
_STREAMS = {"up": "grow", "down": "shrink", "logit": "judge", "class_embedding": "judge_class"}


def normal_initializer(
    seed: int, name: str, mean: float = 0.0, stddev: float = WEIGHTS_STDDEV
) -> keras.initializers.Initializer:
    """Return an initializer N(mean, stddev²) whose values depend on the seed and the layer alone.

    Args:
        seed: seed of the run.
        name: network and layer, for example `generator/up_0`.
        mean: mean of the normal distribution.
        stddev: standard deviation of the normal distribution.

    Returns:
        A Keras initializer.
    """
    return keras.initializers.RandomNormal(mean, stddev, seed=_initial_seed(seed, name))


def variance_preserving_initializer(seed: int, name: str) -> keras.initializers.Initializer:
    """Return the initializer that keeps the scale of activations through leaky ReLUs, where nothing normalizes them.

    N(0, 2 / ((1 + slope²) · inputs)), He et al. 2015, "Delving Deep into Rectifiers", equation 14.

    Args:
        seed: seed of the run.
        name: network and layer, for example `discriminator/down_0`.

    Returns:
        A Keras initializer.
    """
    scale = 2.0 / (1.0 + LEAKY_SLOPE**2)
    return keras.initializers.VarianceScaling(scale, "fan_in", "untruncated_normal", seed=_initial_seed(seed, name))


def _initial_seed(seed: int, name: str) -> int:
    """Return the seed of a layer's initial weights."""
    network, _, layer = name.partition("/")
    stem = layer.rstrip("0123456789").rstrip("_")
    return derived_seed(seed, f"{network}/{_STREAMS.get(stem, stem)}{layer[len(stem) :]}")


def batch_norm(layers: Layers, seed: int, name: str) -> keras.layers.Layer:
    """Return a BatchNorm layer with the settings of the paper's code.

    Args:
        layers: the network's layer classes.
        seed: seed of the run.
        name: network and layer, for example `generator/norm_0`.

    Returns:
        The unbuilt layer.
    """
    return layers.batch_norm(
        momentum=BATCH_NORM_MOMENTUM,
        epsilon=BATCH_NORM_EPSILON,
        gamma_initializer=normal_initializer(seed, name, mean=1.0),
        name=_layer_name(name),
    )


def convolution(
    layer_class: LayerFactory,
    filters: int,
    kernel: int,
    strides: int,
    seed: int,
    name: str,
    normalized: bool = True,
) -> keras.layers.Layer:
    """Return a convolution or transposed convolution.

    It has no bias where BatchNorm may follow, which adds one where it is wanted.

    Args:
        layer_class: `keras.layers.Conv2D`, `keras.layers.Conv2DTranspose`, or a layer with their parameters.
        filters: number of output channels.
        kernel: height and width of the kernel.
        strides: 1, or 2 to halve (a transposed convolution: to double) height and width; the padding is "same".
        seed: seed of the run.
        name: network and layer, for example `generator/up_0`.
        normalized: whether the network has BatchNorm; without it, the layer has a bias and larger initial weights.

    Returns:
        The unbuilt layer.
    """
    return layer_class(
        filters,
        kernel,
        strides=strides,
        padding="same",
        use_bias=not normalized,
        kernel_initializer=(normal_initializer if normalized else variance_preserving_initializer)(seed, name),
        name=_layer_name(name),
    )


def dense(
    units: int,
    seed: int,
    name: str,
    stddev: float = WEIGHTS_STDDEV,
    use_bias: bool = False,
    dtype: str | None = None,
    normalized: bool = True,
) -> keras.layers.Dense:
    """Return a linear dense layer with normal initial weights.

    Args:
        units: number of outputs.
        seed: seed of the run.
        name: network and layer, for example `discriminator/logit`.
        stddev: standard deviation of the initial weights.
        use_bias: whether the layer has a bias.
        dtype: type the layer computes in; None for Keras' global policy.
        normalized: whether the network has BatchNorm; without it, the initial weights keep the scale of activations.

    Returns:
        The unbuilt layer.
    """
    initializer: Any  # Keras' stubs allow strings only
    initializer = normal_initializer(seed, name, stddev=stddev)
    if not normalized:
        initializer = variance_preserving_initializer(seed, name)
    return keras.layers.Dense(
        units, use_bias=use_bias, kernel_initializer=initializer, dtype=dtype, name=_layer_name(name)
    )


class Stage(NamedTuple):
    """The settings of one stage of a network, which halves or doubles the height and width of its feature maps.

    Args:
        index: position of the stage, from 0.
        filters: number of output channels.
        kernel: kernel size that the network was asked for.
        seed: seed of the initial weights.
        layers: the network's layer classes.
        network: name of the network, which selects the random stream of the initial weights.
        normalized: whether the network has BatchNorm.
    """

    index: int
    filters: int
    kernel: int
    seed: int
    layers: Layers
    network: str
    normalized: bool = True


def odd_kernel_size(kernel: int) -> int:
    """Return the kernel size of a stride-1 convolution: the largest odd number up to `kernel`, at least 3.

    Args:
        kernel: kernel size that the network was asked for.

    Returns:
        An odd number.
    """
    return max(3, kernel - 1 + kernel % 2)


def _layer_name(name: str) -> str:
    """The layer's part of `network/layer`."""
    return name.rpartition("/")[2]
