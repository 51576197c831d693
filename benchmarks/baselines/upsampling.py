"""Train with each upsampling method, and measure the checkerboards of its images and the images of its stages."""

from benchmarks.baselines.variants import VariantTraining  # first: it sets what TensorFlow reads at its import

# isort: split
from typing import Any

import numpy as np

from dcgan.deconvolution import checkerboard_contrast, checkerboard_energy
from dcgan.evaluation.samples import samples_from_generator
from dcgan.sampling.generator_stages import stage_images
from dcgan.sampling.selection import Selection

PERIODS = (2, 4)
"""Periods in pixels of the checkerboards that the last upsampling of a generator leaves, and the one before it."""

CHECKERBOARD_IMAGES = 2000
"""Number of images in which checkerboards are measured."""

STAGE_SEEDS = 4
"""Number of seeds whose stages are shown."""


def checkerboards(images: np.ndarray) -> dict[str, float]:
    """Return energy and contrast of the checkerboards of each period: `energy_2`, `contrast_2`, …

    Args:
        images: uint8 (N, H, W, C).
    """
    energies = {f"energy_{period}": checkerboard_energy(images, period) for period in PERIODS}
    return energies | {f"contrast_{period}": checkerboard_contrast(images, period) for period in PERIODS}


class UpsamplingTraining(VariantTraining):
    """A `VariantTraining` that also measures checkerboards."""

    def train(self, seconds: float) -> dict[str, Any]:
        """Train as `VariantTraining.train`; add `checkerboards` and `stages`, uint8 (seeds, stages, H, W, C)."""
        metrics, generator = super().train(seconds), self.trainer.sampling_generator()
        images = samples_from_generator(generator, self.classes, "training").take(CHECKERBOARD_IMAGES)
        rows = Selection(range(STAGE_SEEDS), self.classes).rows(self.config.latent_dim)
        return metrics | checkerboards(images) | {"stages": stage_images(generator, rows)}
