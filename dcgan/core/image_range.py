"""Conversion between uint8 images and the range [-1, 1] of the networks."""

from typing import Any

from keras import ops


def to_float(images: Any) -> Any:
    """Scale images to the range of the networks.

    Args:
        images: uint8 array or tensor of any shape.

    Returns:
        float32 tensor of the same shape in [-1, 1].
    """
    scaled: Any = ops.cast(images, "float32")
    return scaled / 127.5 - 1.0


def to_uint8(images: Any) -> Any:
    """Scale generated images to uint8; the inverse of `to_float` for all 256 values.

    Args:
        images: floating-point array or tensor of any shape; values outside [-1, 1] are clipped.

    Returns:
        uint8 tensor of the same shape.
    """
    images = ops.cast(images, "float32")
    scaled = (images + 1.0) * 127.5
    return ops.cast(ops.round(ops.clip(scaled, 0.0, 255.0)), "uint8")
