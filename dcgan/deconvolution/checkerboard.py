"""Measures of checkerboard artifacts: how strongly a pattern of a fixed period stands out in images.

A layer that upsamples by s treats the s×s pixels of a block differently; if it does so in the same way all over the
image, its artifacts repeat every s pixels (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts"). In the
spectrum they are points at multiples of 1/s that stand out from their neighbors, while edges, textures and noise, which
follow no grid, contribute equally to points and neighbors. The last upsampling stage of a generator leaves period 2,
the one before it period 4. Needs NumPy only.
"""

import math
from collections.abc import Iterator

import numpy as np

from dcgan.core.errors import UserError

REACH = 2
"""Number of neighbors on either side of a point of the spectrum that it is compared with."""


def checkerboard_energy(images: np.ndarray, period: int = 2) -> float:
    """Return the fraction of the images' energy that is a pattern of a fixed period.

    For every frequency (a/period, b/period) that belongs to no smaller period, it takes the energy in excess of the
    neighbors, either in the same row or in the same column of the spectrum, whichever are stronger, so that straight
    edges don't count. The sum of the excesses is divided by the energy of everything that is not constant. The result
    is the same for a·x + b as for x.

    Args:
        images: (N, H, W, C), of any type; their spectra are averaged, which also averages noise: use hundreds.
        period: pixels after which the pattern repeats in both directions, at least 2.

    Returns:
        A number in [0, 1]: 1 for nothing but a checkerboard, with fields half a period wide, or stripes; 0 for smooth
        images and for constant ones.

    Raises:
        UserError: the period does not divide the sides, or fits less than 3 times, or there is no image.
    """
    spectrum = _mean_spectrum(images, period)
    total = spectrum.sum()
    return float(sum(excess for excess, _ in _excesses(spectrum, period)) / total) if total else 0.0


def checkerboard_contrast(images: np.ndarray, period: int = 2) -> float:
    """Return the ratio of a pattern of a fixed period to its surroundings in the spectrum.

    Unlike `checkerboard_energy` it does not depend on what else the images contain: blurring changes points and
    neighbors alike.

    Args:
        images: (N, H, W, C), of any type; as for `checkerboard_energy`.
        period: pixels after which the pattern repeats in both directions, at least 2.

    Returns:
        A number of at least 1: 1 if nothing stands out, infinity for nothing but a checkerboard.

    Raises:
        UserError: as for `checkerboard_energy`.
    """
    points = list(_excesses(_mean_spectrum(images, period), period))
    excess, around = (math.fsum(values) for values in zip(*points, strict=True))
    if not around:
        return math.inf if excess else 1.0
    return 1.0 + excess / around


def _mean_spectrum(images: np.ndarray, period: int) -> np.ndarray:
    """The energy spectrum (H, W), summed over images and channels, without the constant part."""
    images = np.asarray(images)
    _check(images.shape, period)
    energy = np.zeros(images.shape[1:3])
    for image in images:  # one at a time, to save memory
        image = image.astype(np.float64)
        transformed = np.fft.fft2(image - image.mean(axis=(0, 1)), axes=(0, 1))
        energy += (transformed.real**2 + transformed.imag**2).sum(axis=2)
    # Energies of the size of rounding errors are 0.
    energy[energy < np.finfo(np.float64).eps ** 2 * images.size * np.square(images, dtype=np.float64).sum()] = 0.0
    return energy


def _excesses(energy: np.ndarray, period: int) -> Iterator[tuple[float, float]]:
    """For every frequency of the period: its energy in excess of its neighbors', and the neighbors' energy."""
    height, width = energy.shape[0], energy.shape[-1]
    for a, b in np.ndindex(period, period):
        if math.gcd(a, b, period) > 1:
            continue
        row, column = a * height // period, b * width // period
        steps = [step for step in range(-REACH, REACH + 1) if step]
        in_row = energy[row, [(column + step) % width for step in steps]].mean()
        in_column = energy[[(row + step) % height for step in steps], column].mean()
        around = max(in_row, in_column)
        yield max(energy[row, column] - around, 0.0), around


def _check(shape: tuple[int, ...], period: int) -> None:
    """Refuse images whose spectrum does not have the period's frequencies."""
    if len(shape) != 4 or 0 in shape:
        raise UserError(f"The images have the shape {shape}.", "Use (N, H, W, C), with at least one image.")
    if period < 2 or any(side % period or side < (REACH + 1) * period for side in shape[1:3]):
        raise UserError(
            f"A pattern of period {period} can't be measured in images of {shape[1]}x{shape[2]}.",
            f"Use a period of at least 2 that divides both sides and fits {REACH + 1} times or more.",
        )
