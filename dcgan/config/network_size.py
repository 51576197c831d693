"""Sizes of both networks from the options alone: their weights, and what a training step keeps of each image."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from dcgan.config.train import ResolvedTrainConfig
from dcgan.core.sizes import Size, base_size, num_stages

# Winograd's F(4×4, 2×2), see `dcgan.networks.fast.winograd`: 25 products instead of 16 outputs of a patch of 8×8
# pixels, each with a matrix (4·inputs, outputs) of its own.
_PRODUCTS, _OUTPUTS, _PATCH, _KERNEL = 25, 16, 8, 4
_FLOAT32 = 4


@dataclass(frozen=True)
class Computation:
    """How a step computes, as far as its memory depends on it.

    Args:
        item_bytes: bytes of a number of the maps between layers.
        winograd_channels: from how many channels of the larger maps on a convolution of stride 2 with a 4×4 kernel is
            computed by Winograd's algorithm; None for never.
    """

    item_bytes: int = _FLOAT32
    winograd_channels: int | None = None


@dataclass(frozen=True)
class NetworkSize:
    """Size of one network, without BatchNorm and biases.

    Args:
        weights: number of weights.
        transformed: numbers in the transforms of its kernels that the backward pass needs.
        kept: bytes that the forward pass of one image keeps for the backward pass.
        inference: bytes of the largest layer's input and output in float32, for one image.
    """

    weights: int
    transformed: int
    kept: int
    inference: int


@dataclass(frozen=True)
class _Stage:
    """One convolution that doubles or halves maps, from `before` to `after` channels; `small` is the smaller size."""

    small: Size
    before: int
    after: int

    @property
    def pixels(self) -> int:
        return math.prod(self.small)


def generator_size(
    config: ResolvedTrainConfig, size: Size, channels: int, classes: int = 0, computation: Computation | None = None
) -> NetworkSize:
    """Return the size of the generator that `dcgan.networks.build_generator` builds.

    Of each stage the backward pass needs the maps before BatchNorm, those after ReLU, and what the convolution reads
    where that is something else: enlarged maps or Winograd's transform of them.

    Args:
        config: options of the run.
        size: (height, width) of the images in pixels.
        channels: of the images.
        classes: length of the class input; 0 without one.
        computation: how a step computes; by default in float32, without Winograd's algorithm.
    """
    computation = computation or Computation()
    odd = config.kernel - 1 + config.kernel % 2
    fused = config.upsampling in ("transposed", "nearest")
    kernel = config.kernel if config.upsampling in ("transposed", "unpool") else odd
    applied = odd + 1 if config.upsampling == "nearest" else kernel
    widths = [config.generator_width << index for index in reversed(range(num_stages(size)))]
    weights = (config.latent_dim + classes) * math.prod(base_size(size)) * widths[0]
    transformed, inference = 0, 0
    kept = channels * math.prod(size) * _FLOAT32  # the image, after tanh
    for stage in _stages(size, [*widths, channels]):
        outputs = stage.after * (4 if config.upsampling == "subpixel" else 1)
        maps = stage.before * stage.pixels
        weights += kernel**2 * stage.before * outputs
        kept += 2 * maps * computation.item_bytes
        enlarged = 4 * maps if config.upsampling in ("bilinear", "unpool") else 0
        kept += enlarged * computation.item_bytes
        inference = max(inference, _FLOAT32 * ((enlarged or maps) + 4 * stage.pixels * stage.after))
        if fused and _is_winograd(stage, applied, stage.after, computation):
            transformed += _PRODUCTS * 4 * stage.before * stage.after
            kept += _PRODUCTS * maps // _OUTPUTS * _FLOAT32
    return NetworkSize(weights, transformed, kept, inference)


def discriminator_size(
    config: ResolvedTrainConfig, size: Size, channels: int, classes: int = 0, computation: Computation | None = None
) -> NetworkSize:
    """Return the size of the discriminator that `dcgan.networks.build_discriminator` builds.

    Of each stage the backward pass needs the maps before BatchNorm, those after it, and what the next layer reads: the
    maps after LeakyReLU or Winograd's transform of them. Max-pooling needs the maps before it as well.

    Args:
        config: options of the run.
        size: (height, width) of the images in pixels.
        channels: of the images.
        classes: length of the class input; 0 without one.
        computation: how a step computes; by default in float32, without Winograd's algorithm.
    """
    computation = computation or Computation()
    pooled = config.downsampling == "maxpool"
    kernel = config.kernel - (pooled and config.kernel % 2 == 0)
    widths = [channels] + [config.discriminator_width << index for index in range(num_stages(size))]
    weights = transformed = kept = inference = 0
    for index, stage in enumerate(reversed([*_stages(size, widths[::-1])])):
        inputs, outputs = 4 * stage.pixels * stage.after, stage.pixels * stage.before  # from `after` to `before` here
        weights += kernel**2 * stage.before * stage.after
        inference = max(inference, _FLOAT32 * (inputs + outputs * (4 if pooled else 1)))
        if not pooled and _is_winograd(stage, kernel, stage.after, computation):
            transformed += _PRODUCTS * 4 * stage.before * stage.after
            kept += _PRODUCTS * inputs // _OUTPUTS * _FLOAT32
        else:
            kept += inputs * computation.item_bytes
        normalized = index > 0 and config.discriminator_norm == "batch"
        kept += outputs * (1 + normalized + 4 * pooled) * computation.item_bytes
    features = math.prod(base_size(size)) * widths[-1]
    kept += features * computation.item_bytes
    if config.discriminator_hidden:
        weights += features * config.discriminator_hidden
        features = config.discriminator_hidden
    return NetworkSize(weights + features * (1 + classes), transformed, kept, inference)


def _stages(size: Size, widths: list[int]) -> Iterator[_Stage]:
    """Yield the stages of a network from its base to the image, between maps of these numbers of channels."""
    height, width = base_size(size)
    for index, (before, after) in enumerate(itertools.pairwise(widths)):
        yield _Stage((height << index, width << index), before, after)


def _is_winograd(stage: _Stage, kernel: int, channels: int, computation: Computation) -> bool:
    """Whether `dcgan.networks.fast.layers.select_on_cpu` selects Winograd's algorithm for a convolution of stride 2."""
    least = computation.winograd_channels
    whole_patches = all(2 * side % _PATCH == 0 for side in stage.small)
    return least is not None and channels >= least and kernel == _KERNEL and whole_patches
