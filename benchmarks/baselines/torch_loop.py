"""A PyTorch loop, eager or compiled, with the passes of PyTorch's DCGAN example."""

import itertools
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.baselines import DCGANSize
from benchmarks.synthetic_images import random_images

REAL, FAKE = 1.0, 0.0
"""Targets of the discriminator."""


class TorchLoop:
    """Train on random images: D on real images, D on fake images, then G through D.

    G's backward pass computes the gradients of D's weights too and discards them, as the example does. A step is worth
    G: 1 forward and 2 backward passes; D: 3 forward and 6 backward passes.

    Args:
        size: sizes of the networks and the step.
        channels_last: store images and kernels as NHWC in memory.
        compiled: compile both networks with `torch.compile`.
        bfloat16: compute both networks under `torch.autocast` in bfloat16.
        device: `cpu` or `cuda`.
    """

    sigmoid = True
    """Whether D ends in a sigmoid; otherwise the loss takes logits."""

    def __init__(
        self,
        size: DCGANSize,
        channels_last: bool = False,
        compiled: bool = False,
        bfloat16: bool = False,
        device: str = "cpu",
    ):
        torch.manual_seed(0)
        torch.backends.cudnn.benchmark = True  # as the example sets it
        self._device, self._bfloat16 = torch.device(device), bfloat16
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        networks = [
            network.apply(_initialize).to(device=self._device, memory_format=self._layout)
            for network in self._networks(size)
        ]
        self._parameters = tuple(sum(weight.numel() for weight in network.parameters()) for network in networks)
        # Shapes never change. Without `dynamic=False` the compiler builds a graph for dynamic shapes and fails in NCHW.
        self._generator, self._discriminator = (
            torch.compile(network, dynamic=False) if compiled else network for network in networks
        )
        self._optimizers = [self._adam(network) for network in networks]
        self._entropy = nn.BCELoss()
        self._batch_size, self._latent_dim = size.batch_size, size.latent_dim
        self._batches = itertools.cycle(self._load(random_images(2 * size.batch_size, size.image_size, size.channels)))
        self.run(1)  # a missing compiler fails here, when the baseline is built

    def run(self, steps: int) -> int:
        """Train for `steps` steps; return the number of images."""
        for _ in range(steps):
            self._step(next(self._batches))
        return steps * self._batch_size

    def cost(self) -> dict[str, tuple]:
        """Return the trainable weights of both networks and the passes that a step is worth."""
        return {"parameters": self._parameters, "passes": (3, 9)}

    def _step(self, real: torch.Tensor) -> tuple[float, ...]:
        """Update both networks on one batch; return the losses of D and G and the means of D(x) and D(G(z))."""
        generator_optimizer, discriminator_optimizer = self._optimizers
        discriminator_optimizer.zero_grad()
        real_loss, d_real = self._backward(real, REAL)
        latents = torch.randn(self._batch_size, self._latent_dim, 1, 1, device=self._device)
        with self._autocast():
            fake = self._generator(latents)
        fake_loss, d_fake = self._backward(fake.detach(), FAKE)
        discriminator_optimizer.step()
        generator_optimizer.zero_grad()
        loss, _ = self._backward(fake, REAL)
        generator_optimizer.step()
        return real_loss + fake_loss, loss, d_real, d_fake

    def _backward(self, images: torch.Tensor, target: float) -> tuple[float, float]:
        """Run D forward and backward; return the loss and the mean of D's output."""
        with self._autocast():
            output = self._discriminator(images)
        output = output.view(-1).float()
        loss = self._entropy(output, torch.full((self._batch_size,), target, device=self._device))
        loss.backward()
        return loss.item(), output.mean().item()

    def _networks(self, size: DCGANSize) -> tuple[nn.Module, nn.Module]:
        """Return G and D with PyTorch's initial weights."""
        return _build_generator(size), _build_discriminator(size, self.sigmoid)

    def _autocast(self) -> torch.autocast:
        """Return the context that both networks compute in."""
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self._bfloat16)

    def _adam(self, network: nn.Module) -> torch.optim.Adam:
        """Return the example's optimizer."""
        return torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def _load(self, pixels: np.ndarray) -> list[torch.Tensor]:
        """Split uint8 NHWC images into float32 NCHW batches in [-1, 1], as the example's loader does."""
        scaled = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        parts = scaled.to(self._device).split(self._batch_size)
        return [part.contiguous(memory_format=self._layout) for part in parts]


class TorchGPULoop(TorchLoop):
    """The fastest loop that PyTorch's own means allow on a GPU: nothing in a step waits for the device.

    Images stay in the GPU's memory as uint8 and are selected by index there, D's loss is one backward pass, losses are
    computed from logits and read by nobody.

    Args:
        size: sizes of the networks and the step.
        fused: use the fused implementation of Adam.
        graph: record the whole step as a CUDA graph and replay it.
        options: further arguments of `TorchLoop`.
    """

    sigmoid = False

    def __init__(self, size: DCGANSize, fused: bool = False, graph: bool = False, **options: Any):
        self._fused, self._graph, self._replay = fused, graph and torch.cuda.is_available(), None
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        super().__init__(size, device=_fastest_device(), **options)

    def run(self, steps: int) -> int:
        """Train for `steps` steps; return the number of images."""
        for _ in range(steps):
            self._indices.copy_(next(self._batches))
            if self._graph:
                self._record().replay()
            else:
                self._step(self._indices)
        _wait()
        return steps * self._batch_size

    def peak_memory(self) -> int:
        """Return the most bytes of GPU memory that tensors have taken."""
        return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0

    def _record(self) -> Any:
        """Return the graph of a step, recorded at the first call after a few steps to warm up."""
        if self._replay is None:
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(4):
                    self._step(self._indices)
            torch.cuda.current_stream().wait_stream(stream)
            self._replay = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._replay):
                self._step(self._indices)
        return self._replay

    def _step(self, indices: torch.Tensor) -> None:  # type: ignore[override]
        """Update both networks on the images of some indices."""
        real = (self._images[indices].float() / 127.5 - 1).contiguous(memory_format=self._layout)
        latents, classes = self._draw_latents(), self._classes(indices)
        generator_optimizer, discriminator_optimizer = self._optimizers
        discriminator_optimizer.zero_grad(set_to_none=True)
        with self._autocast():
            real_logits, fake = self._discriminator(real, *classes), self._generator(latents, *classes)
            fake_logits = self._discriminator(fake.detach(), *classes)
        softplus = nn.functional.softplus
        (softplus(-real_logits.float()).mean() + softplus(fake_logits.float()).mean()).backward()
        discriminator_optimizer.step()
        generator_optimizer.zero_grad(set_to_none=True)
        with self._autocast():
            logits = self._discriminator(fake, *classes)
        softplus(-logits.float()).mean().backward()
        generator_optimizer.step()

    def _load(self, pixels: np.ndarray) -> list[torch.Tensor]:
        """Copy the images to the GPU as uint8; return the indices of each batch."""
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        self._images = images.to(self._device).contiguous(memory_format=self._layout)
        self._indices = torch.zeros(self._batch_size, dtype=torch.long, device=self._device)
        order = torch.from_numpy(np.random.default_rng(1).permutation(len(pixels)))
        return list(order.to(self._device).split(self._batch_size))

    def _draw_latents(self) -> torch.Tensor:
        return torch.randn(self._batch_size, self._latent_dim, 1, 1, device=self._device)

    def _classes(self, indices: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the further input of both networks for the images of some indices; there is none."""
        del indices
        return ()

    def _adam(self, network: nn.Module) -> torch.optim.Adam:
        """Return Adam in the implementation asked for, able to run in a CUDA graph."""
        capturable = self._graph
        return torch.optim.Adam(
            network.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=self._fused or None, capturable=capturable
        )


class TorchDigits(TorchGPULoop):
    """The default network of this program for images of 28x28 pixels, conditional on ten classes, on random images.

    Args:
        batch_size: images per step.
        options: further arguments of `TorchGPULoop`.
    """

    def __init__(self, batch_size: int, **options: Any):
        size = DCGANSize(image_size=28, channels=1, latent_dim=64, batch_size=batch_size)
        super().__init__(size, **options)

    def _networks(self, size: DCGANSize) -> tuple[nn.Module, nn.Module]:
        """Return G and D with PyTorch's initial weights."""
        return _DigitGenerator(size.latent_dim), _DigitDiscriminator()

    def _load(self, pixels: np.ndarray) -> list[torch.Tensor]:
        """Copy images and labels to the GPU; return the indices of each batch."""
        labels = torch.arange(len(pixels)) % 10
        self._one_hot = nn.functional.one_hot(labels, 10).float().to(self._device)
        return super()._load(pixels)

    def _draw_latents(self) -> torch.Tensor:
        return torch.randn(self._batch_size, self._latent_dim, device=self._device)

    def _classes(self, indices: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the classes of some images, one-hot (batch_size, 10)."""
        return (self._one_hot[indices],)


class _DigitGenerator(nn.Module):
    """Project latent and class to 7x7 pixels and 96 channels; twice nearest upsampling and a convolution of 5x5."""

    def __init__(self, latent_dim: int):
        super().__init__()
        self.project, self.project_class = nn.Linear(latent_dim, 49 * 96, False), nn.Linear(10, 49 * 96, False)
        layers: list[nn.Module] = []
        for inputs, outputs in ((96, 48), (48, 1)):
            layers += [nn.BatchNorm2d(inputs), nn.ReLU(True), nn.Upsample(scale_factor=2)]
            layers.append(nn.Conv2d(inputs, outputs, 5, padding=2, bias=False))
        self.stages = nn.Sequential(*layers, nn.Tanh())

    def forward(self, latents: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Return images (N, 1, 28, 28)."""
        return self.stages((self.project(latents) + self.project_class(classes)).view(-1, 96, 7, 7))


class _DigitDiscriminator(nn.Module):
    """Two convolutions of 6x6 and stride 2, a hidden layer of 256 units, and a projection of the class."""

    def __init__(self):
        super().__init__()
        self.stages = nn.Sequential(
            nn.Conv2d(1, 32, 6, 2, 2, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(32, 64, 6, 2, 2, bias=False),
            nn.BatchNorm2d(64),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Flatten(),
            nn.Linear(49 * 64, 256, False),
            nn.BatchNorm1d(256),
            nn.LeakyReLU(0.2, inplace=True),
        )
        self.logit, self.class_embedding = nn.Linear(256, 1, False), nn.Linear(256, 10, False)

    def forward(self, images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 1)."""
        features = self.stages(images)
        return self.logit(features) + (self.class_embedding(features) * classes).sum(1, keepdim=True)


class TorchMatrixProduct:
    """Multiply two square bfloat16 matrices of normal random numbers on a GPU.

    Args:
        size: rows and columns of the matrices.
    """

    def __init__(self, size: int = 8192):
        self._size = size
        factors = (torch.randn(size, size, dtype=torch.bfloat16) for _ in range(2))
        self._factors = [factor.to(_fastest_device()) for factor in factors]

    def run(self, steps: int) -> int:
        """Multiply `steps` times; return the floating-point operations."""
        for _ in range(steps):
            torch.matmul(*self._factors)
        _wait()
        return steps * 2 * self._size**3


class TorchSampling:
    """Generate images with the example's generator on a GPU, without gradients.

    Args:
        size: sizes of the network and the batch.
        bfloat16: compute under `torch.autocast` in bfloat16.
    """

    def __init__(self, size: DCGANSize, bfloat16: bool = False):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
        device, generator = _fastest_device(), _build_generator(size).apply(_initialize).eval()
        self._generator = generator.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._latents = torch.randn(size.batch_size, size.latent_dim, 1, 1, device=device)
        self._bfloat16 = bfloat16
        self.run(2)

    def run(self, steps: int) -> int:
        """Generate `steps` batches; return the number of images."""
        with torch.inference_mode(), torch.autocast(_fastest_device(), torch.bfloat16, enabled=self._bfloat16):
            for _ in range(steps):
                self._generator(self._latents)
        _wait()
        return steps * len(self._latents)


def _fastest_device() -> str:
    """Return `cuda`, or `cpu` on a machine without an NVIDIA card, where the loops can be tried."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _wait() -> None:
    """Wait until the GPU has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _build_generator(size: DCGANSize) -> nn.Module:
    """Return the example's generator."""
    filters = size.width * size.image_size // 8
    layers: list[nn.Module] = [nn.ConvTranspose2d(size.latent_dim, filters, 4, 1, 0, bias=False)]
    while filters >= size.width:
        layers += [nn.BatchNorm2d(filters), nn.ReLU(True)]
        next_filters = filters // 2 if filters // 2 >= size.width else size.channels
        layers.append(nn.ConvTranspose2d(filters, next_filters, 4, 2, 1, bias=False))
        filters //= 2
    return nn.Sequential(*layers, nn.Tanh())


def _build_discriminator(size: DCGANSize, sigmoid: bool) -> nn.Module:
    """Return the example's discriminator, with or without the sigmoid at its end."""
    layers: list[nn.Module] = []
    pixels, in_channels, filters = size.image_size, size.channels, size.width
    while pixels > 4:
        layers.append(nn.Conv2d(in_channels, filters, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(filters)] if pixels < size.image_size else []
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        pixels, in_channels, filters = pixels // 2, filters, filters * 2
    layers.append(nn.Conv2d(in_channels, 1, 4, 1, 0, bias=False))
    return nn.Sequential(*layers, *([nn.Sigmoid()] if sigmoid else []))


def _initialize(module: nn.Module) -> None:
    """Initialize weights from N(0, 0.02) and BatchNorm's scale from N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
        nn.init.normal_(module.weight, 1.0, 0.02)
