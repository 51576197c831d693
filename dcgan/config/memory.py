"""The memory that a training needs at least, from its options alone, before TensorFlow is loaded."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dcgan.config.data import DEFAULT_SIZES
from dcgan.config.network_size import Computation, discriminator_size, generator_size
from dcgan.config.train import ResolvedTrainConfig
from dcgan.core import nvidia
from dcgan.core.errors import UserError
from dcgan.core.resources import address_space_limit, available_memory, resident_memory, total_memory
from dcgan.core.sizes import base_size, format_size, num_stages, parse_size

_FLOAT32 = 4
_GIB = 2**30

_LIBRARIES, _COMPILED = int(0.55 * _GIB), int(0.2 * _GIB)
"""What TensorFlow and the other libraries take before the networks are built, and what XLA adds to it."""

_RESERVED = int(1.2 * _GIB)
"""Addresses that TensorFlow reserves and does not use: `ulimit -v` counts them, and nothing else does."""

TYPICAL = 1.5
"""By which factor the measured memory of a training exceeds the least at most."""

_GENERATED = 64
"""Images that are generated at once for a grid, whatever the batch size; see `dcgan.sampling.generation`."""

_WINOGRAD_CHANNELS = {"float32": 64, "mixed_bfloat16": 256}
"""By precision, what `dcgan.networks.fast.layers.MANY_CHANNELS` holds."""


@dataclass(frozen=True)
class LeastMemory:
    """The parts of the memory that a training needs at least, in bytes.

    Args:
        libraries: TensorFlow, and what it compiles.
        state: weights, moments of Adam, EMA weights; and the checkpoint of the initial weights.
        weights: what a step needs beside them, whatever its batch size: gradients, transforms of the kernels.
        maps: what the forward pass of a batch keeps for the backward pass.
        between_steps: what a checkpoint, which is a copy of the state, or a grid takes when no step is running.
    """

    libraries: int
    state: int
    weights: int
    maps: int
    between_steps: int

    @property
    def total(self) -> int:
        """Bytes at the larger of the two peaks: in a training step, or between steps."""
        return self.libraries + self.state + max(self.weights + self.maps, self.between_steps)


def least_memory(config: ResolvedTrainConfig, devices: int = 1) -> LeastMemory:
    """Return the memory that training needs at least on each device.

    On a CPU, a step needs what is counted here at one time, so the process has at least this peak. Beside it come the
    gradients of maps, workspaces of the convolutions, and what the allocator does not give back. Measured in GiB, in
    three channels, with the share that is counted here (`python -m benchmarks.memory` has more):

        64 pixels, batches of 8 and 128         1.20  1.59        0.72  0.69
        128 pixels, batches of 8, 32 and 64     1.69  2.00  2.44  0.71  0.70  0.67
        256 pixels, batches of 2, 8 and 32      3.20  3.41  4.49  0.72  0.74  0.73
        128 pixels, twice the width             3.92              0.71
        128 pixels, `--compile none`            1.39              0.70

    Args:
        config: options of the run.
        devices: number of devices that share a batch.
    """
    size, channels = _image_size(config), config.channels or 1
    on_gpu = _uses_gpu(config)
    computation = _computation(config, on_gpu)
    generator = generator_size(config, size, channels, computation=computation)
    discriminator = discriminator_size(config, size, channels, computation=computation)
    # Frozen layers have neither gradients nor moments; it is not worth counting how many weights they have.
    is_frozen = bool(config.freeze_d)
    state = 4 * generator.weights + (1 if is_frozen else 3) * discriminator.weights
    gradients = generator.weights + (0 if is_frozen else discriminator.weights)
    transforms = generator.transformed + 2 * discriminator.transformed  # of real and of generated images
    has_copy = config.health_checks and not on_gpu
    return LeastMemory(
        libraries=0 if on_gpu else _LIBRARIES + (_COMPILED if _compiles(config) else 0),
        state=state * _FLOAT32 * (2 if has_copy else 1),
        weights=(gradients + transforms) * _FLOAT32,
        maps=max(1, _batch_size(config) // devices) * (generator.kept + 2 * discriminator.kept),
        between_steps=0 if on_gpu else max(_GENERATED * generator.inference, (state + generator.weights) * _FLOAT32),
    )


def _image_size(config: ResolvedTrainConfig) -> tuple[int, int]:
    return parse_size(config.image_size or DEFAULT_SIZES.get(config.dataset, 64))


def _uses_gpu(config: ResolvedTrainConfig) -> bool:
    return config.device != "cpu" and bool(nvidia.cards())


def _computation(config: ResolvedTrainConfig, on_gpu: bool) -> Computation:
    """Return how a step computes, as `dcgan.training.precision` decides it with TensorFlow."""
    precision = config.precision
    if precision == "auto":
        precision = "mixed_bfloat16" if on_gpu else "float32"
    is_fused = not on_gpu and config.compile == "auto" and not _has_replicas(config)
    winograd = _WINOGRAD_CHANNELS.get(precision) if is_fused else None
    return Computation(_FLOAT32 if precision == "float32" else _FLOAT32 // 2, winograd)


def _compiles(config: ResolvedTrainConfig) -> bool:
    return config.compile != "none" and config.precision != "mixed_float16" and not _has_replicas(config)


def _has_replicas(config: ResolvedTrainConfig) -> bool:
    """Whether several processes or devices may share each batch."""
    return config.strategy in ("mirrored", "multi_worker") or bool(os.environ.get("TF_CONFIG"))


def _batch_size(config: ResolvedTrainConfig) -> int:
    """Return how many images of a batch this process has at least; the number of workers is not known here."""
    return 1 if config.strategy == "multi_worker" or os.environ.get("TF_CONFIG") else config.batch_size


def check_memory(config: ResolvedTrainConfig) -> None:
    """Refuse networks that can't fit into the memory of this machine or its GPUs.

    Args:
        config: options of the run.

    Raises:
        UserError: they need more, with both figures, and what would fit.
    """
    limit = total_memory(_RESERVED)
    if limit is None or least_memory(config).total <= limit:
        return
    cards = nvidia.cards() if _uses_gpu(config) else []
    limit, devices = max([limit, *(card.memory for card in cards)]), max(1, len(cards))
    need = least_memory(config, devices).total
    if need > limit:
        raise UserError(
            f"This training needs more than {need / _GIB:.1f} GiB of memory, of which there are "
            f"{limit / _GIB:.1f} GiB: {_describe(config)}.",
            _advice(config, limit, devices) + _address_note(),
        )


def memory_warning(config: ResolvedTrainConfig) -> str:
    """Return a line if a training on the CPU takes more memory than other programs have left; empty otherwise.

    Args:
        config: options of the run.
    """
    available = available_memory(_RESERVED)
    if available is None or _uses_gpu(config):
        return ""
    available += resident_memory().get("resident", 0)  # what this process has already
    need = least_memory(config).total
    if need * TYPICAL <= available:
        return ""
    return (
        f"This training takes {need / _GIB:.1f} to {need * TYPICAL / _GIB:.1f} GiB of memory, of which "
        f"{available / _GIB:.1f} GiB are available now: the system may end it. Close other programs, or change "
        f"{_describe(config)}. {_advice(config, available / TYPICAL, 1)}{_address_note()}"
    )


def _describe(config: ResolvedTrainConfig) -> str:
    """Return the options that decide about the memory."""
    return (
        f"networks for --image-size {format_size(_image_size(config))} with --generator-width "
        f"{config.generator_width}, --discriminator-width {config.discriminator_width}, --discriminator-hidden "
        f"{config.discriminator_hidden}, --latent-dim {config.latent_dim} and --kernel {config.kernel}, and "
        f"--batch-size {config.batch_size}"
    )


def _address_note() -> str:
    """Return a sentence on the limit of addresses, with a space before it; empty without one."""
    limit = address_space_limit()
    if limit is None:
        return ""
    return (
        f" `ulimit -v` allows {limit / _GIB:.1f} GiB, of which TensorFlow reserves {_RESERVED / _GIB:.1f} GiB unused."
    )


def _advice(config: ResolvedTrainConfig, limit: float, devices: int) -> str:
    """Return which single options would make a training fit, with what it then needs at least."""
    libraries = least_memory(config, devices).libraries
    if libraries > limit:
        return f"TensorFlow alone takes {libraries / _GIB:.1f} GiB."
    fitting = []
    for candidates in (_smaller_batches(config), _smaller_images(config), _narrower_networks(config)):
        for text, smaller in candidates:
            need = least_memory(smaller, devices).total
            if need <= limit:
                fitting.append(f"{text} (at least {need / _GIB:.1f} GiB)")
                break
    return f"One of these would fit: {', or '.join(fitting)}." if fitting else "Reduce several of these."


def _smaller_batches(config: ResolvedTrainConfig) -> Iterator[tuple[str, ResolvedTrainConfig]]:
    size = config.batch_size // 2
    while size >= (2 if config.discriminator_hidden else 1):
        yield f"--batch-size {size}", replace(config, batch_size=size)
        size //= 2


def _smaller_images(config: ResolvedTrainConfig) -> Iterator[tuple[str, ResolvedTrainConfig]]:
    size = _image_size(config)
    (height, width), stages = base_size(size), num_stages(size)
    for fewer in reversed(range(1, stages)):
        text = format_size((height << fewer, width << fewer))
        yield f"--image-size {text}", replace(config, image_size=text)


def _narrower_networks(config: ResolvedTrainConfig) -> Iterator[tuple[str, ResolvedTrainConfig]]:
    widths = config.generator_width // 2, config.discriminator_width // 2
    while min(widths) >= 1:
        generator, discriminator = widths
        text = f"--generator-width {generator} --discriminator-width {discriminator}"
        yield text, replace(config, generator_width=generator, discriminator_width=discriminator)
        widths = generator // 2, discriminator // 2
