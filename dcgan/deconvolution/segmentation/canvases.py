"""Canvases with several digits of several sizes, and what every pixel of them shows: labels for free."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed
from dcgan.core.sizes import Size
from dcgan.data.image_dataset import ImageDataset

BACKGROUND = 0
"""The label of a pixel that no digit covers; digit d has the label d + 1."""

INK = 128
"""From this grey value on, of 255, a pixel belongs to the digit."""

_TRIES = 20
"""Places that are tried for a digit before it is left out."""


@dataclass(frozen=True, eq=False)
class Canvases:
    """As many canvases as there are numbers; canvas n is a function of the arguments and n alone.

    Args:
        digits: uint8 (M, H, W, C), light on black; their margins don't count.
        labels: whole numbers (M,), from 0 on.
        size: (height, width) of a canvas.
        count: fewest and most digits on a canvas.
        sides: smallest and largest longer side of a digit's ink, in pixels; all between them are as likely.
        seed: another seed is another sequence of canvases.

    Raises:
        UserError: there are no digits, labels and digits don't match, or a range is empty or has no room.
    """

    digits: np.ndarray
    labels: np.ndarray
    size: Size = (128, 128)
    count: tuple[int, int] = (2, 4)
    sides: tuple[int, int] = (32, 72)
    seed: int = 0

    def __post_init__(self):
        if np.ndim(self.digits) != 4 or len(self.digits) != len(self.labels) or not len(self.digits):
            raise UserError(f"{np.shape(self.digits)} digits and {np.shape(self.labels)} labels make no canvases.")
        if not 1 <= self.count[0] <= self.count[1]:
            raise UserError(f"A canvas can't have {self.count[0]} to {self.count[1]} digits.")
        if not 1 <= self.sides[0] <= self.sides[1] <= min(self.size):
            low, high = self.sides
            raise UserError(f"Digits of {low} to {high} pixels don't fit on a canvas of {self.size}.")

    @property
    def classes(self) -> int:
        """How many labels a pixel can have, the background's included."""
        return int(np.max(self.labels)) + 2

    def make(self, numbers: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
        """Paint some canvases.

        Args:
            numbers: which, from 0 on.

        Returns:
            images, uint8 (N, height, width, C), and what their pixels show, int32 (N, height, width): 0 for the
            background, d + 1 for a digit d.
        """
        painted = [self._paint(number) for number in numbers]
        return np.stack([image for image, _ in painted]), np.stack([truth for _, truth in painted])

    def _paint(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """One canvas: digits in boxes that don't overlap."""
        random = np.random.Generator(np.random.Philox(key=[derived_seed(self.seed, "canvases"), number]))
        image = np.zeros((*self.size, self.digits.shape[3]), np.uint8)
        truth = np.full(self.size, BACKGROUND, np.int32)
        taken = np.zeros(self.size, bool)
        for _ in range(random.integers(self.count[0], self.count[1] + 1)):
            chosen, side = random.integers(len(self.digits)), random.integers(self.sides[0], self.sides[1] + 1)
            digit = _resized(_without_margin(self.digits[chosen]), side)
            box = _free_box(random, taken, digit.shape)
            if box is not None:
                taken[box], image[box] = True, digit
                truth[box][digit.max(axis=-1) >= INK] = self.labels[chosen] + 1
        return image, truth


def split_digits(images: ImageDataset, held_out: int = 2000) -> tuple[tuple, tuple]:
    """Part a data set's digits into those to train on and those that are kept for the test.

    Args:
        images: with labels.
        held_out: how many of the last ones are kept.

    Returns:
        Two pairs of digits, uint8 (N, H, W, C), and labels, (N,): for training, and held out.

    Raises:
        UserError: there are no labels, or not that many images.
    """
    if images.labels is None:
        raise UserError(f"{images.name} has no labels, so nothing says what a pixel shows.")
    if not 0 < held_out < len(images):
        raise UserError(f"{held_out} of {len(images)} images can't be held out.")
    first = len(images) - held_out
    pixels, labels = images.images, images.labels
    return (pixels[:first], labels[:first]), (pixels[first:], labels[first:])


def _free_box(random: np.random.Generator, taken: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    """A box in which nothing lies yet, or None if none was found."""
    for _ in range(_TRIES):
        top, left = (random.integers(0, room - side + 1) for room, side in zip(taken.shape, shape[:2], strict=True))
        box = np.s_[top : top + shape[0], left : left + shape[1]]
        if not taken[box].any():
            return box
    return None


def _without_margin(digit: np.ndarray) -> np.ndarray:
    """The part of a digit that has ink in it; a digit without any stays as it is."""
    ink = digit.max(axis=-1) >= INK
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else digit


def _resized(digit: np.ndarray, side: int) -> np.ndarray:
    """A digit with its longer side of `side` pixels, uint8 (H, W, C)."""
    height, width = (max(1, round(side * part / max(digit.shape[:2]))) for part in digit.shape[:2])
    channels = (Image.fromarray(np.ascontiguousarray(channel)) for channel in np.moveaxis(digit, -1, 0))
    resized = [channel.resize((width, height), Image.Resampling.BILINEAR) for channel in channels]
    return np.stack([np.asarray(channel) for channel in resized], axis=-1)
