"""Pictures with a line of text above them."""

import numpy as np
from PIL import Image, ImageDraw

from dcgan.pictures.grid import BACKGROUND

HEIGHT = 14
"""Pixels of a line of text."""

_GAP = 8


def titled(label: str, picture: np.ndarray) -> np.ndarray:
    """A picture, uint8 (H, W, C), below a line of text, which is cut off where it is too long: (H + 14, W, C)."""
    _, width, channels = picture.shape
    strip = Image.new("L", (width, HEIGHT), BACKGROUND)
    ImageDraw.Draw(strip).text((2, 1), label, fill=0)
    return np.concatenate([np.repeat(np.asarray(strip)[:, :, None], channels, axis=2), picture])


def side_by_side(pictures: dict[str, np.ndarray]) -> np.ndarray:
    """Pictures of one height, by their titles, from left to right: uint8 (H + 14, sum of widths and gaps, C)."""
    parts = [titled(label, picture) for label, picture in pictures.items()]
    gap = np.full((len(parts[0]), _GAP, parts[0].shape[2]), BACKGROUND, np.uint8)
    return np.concatenate([part for picture in parts for part in (gap, picture)][1:], axis=1)
