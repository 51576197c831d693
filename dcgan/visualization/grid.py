"""Many images in one: grids, magnified images, and captions above images."""

import math
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw

BACKGROUND = 255
"""White: digits and faces stand out from it, and empty cells are invisible on a page."""

MAX_GRID_PIXELS = 89_478_485
"""Largest number of pixels of a grid. Above it, Pillow and programs based on it warn of a decompression bomb."""

CAPTION_HEIGHT = 14
"""Height of a line of text in pixels."""

_GAP = 8  # pixels between images with captions


def tile(images: np.ndarray, columns: int | None = None, padding: int = 2) -> np.ndarray:
    """Arrange images in a grid, row by row.

    Args:
        images: uint8 (N, H, W, C), N at least 1, C 1, 3, or 4 for premultiplied RGBA.
        columns: images per row, at most N; by default the number that makes the grid most nearly square.
        padding: width of the background between images and around the grid in pixels.

    Returns:
        uint8 array of shape (rows * (H + padding) + padding, columns * (W + padding) + padding, C). Empty cells of the
        last row show the background.

    Raises:
        ValueError: `images` is empty, or has another type or shape.
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
    """Return the number of columns that makes a grid of `count` images of `height` × `width` most nearly square.

    Args:
        count: number of images, at least 1.
        height: height of an image in pixels.
        width: width of an image in pixels.
    """
    return min(count, math.ceil(math.sqrt(count * height / width)))


def magnify(image: np.ndarray, side: int) -> np.ndarray:
    """Repeat every pixel until the shorter side has at least `side` pixels; no new colors arise.

    Args:
        image: array of shape (H, W, C).
        side: minimum length of the shorter side in pixels.

    Returns:
        Array of shape (H * k, W * k, C), with the smallest integer k that suffices.
    """
    factor = math.ceil(side / min(image.shape[:2]))
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def with_caption(caption: str, image: np.ndarray) -> np.ndarray:
    """Put a line of text above an image.

    Args:
        caption: text; it is cut off where it is wider than the image.
        image: uint8 (H, W, C).

    Returns:
        uint8 array of shape (H + 14, W, C).
    """
    _, width, channels = image.shape
    strip = Image.new("L", (width, CAPTION_HEIGHT), BACKGROUND)
    ImageDraw.Draw(strip).text((2, 1), caption, fill=0)
    text = np.repeat(np.asarray(strip)[:, :, None], channels, axis=2)
    text[..., 3:] = 255  # opaque
    return np.concatenate([text, image])


def side_by_side(images: Mapping[str, np.ndarray]) -> np.ndarray:
    """Put images beside each other, each below its caption.

    Args:
        images: captions and images from left to right, uint8 (H, W, C) of equal height.

    Returns:
        uint8 array of shape (H + 14, sum of widths and gaps, C).
    """
    parts = [with_caption(caption, image) for caption, image in images.items()]
    gap = np.full((len(parts[0]), _GAP, parts[0].shape[2]), BACKGROUND, np.uint8)
    return np.concatenate([part for image in parts for part in (gap, image)][1:], axis=1)


def _check(images: np.ndarray) -> None:
    """Reject arrays that no grid can be made of."""
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or images.dtype != np.uint8:
        raise ValueError(f"Images must be uint8 (N, H, W, 1, 3 or 4), not {images.dtype} {images.shape}.")
    if not len(images):
        raise ValueError("A grid needs at least one image.")
