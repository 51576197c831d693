"""Many images on one sheet."""

import math

import numpy as np
from PIL import Image, ImageDraw

BACKGROUND = 255
"""White: digits and faces alike stand out from it, and empty places vanish on a page."""


def tile(images: np.ndarray, columns: int | None = None, padding: int = 2) -> np.ndarray:
    """Lay images out row by row on one sheet.

    Args:
        images: uint8 (N, H, W, C), N at least 1, C 1 or 3.
        columns: images a row, at most N are used; by default, as many as make the sheet nearest to a square.
        padding: pixels of background between images and around the sheet.

    Returns:
        uint8 (rows·(H + padding) + padding, columns·(W + padding) + padding, C); places left over in the last row
        show the background.

    Raises:
        ValueError: `images` is empty, or not of that type and shape.
    """
    _check(images)
    count, height, width, channels = images.shape
    columns = min(columns or square_columns(count, height, width), count)
    rows = math.ceil(count / columns)
    cells = np.full((rows * columns, height + padding, width + padding, channels), BACKGROUND, np.uint8)
    cells[:count, :height, :width] = images
    body = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    body = body.reshape(rows * (height + padding), columns * (width + padding), channels)
    return np.pad(body, ((padding, 0), (padding, 0), (0, 0)), constant_values=BACKGROUND)


def square_columns(count: int, height: int, width: int) -> int:
    """How many images of `height` × `width` a row make `count` of them fill about a square."""
    return min(count, math.ceil(math.sqrt(count * height / width)))


def magnify(image: np.ndarray, side: int) -> np.ndarray:
    """Repeat every pixel until the shorter side has at least `side` pixels; no colour is made up.

    Args:
        image: (H, W, C).
        side: pixels the shorter side shall have at least.

    Returns:
        (H·k, W·k, C) with the smallest whole k that does it.
    """
    times = math.ceil(side / min(image.shape[:2]))
    return image.repeat(times, axis=0).repeat(times, axis=1)


def _check(images: np.ndarray) -> None:
    """Refuse what no grid can be made of."""
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or images.dtype != np.uint8:
        raise ValueError(f"Images are uint8 (N, H, W, 1 or 3), not {images.dtype} {images.shape}.")
    if not len(images):
        raise ValueError("A grid needs at least one image.")


HEIGHT = 14
"""Pixels of a line of text."""

_GAP = 8


def with_title(label: str, picture: np.ndarray) -> np.ndarray:
    """A picture, uint8 (H, W, C), below a line of text, which is cut off where it is too long: (H + 14, W, C)."""
    _, width, channels = picture.shape
    strip = Image.new("L", (width, HEIGHT), BACKGROUND)
    ImageDraw.Draw(strip).text((2, 1), label, fill=0)
    return np.concatenate([np.repeat(np.asarray(strip)[:, :, None], channels, axis=2), picture])


def side_by_side(pictures: dict[str, np.ndarray]) -> np.ndarray:
    """Pictures of one height, by their titles, from left to right: uint8 (H + 14, sum of widths and gaps, C)."""
    parts = [with_title(label, picture) for label, picture in pictures.items()]
    gap = np.full((len(parts[0]), _GAP, parts[0].shape[2]), BACKGROUND, np.uint8)
    return np.concatenate([part for picture in parts for part in (gap, picture)][1:], axis=1)
