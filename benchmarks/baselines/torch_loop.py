"""A PyTorch loop, eager or compiled, with the passes of PyTorch's DCGAN example."""

import itertools

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
    """

    def __init__(self, size: DCGANSize, channels_last: bool = False, compiled: bool = False):
        torch.manual_seed(0)
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        networks = [
            network.apply(_initialize).to(memory_format=self._layout)
            for network in (_build_generator(size), _build_discriminator(size))
        ]
        self._parameters = tuple(sum(weight.numel() for weight in network.parameters()) for network in networks)
        # Shapes never change. Without `dynamic=False` the compiler builds a graph for dynamic shapes and fails in NCHW.
        self._generator, self._discriminator = (
            torch.compile(network, dynamic=False) if compiled else network for network in networks
        )
        self._optimizers = [torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in networks]
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
        fake = self._generator(torch.randn(self._batch_size, self._latent_dim, 1, 1))
        fake_loss, d_fake = self._backward(fake.detach(), FAKE)
        discriminator_optimizer.step()
        generator_optimizer.zero_grad()
        loss, _ = self._backward(fake, REAL)
        generator_optimizer.step()
        return real_loss + fake_loss, loss, d_real, d_fake

    def _backward(self, images: torch.Tensor, target: float) -> tuple[float, float]:
        """Run D forward and backward; return the loss and the mean of D's output."""
        output = self._discriminator(images).view(-1)
        loss = self._entropy(output, torch.full((self._batch_size,), target))
        loss.backward()
        return loss.item(), output.mean().item()

    def _load(self, pixels: np.ndarray) -> list[torch.Tensor]:
        """Split uint8 NHWC images into float32 NCHW batches in [-1, 1], as the example's loader does."""
        scaled = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        return [part.contiguous(memory_format=self._layout) for part in scaled.split(self._batch_size)]


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


def _build_discriminator(size: DCGANSize) -> nn.Module:
    """Return the example's discriminator."""
    layers: list[nn.Module] = []
    pixels, in_channels, filters = size.image_size, size.channels, size.width
    while pixels > 4:
        layers.append(nn.Conv2d(in_channels, filters, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(filters)] if pixels < size.image_size else []
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        pixels, in_channels, filters = pixels // 2, filters, filters * 2
    return nn.Sequential(*layers, nn.Conv2d(in_channels, 1, 4, 1, 0, bias=False), nn.Sigmoid())


def _initialize(module: nn.Module) -> None:
    """Initialize weights from N(0, 0.02) and BatchNorm's scale from N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
