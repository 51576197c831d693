"""The memory that a training needs at least, from its options alone, before TensorFlow is loaded."""

import itertools
import math
from dataclasses import dataclass

from dcgan.config.data import DEFAULT_SIZES
from dcgan.config.train import ResolvedTrainConfig
from dcgan.core import nvidia
from dcgan.core.errors import UserError
from dcgan.core.resources import total_memory
from dcgan.core.sizes import Size, base_size, num_stages, parse_size

_FLOAT32 = 4
_GIB = 2**30


@dataclass(frozen=True)
class NetworkSize:
    """Size of one network, without BatchNorm and biases.

    Args:
        weights: number of weights.
        activations: numbers that its convolutions output for one image.
    """

    weights: int
    activations: int


def generator_size(config: ResolvedTrainConfig, size: Size, channels: int, classes: int = 0) -> NetworkSize:
    """Return the size of the generator that `dcgan.networks.build_generator` builds.

    Args:
        config: options of the run.
        size: (height, width) of the images in pixels.
        channels: of the images.
        classes: length of the class input; 0 without one.
    """
    stages, base = num_stages(size), math.prod(base_size(size))
    odd = config.kernel - 1 + config.kernel % 2
    kernel = config.kernel if config.upsampling in ("transposed", "unpool") else odd
    filters = [config.generator_width << (stages - 1 - index) for index in range(stages)] + [channels]
    outputs = [(4 if config.upsampling == "subpixel" else 1) * count for count in filters[1:]]
    weights = (config.latent_dim + classes) * base * filters[0]
    weights += sum(kernel**2 * before * after for before, after in zip(filters, outputs, strict=False))
    return NetworkSize(weights, sum(count * base << 2 * index for index, count in enumerate(filters)))


def discriminator_size(config: ResolvedTrainConfig, size: Size, channels: int, classes: int = 0) -> NetworkSize:
    """Return the size of the discriminator that `dcgan.networks.build_discriminator` builds.

    Args:
        config: options of the run.
        size: (height, width) of the images in pixels.
        channels: of the images.
        classes: length of the class input; 0 without one.
    """
    stages, base = num_stages(size), math.prod(base_size(size))
    kernel = config.kernel - (config.downsampling == "maxpool" and config.kernel % 2 == 0)
    filters = [channels] + [config.discriminator_width << index for index in range(stages)]
    weights = sum(kernel**2 * before * after for before, after in itertools.pairwise(filters))
    features = base * filters[-1]
    if config.discriminator_hidden:
        weights += features * config.discriminator_hidden
        features = config.discriminator_hidden
    sides = [base << 2 * (stages - 1 - index) for index in range(stages)]
    weights += features * (1 + classes)
    return NetworkSize(weights, sum(side * count for side, count in zip(sides, filters[1:], strict=True)))


def least_memory(config: ResolvedTrainConfig, devices: int = 1) -> int:
    """Return the bytes that training needs at least on each device.

    Counted are weights, gradients, both moments of Adam and the generator's EMA, and what the convolutions output,
    which the backward pass needs; the discriminator sees real and fake images. On a CPU it is twice that, for the
    gradients of the outputs, and for the checkpoint of the initial weights: 3 to 5 times were measured there, beside
    the gigabyte that TensorFlow takes (256×256 pixels, batches of 8 and 32).

    Args:
        config: options of the run.
        devices: number of devices that share a batch.
    """
    size, channels = parse_size(config.image_size or DEFAULT_SIZES.get(config.dataset, 64)), config.channels or 1
    generator, discriminator = generator_size(config, size, channels), discriminator_size(config, size, channels)
    # Frozen layers have neither gradients nor moments; it is not worth counting how many weights they have.
    copies = 1 if config.freeze_d else 4
    state = 4 * generator.weights + copies * discriminator.weights + generator.weights
    on_gpu = bool(nvidia.cards())
    in_float32 = config.precision == "float32" or (config.precision == "auto" and not on_gpu)
    bytes_of_output = _FLOAT32 if in_float32 else _FLOAT32 // 2
    outputs = config.batch_size // devices * (generator.activations + 2 * discriminator.activations)
    return (1 if on_gpu else 2) * (state * _FLOAT32 + outputs * bytes_of_output)


def check_memory(config: ResolvedTrainConfig) -> None:
    """Refuse networks that can't fit into the memory of this machine or its GPUs.

    Args:
        config: options of the run.

    Raises:
        UserError: they need more, with both figures.
    """
    available = total_memory()
    if available is None or least_memory(config) <= available:
        return
    cards = nvidia.cards()
    available = max([available, *(card.memory for card in cards)])
    need = least_memory(config, max(1, len(cards)))
    if need > available:
        raise UserError(
            f"This training needs more than {need / _GIB:.1f} GiB of memory, of which there are "
            f"{available / _GIB:.1f} GiB: networks for --image-size {config.image_size} with --generator-width "
            f"{config.generator_width}, --discriminator-width {config.discriminator_width}, --discriminator-hidden "
            f"{config.discriminator_hidden}, --latent-dim {config.latent_dim} and --kernel {config.kernel}, and "
            f"--batch-size {config.batch_size}.",
            "Reduce one of these.",
        )
