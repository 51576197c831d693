"""Synthetic segmentation data: canvases with several digits of several sizes, and a label for every pixel."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed
from dcgan.core.sizes import Size
from dcgan.data.image_dataset import ImageDataset

BACKGROUND = 0
"""The label of pixels without a digit; digit d has the label d + 1."""

FOREGROUND_THRESHOLD = 128
"""The smallest gray value, of 255, of a digit's pixel."""

_PLACEMENT_ATTEMPTS = 20
"""Random positions per digit before it is left out."""


@dataclass(frozen=True, eq=False)
class Canvases:
    """An unlimited sequence of canvases; canvas n is a function of the arguments and n alone.

    Args:
        digits: uint8 (M, H, W, C), light on black; their margins are cropped.
        labels: integers (M,), from 0.
        size: (height, width) of a canvas.
        count: smallest and largest number of digits per canvas.
        sides: smallest and largest number of pixels of a digit's longer side, uniformly distributed.
        seed: seed of the sequence.

    Raises:
        UserError: there are no digits, the numbers of labels and digits differ, or a range is empty or too large.
    """

    digits: np.ndarray
    labels: np.ndarray
    size: Size = (128, 128)
    count: tuple[int, int] = (2, 4)
    sides: tuple[int, int] = (32, 72)
    seed: int = 0

    def __post_init__(self):
        if np.ndim(self.digits) != 4 or len(self.digits) != len(self.labels) or not len(self.digits):
            raise UserError(
                f"Digits {np.shape(self.digits)} and labels {np.shape(self.labels)} do not match.",
                "Use digits (M, H, W, C) and labels (M,).",
            )
        if not 1 <= self.count[0] <= self.count[1]:
            raise UserError(
                f"The range of digits per canvas is {self.count[0]} to {self.count[1]}.", "Use two numbers from 1 up."
            )
        if not 1 <= self.sides[0] <= self.sides[1] <= min(self.size):
            low, high = self.sides
            raise UserError(f"Digits of {low} to {high} pixels do not fit on a canvas of {self.size}.")

    @property
    def classes(self) -> int:
        """Number of labels, including the background's."""
        return int(np.max(self.labels)) + 2

    def make(self, numbers: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
        """Render canvases.

        Args:
            numbers: numbers of the canvases, from 0.

        Returns:
            Images, uint8 (N, height, width, C), and the labels of their pixels, int32 (N, height, width): 0 for the
            background, d + 1 for a digit d.
        """
        canvases = [self._render(number) for number in numbers]
        return np.stack([image for image, _ in canvases]), np.stack([truth for _, truth in canvases])

    def _render(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """One canvas: digits in boxes that do not overlap."""
        random = np.random.Generator(np.random.Philox(key=[derived_seed(self.seed, "canvases"), number]))
        image = np.zeros((*self.size, self.digits.shape[3]), np.uint8)
        truth = np.full(self.size, BACKGROUND, np.int32)
        occupied = np.zeros(self.size, bool)
        for _ in range(random.integers(self.count[0], self.count[1] + 1)):
            index, side = random.integers(len(self.digits)), random.integers(self.sides[0], self.sides[1] + 1)
            digit = _resize(_crop_margin(self.digits[index]), int(side))
            box = _free_box(random, occupied, digit.shape)
            if box is not None:
                occupied[box], image[box] = True, digit
                truth[box][digit.max(axis=-1) >= FOREGROUND_THRESHOLD] = self.labels[index] + 1
        return image, truth


LabeledDigits = tuple[np.ndarray, np.ndarray]
"""Digits, uint8 (N, H, W, C), and labels, (N,)."""


def split_digits(images: ImageDataset, held_out: int = 2000) -> tuple[LabeledDigits, LabeledDigits]:
    """Split a dataset's digits into training and held-out digits.

    Args:
        images: dataset with labels.
        held_out: number of held-out digits, the last ones of the dataset.

    Returns:
        Two pairs of digits, uint8 (N, H, W, C), and labels, (N,): for training, and held out.

    Raises:
        UserError: there are no labels, or not enough images.
    """
    if images.labels is None:
        raise UserError(f"{images.name} has no labels.", "Use a labeled dataset.")
    if not 0 < held_out < len(images):
        raise UserError(f"Can't hold out {held_out} of {len(images)} images.", f"Use 1 to {len(images) - 1}.")
    first = len(images) - held_out
    pixels, labels = images.images, images.labels
    return (pixels[:first], labels[:first]), (pixels[first:], labels[first:])


def _free_box(random: np.random.Generator, occupied: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """A box without occupied pixels, or None if no attempt found one."""
    for _ in range(_PLACEMENT_ATTEMPTS):
        top, left = (random.integers(0, room - side + 1) for room, side in zip(occupied.shape, shape[:2], strict=True))
        box = np.s_[top : top + shape[0], left : left + shape[1]]
        if not occupied[box].any():
            return box
    return None


def _crop_margin(digit: np.ndarray) -> np.ndarray:
    """The bounding box of a digit's foreground; an image without foreground is returned as it is."""
    foreground = digit.max(axis=-1) >= FOREGROUND_THRESHOLD
    rows, columns = (np.flatnonzero(foreground.any(axis=axis)) for axis in (1, 0))
    return digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else digit


def _resize(digit: np.ndarray, side: int) -> np.ndarray:
    """A digit with `side` pixels on its longer side, uint8 (H, W, C)."""
    height, width = (max(1, round(side * part / max(digit.shape[:2]))) for part in digit.shape[:2])
    channels = (Image.fromarray(np.ascontiguousarray(channel)) for channel in np.moveaxis(digit, -1, 0))
    resized = [channel.resize((width, height), Image.Resampling.BILINEAR) for channel in channels]
    return np.stack([np.asarray(channel) for channel in resized], axis=-1)
