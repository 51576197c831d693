"""Transparency: networks see premultiplied colors, files have straight ones (Porter and Duff 1984).

The color of a pixel that can't be seen is arbitrary. Premultiplied, it is black, so that nothing is learned of it, and
pixels can be averaged.
"""

import numpy as np


def to_straight(images: np.ndarray) -> np.ndarray:
    """Divide the colors of images with transparency by it.

    Args:
        images: uint8 (..., C); of four channels, the first three are premultiplied with the fourth.

    Returns:
        uint8 (..., C), rounded; (0, 0, 0, 0) where a pixel can't be seen. Of one or three channels, `images` itself.
    """
    if images.shape[-1] != 4:
        return images
    alpha = images[..., 3:].astype(np.uint32)
    color = (images[..., :3].astype(np.uint32) * 510 + alpha) // np.maximum(2 * alpha, 1)
    color = np.where(alpha == 0, 0, np.minimum(color, 255)).astype(np.uint8)
    return np.concatenate([color, images[..., 3:]], axis=-1)


def to_premultiplied(images: np.ndarray) -> np.ndarray:
    """Multiply the colors of images with transparency by it.

    Args:
        images: uint8 (..., C); of four channels, the fourth is transparency.

    Returns:
        uint8 (..., C), rounded. Of one or three channels, `images` itself.
    """
    if images.shape[-1] != 4:
        return images
    alpha = images[..., 3:].astype(np.uint32)
    color = ((images[..., :3].astype(np.uint32) * alpha * 2 + 255) // 510).astype(np.uint8)
    return np.concatenate([color, images[..., 3:]], axis=-1)


def on_white(images: np.ndarray) -> np.ndarray:
    """Blend premultiplied images with white.

    Args:
        images: uint8 (..., C); of four channels, the first three are premultiplied with the fourth.

    Returns:
        uint8 (..., 3); of one or three channels, `images` itself.
    """
    if images.shape[-1] != 4:
        return images
    return np.minimum(images[..., :3].astype(np.uint16) + (255 - images[..., 3:]), 255).astype(np.uint8)
