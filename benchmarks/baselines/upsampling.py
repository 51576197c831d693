"""Trainings with each way of upsampling, judged by their checkerboards as well, and shown stage by stage."""

from benchmarks.baselines.variants import Training  # first: it sets what TensorFlow reads at its import

# isort: split
import numpy as np

from dcgan.deconvolution import checkerboard_contrast, checkerboard_energy
from dcgan.evaluation.samples import samples_from_generator
from dcgan.sampling.generator_stages import stage_images
from dcgan.sampling.selection import Selection

PERIODS = (2, 4)
"""What the last doubling of a generator leaves, and the one before it."""

SEARCHED = 2000
"""Pictures that are drawn to look for checkerboards."""

SHOWN = 4
"""Seeds whose stages are shown."""


def checkerboards(images: np.ndarray) -> dict[str, float]:
    """Energy and contrast of checkerboards of each period, of uint8 images (N, H, W, C): `energy_2`, `contrast_2`, …"""
    energies = {f"energy_{period}": checkerboard_energy(images, period) for period in PERIODS}
    return energies | {f"contrast_{period}": checkerboard_contrast(images, period) for period in PERIODS}


class Upsampled(Training):
    """As `Training`; its answers hold also what `checkerboards` says, and `stages`, uint8 (seeds, stages, H, W, C)."""

    def train(self, seconds: float) -> dict:
        """Train for so many seconds of this process' time, and look at the pictures."""
        answer, generator = super().train(seconds), self.trainer.snapshot()
        pictures = samples_from_generator(generator, self.classes, "training").take(SEARCHED)
        rows = Selection(range(SHOWN), self.classes).rows(self.config.latent_dim)
        return answer | checkerboards(pictures) | {"stages": stage_images(generator, rows)}
