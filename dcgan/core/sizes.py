"""The size rule of all networks: every image is a small base, doubled stage by stage."""

import re
from collections.abc import Sequence

from dcgan.core.errors import UserError

SMALLEST_BASE, LARGEST_BASE = 4, 7
"""Limits of the shorter side of the generator's first feature maps, in pixels."""

Size = tuple[int, int]
"""(height, width) in pixels."""


def parse_size(text: str | int) -> Size:
    """Parse an image size.

    Args:
        text: `"64"` for a square or `"96x64"` for height × width.

    Returns:
        (height, width) in pixels.

    Raises:
        UserError: the text has neither form, or no network can have that size (see `num_stages`).
    """
    match = re.fullmatch(r"\s*(\d{1,5})\s*(?:[xX×]\s*(\d{1,5}))?\s*", str(text))
    if not match:
        raise UserError(f"Image size {str(text)!r} is neither N nor HxW.", "Examples: 64, or 96x64 (height x width).")
    height = int(match[1])
    size = (height, int(match[2] or height))
    num_stages(size)
    return size


def format_size(size: Size) -> str:
    """Return a size as `parse_size` reads it: `"64"` for a square, else for example `"96x64"`.

    Args:
        size: (height, width) in pixels.
    """
    height, width = size
    return str(height) if height == width else f"{height}x{width}"


def format_shape(shape: Sequence[int]) -> str:
    """Return a shape as text, for example `"96x64"` or `"28x28x1"`.

    Args:
        shape: (H, W), (H, W, C) or any other.
    """
    return "x".join(map(str, shape))


def num_stages(size: Size) -> int:
    """Return the number of doublings between the base and the image: image = base · 2**stages.

    The shorter side of the base has 4 to 7 pixels, which leaves one answer per size:
    28 = 7·2², 32 = 4·2³, 64 = 4·2⁴, 224 = 7·2⁵, 96×64 = 6×4·2⁴.

    Args:
        size: (height, width) in pixels.

    Returns:
        The number of stages, at least 1.

    Raises:
        UserError: the size does not follow the rule; the hint names the nearest size that does.
    """
    shorter = min(size)
    stages = 0
    while shorter >> stages > LARGEST_BASE:
        stages += 1
    if stages < 1 or any(side % 2**stages for side in size):
        raise UserError(
            f"No network has the image size {format_shape(size)}.",
            f"A size is 4, 5, 6 or 7 times a power of two; the nearest is {_nearest(size)}.",
        )
    return stages


def base_size(size: Size) -> Size:
    """Return the size of the generator's first feature maps.

    Args:
        size: (height, width) of the image, in pixels.

    Returns:
        (height, width) of the base, in pixels.

    Raises:
        UserError: as for `num_stages`.
    """
    stages = num_stages(size)
    return size[0] >> stages, size[1] >> stages


def _nearest(size: Size) -> str:
    """Return the valid size closest to `size`, as the user would type it."""
    shorter = max(min(size), 2 * SMALLEST_BASE)
    candidates = [base << stages for stages in range(1, 15) for base in range(SMALLEST_BASE, LARGEST_BASE + 1)]
    short = min(candidates, key=lambda side: abs(side - shorter))
    unit = short
    while unit % 2 == 0 and unit > LARGEST_BASE:
        unit //= 2
    step = short // unit
    height, width = (short if side == min(size) else max(round(side / step), unit) * step for side in size)
    return format_size((height, width))
