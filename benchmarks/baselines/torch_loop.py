"""PyTorch, eager or compiled, with the passes of its DCGAN example."""

import itertools

import torch
from torch import nn

from benchmarks.baselines import images

REAL, FAKE = 1.0, 0.0


class TorchLoop:
    """Trains on made images: D on real ones, D on drawn ones, then G through D.

    The gradients of D's weights are computed in G's pass too and thrown away, as the example does. That makes it
    G: forward 1, backward 2; D: forward 3, backward 6.

    Args:
        image_size, channels, width, latent_dim, batch_size: of the networks and the step.
        channels_last: lay images and kernels out as NHWC in memory.
        compiled: put both networks through `torch.compile`.
    """

    def __init__(
        self,
        image_size: int,
        channels: int,
        width: int,
        latent_dim: int,
        batch_size: int,
        channels_last: bool = False,
        compiled: bool = False,
    ):
        torch.manual_seed(0)
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        pair = _generator(image_size, channels, width, latent_dim), _discriminator(image_size, channels, width)
        pair = [network.apply(_initialise).to(memory_format=self._layout) for network in pair]
        self._parameters = tuple(sum(weight.numel() for weight in network.parameters()) for network in pair)
        # Shapes never change; told so, the compiler makes no graph for changing ones, which it fails on in NCHW layout.
        self._generator, self._discriminator = (torch.compile(n, dynamic=False) if compiled else n for n in pair)
        self._adams = [torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in pair]
        self._entropy = nn.BCELoss()
        self._batch_size, self._latent_dim = batch_size, latent_dim
        self._batches = itertools.cycle(self._load(images.made(2 * batch_size, image_size, channels)))
        self.run(1)  # a compiler that is missing is told when the baseline is built

    def run(self, steps: int) -> int:
        """Train so many steps; returns the images seen."""
        for _ in range(steps):
            self._step(next(self._batches))
        return steps * self._batch_size

    def facts(self) -> dict:
        """What the comparison stands on."""
        return {"parameters": self._parameters, "passes": (3, 9)}

    def _step(self, real: torch.Tensor) -> tuple[float, ...]:
        generator_adam, discriminator_adam = self._adams
        discriminator_adam.zero_grad()
        real_loss, d_real = self._judge(real, REAL)
        fake = self._generator(torch.randn(self._batch_size, self._latent_dim, 1, 1))
        fake_loss, d_fake = self._judge(fake.detach(), FAKE)
        discriminator_adam.step()
        generator_adam.zero_grad()
        loss, _ = self._judge(fake, REAL)
        generator_adam.step()
        return real_loss + fake_loss, loss, d_real, d_fake

    def _judge(self, batch: torch.Tensor, label: float) -> tuple[float, float]:
        """One pass forward and backward through D; the loss and the mean of D."""
        output = self._discriminator(batch).view(-1)
        loss = self._entropy(output, torch.full((self._batch_size,), label))
        loss.backward()
        return loss.item(), output.mean().item()

    def _load(self, pixels) -> list[torch.Tensor]:
        """uint8 NHWC to float32 batches in [-1, 1], as the example's loader gives them."""
        scaled = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        return [part.contiguous(memory_format=self._layout) for part in scaled.split(self._batch_size)]


def _generator(image_size: int, channels: int, width: int, latent_dim: int) -> nn.Module:
    filters = width * image_size // 8
    layers: list[nn.Module] = [nn.ConvTranspose2d(latent_dim, filters, 4, 1, 0, bias=False)]
    while filters >= width:
        layers += [nn.BatchNorm2d(filters), nn.ReLU(True)]
        next_filters = filters // 2 if filters // 2 >= width else channels
        layers.append(nn.ConvTranspose2d(filters, next_filters, 4, 2, 1, bias=False))
        filters //= 2
    return nn.Sequential(*layers, nn.Tanh())


def _discriminator(image_size: int, channels: int, width: int) -> nn.Module:
    layers: list[nn.Module] = []
    side, before, filters = image_size, channels, width
    while side > 4:
        layers.append(nn.Conv2d(before, filters, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(filters)] if side < image_size else []
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        side, before, filters = side // 2, filters, filters * 2
    return nn.Sequential(*layers, nn.Conv2d(before, 1, 4, 1, 0, bias=False), nn.Sigmoid())


def _initialise(module: nn.Module) -> None:
    """Weights from N(0, 0.02), BatchNorm's scale from N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
