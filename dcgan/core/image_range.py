"""The only code that turns stored images into the network's range and back."""

from keras import ops


def to_float(images):
    """Scale stored images to what the networks see.

    Args:
        images: uint8, any shape.

    Returns:
        float32 tensor of the same shape in [-1, 1].
    """
    return ops.cast(images, "float32") / 127.5 - 1.0


def to_uint8(images):
    """Scale what a generator draws to a stored image; the inverse of `to_float` for all 256 values.

    Args:
        images: floating point, any shape; values outside [-1, 1] are clipped.

    Returns:
        uint8 tensor of the same shape.
    """
    scaled = (ops.cast(images, "float32") + 1.0) * 127.5
    return ops.cast(ops.round(ops.clip(scaled, 0.0, 255.0)), "uint8")
