"""The layers both networks are made of, with the paper's settings instead of Keras' defaults."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import keras

from dcgan.core.rng import derived_seed
from dcgan.networks.fused_upsampling import FusedUpsampling2D

# Radford et al. 2016, section 4: weights from N(0, 0.02); their code draws BatchNorm's scale from N(1, 0.02).
WEIGHTS_DEVIATION = 0.02
# Torch's defaults, which the paper's code trained with; Keras' own are 0.99 and 1e-3.
BATCH_NORM_MOMENTUM, BATCH_NORM_EPSILON = 0.9, 1e-5
LEAKY_SLOPE = 0.2


@dataclass(frozen=True)
class Layers:
    """Which layer classes a network is built from; they compute the same, each where it is good at it.

    Args:
        convolution: `keras.layers.Conv2D` or a subclass.
        convolution_transpose: `keras.layers.Conv2DTranspose` or a subclass.
        batch_norm: `keras.layers.BatchNormalization`, or something that makes one.
        enlarging: what a network that is trained has where others have `convolution_transpose` with an enlarged
            kernel: `dcgan.networks.fused_upsampling.FusedUpsampling2D` or a subclass; None for networks that are only drawn from.
    """

    convolution: Callable[..., keras.layers.Layer] = keras.layers.Conv2D
    convolution_transpose: Callable[..., keras.layers.Layer] = keras.layers.Conv2DTranspose
    batch_norm: Callable[..., keras.layers.Layer] = keras.layers.BatchNormalization
    enlarging: Callable[..., keras.layers.Layer] | None = None


KERAS_LAYERS = Layers()
"""Keras' own, which every program can load."""

TRAINING_LAYERS = Layers(enlarging=FusedUpsampling2D)
"""Keras' own where it has them, for training."""

SYNCHRONIZED_LAYERS = Layers(
    batch_norm=functools.partial(keras.layers.BatchNormalization, synchronized=True), enlarging=FusedUpsampling2D
)
"""BatchNorm over the whole batch, however many replicas share it."""


_STREAMS = {"up": "grow", "down": "shrink", "logit": "judge", "class_embedding": "judge_class"}
"""Random streams that are named differently from their layers. A stream's name decides the initial weights: renaming
one would change the result of every seed."""


def normal_initializer(
    seed: int, name: str, mean: float = 0.0, deviation: float = WEIGHTS_DEVIATION
) -> keras.initializers.Initializer:
    """Return an initializer N(mean, deviation²) whose values depend on the seed and the layer alone.

    Args:
        seed: seed of the run.
        name: network and layer, for example `generator/up_0`.
        mean: of the normal distribution.
        deviation: standard deviation.
    """
    network, _, layer = name.partition("/")
    kind = layer.rstrip("0123456789").rstrip("_")
    stream = f"{network}/{_STREAMS.get(kind, kind)}{layer[len(kind) :]}"
    return keras.initializers.RandomNormal(mean, deviation, seed=derived_seed(seed, stream))


def batch_norm(layers: Layers, seed: int, name: str) -> keras.layers.Layer:
    """BatchNorm as the paper's code has it."""
    return layers.batch_norm(
        momentum=BATCH_NORM_MOMENTUM,
        epsilon=BATCH_NORM_EPSILON,
        gamma_initializer=normal_initializer(seed, name, mean=1.0),
        name=name.rpartition("/")[2],
    )


class Stage(NamedTuple):
    """What a stage of a network, which halves or doubles its maps, is built from.

    Args:
        number: of the stage, from 0 on.
        maps: that it gives.
        kernel: side of the kernels, as the network's other layers have it.
        seed: the initial weights follow from it.
        layers: the classes its layers are of.
        network: the name of the network, for which its weights are drawn.
    """

    number: int
    maps: int
    kernel: int
    seed: int
    layers: Layers
    network: str


def convolution_stride_2(layer: Callable[..., keras.layers.Layer], filters: int, kernel: int, seed: int, name: str):
    """A convolution that halves, or a transposed one that doubles, height and width."""
    return _unbiased(layer, filters, kernel, seed, name, strides=2)


def convolution_stride_1(layer: Callable[..., keras.layers.Layer], filters: int, kernel: int, seed: int, name: str):
    """A convolution that keeps height and width."""
    return _unbiased(layer, filters, kernel, seed, name, strides=1)


def odd_kernel_size(kernel: int) -> int:
    """The side of a convolution's kernel at stride 1: the largest odd one up to `kernel`, at least 3."""
    return max(3, kernel - 1 + kernel % 2)


def _unbiased(layer: Callable[..., keras.layers.Layer], filters: int, kernel: int, seed: int, name: str, strides: int):
    """A convolution of the paper's settings: BatchNorm behind it has the bias, if there is to be one."""
    return layer(
        filters,
        kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer=normal_initializer(seed, name),
        name=name.rpartition("/")[2],
    )
