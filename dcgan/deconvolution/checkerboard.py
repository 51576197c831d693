"""Checkerboards as a number: how far a pattern of a fixed period stands out of images.

A layer that makes an image s times larger treats the places of a block of s × s differently; where it does so in the
same way all over the image, its traces repeat every s pixels (Odena et al. 2016, "Deconvolution and Checkerboard
Artifacts"). In the spectrum that is a set of points at whole multiples of 1/s, each of which stands out of its
neighbours, while edges, textures and noise, which keep to no grid, fill points and neighbours alike. The last doubling
of a generator leaves period 2, the one before it period 4. NumPy only.
"""

import math

import numpy as np

from dcgan.core.errors import UserError

REACH = 2
"""How many neighbours are looked at on either side of a point of the spectrum."""


def checkerboard_energy(images: np.ndarray, period: int = 2) -> float:
    """The part of the images' energy that is a pattern of a fixed period.

    For every frequency (a/period, b/period) that belongs to no smaller period, the energy beyond that of its
    neighbours, whichever are stronger: those in its row of the spectrum or those in its column, so that the straight
    edges of a picture don't count. Their sum is divided by the energy of all that is not constant. It is the same for
    a·x + b as for x.

    Args:
        images: (N, H, W, C), of any type; their spectra are averaged, and noise with them: take hundreds.
        period: pixels after which the pattern repeats, at least 2, in both directions.

    Returns:
        0 to 1: 1 for a checkerboard alone, whose fields are half a period wide, or for stripes; 0 for what is smooth,
        and for images that are constant.

    Raises:
        UserError: the period does not divide the sides, or fewer than 3 periods fit in, or there is no image.
    """
    energy = _energy(images, period)
    whole = energy.sum()
    return float(sum(excess for excess, _ in _points(energy, period)) / whole) if whole else 0.0


def checkerboard_contrast(images: np.ndarray, period: int = 2) -> float:
    """How many times a pattern of a fixed period is stronger than what lies around it in the spectrum.

    Unlike `checkerboard_energy` it does not depend on what else the images show: blurring them changes points and
    neighbours alike.

    Arguments and errors are those of `checkerboard_energy`.

    Returns:
        At least 1: 1 where nothing stands out; infinite for a checkerboard alone.
    """
    points = list(_points(_energy(images, period), period))
    excess, around = (math.fsum(values) for values in zip(*points, strict=True))
    if not around:
        return math.inf if excess else 1.0
    return 1.0 + excess / around


def _energy(images: np.ndarray, period: int) -> np.ndarray:
    """The mean spectrum of the images and their channels, (H, W), without the constant part."""
    images = np.asarray(images)
    _check(images.shape, period)
    energy = np.zeros(images.shape[1:3])
    for image in images:  # one at a time, for the memory's sake
        image = image.astype(np.float64)
        transformed = np.fft.fft2(image - image.mean(axis=(0, 1)), axes=(0, 1))
        energy += (transformed.real**2 + transformed.imag**2).sum(axis=2)
    # What rounding leaves of nothing is nothing.
    energy[energy < np.finfo(np.float64).eps ** 2 * images.size * np.square(images, dtype=np.float64).sum()] = 0.0
    return energy


def _points(energy: np.ndarray, period: int):
    """Of every frequency of the period: its energy beyond that of its neighbours, and that of the neighbours."""
    height, width = energy.shape
    for a, b in np.ndindex(period, period):
        if math.gcd(a, b, period) > 1:
            continue
        row, column = a * height // period, b * width // period
        steps = [step for step in range(-REACH, REACH + 1) if step]
        beside = energy[row, [(column + step) % width for step in steps]].mean()
        above = energy[[(row + step) % height for step in steps], column].mean()
        around = max(beside, above)
        yield max(energy[row, column] - around, 0.0), around


def _check(shape: tuple[int, ...], period: int) -> None:
    """Refuse what has no spectrum with the period's frequencies in it."""
    if len(shape) != 4 or 0 in shape:
        raise UserError(f"Images of the shape {shape} have no spectrum.", "They are (N, H, W, C).")
    if period < 2 or any(side % period or side < (REACH + 1) * period for side in shape[1:3]):
        raise UserError(
            f"A pattern of period {period} can't be told in images of {shape[1]}x{shape[2]}.",
            f"The period is at least 2 and divides both sides, which are {REACH + 1} periods long or more.",
        )
