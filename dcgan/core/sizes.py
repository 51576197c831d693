"""The size rule: every image is a small base, doubled stage by stage."""

import re
from collections.abc import Sequence

from dcgan.core.errors import UserError

SMALLEST_BASE, LARGEST_BASE = 4, 7
"""The shorter side of the generator's first feature map, in pixels."""

Size = tuple[int, int]
"""(height, width) in pixels."""


def parse_size(text: str | int) -> Size:
    """Read an image size as a person writes it.

    Args:
        text: `"64"` for a square or `"96x64"` for height × width.

    Returns:
        (height, width) in pixels.

    Raises:
        UserError: the text is neither form, or no network can have that size (see `num_stages`).
    """
    match = re.fullmatch(r"\s*(\d{1,5})\s*(?:[xX×]\s*(\d{1,5}))?\s*", str(text))
    if not match:
        raise UserError(f"Image size {str(text)!r} is neither N nor HxW.", "Examples: 64, or 96x64 (height x width).")
    height = int(match[1])
    size = (height, int(match[2] or height))
    num_stages(size)
    return size


def format_shape(shape: Sequence[int]) -> str:
    """Return a size or shape as text.

    Args:
        shape: (H, W) or (H, W, C).

    Returns:
        For example `"96x64"` or `"28x28x1"`.
    """
    return "x".join(map(str, shape))


def num_stages(size: Size) -> int:
    """Count the doublings between the base and the image: image = base · 2**stages.

    The base's shorter side is 4 to 7 pixels, which leaves one answer a size:
    28 = 7·2², 32 = 4·2³, 64 = 4·2⁴, 224 = 7·2⁵, 96×64 = 6×4·2⁴.

    Args:
        size: (height, width) in pixels.

    Returns:
        The number of stages, at least 1.

    Raises:
        UserError: the size does not follow the rule; the hint names the nearest that does.
    """
    shorter = min(size)
    stages = 0
    while shorter >> stages > LARGEST_BASE:
        stages += 1
    if stages < 1 or any(side % 2**stages for side in size):
        raise UserError(
            f"No network has the image size {size[0]}x{size[1]}.",
            f"A size is 4, 5, 6 or 7 times a power of two; the nearest is {_nearest(size)}.",
        )
    return stages


def base_size(size: Size) -> Size:
    """The generator's first feature map, (height, width), for an image of `size`."""
    stages = num_stages(size)
    return size[0] >> stages, size[1] >> stages


def _nearest(size: Size) -> str:
    """The valid size closest to `size`, as the user would type it."""
    shorter = max(min(size), 2 * SMALLEST_BASE)
    candidates = [base << stages for stages in range(1, 15) for base in range(SMALLEST_BASE, LARGEST_BASE + 1)]
    short = min(candidates, key=lambda side: abs(side - shorter))
    unit = short
    while unit % 2 == 0 and unit > LARGEST_BASE:
        unit //= 2
    step = short // unit
    height, width = (short if side == min(size) else max(round(side / step), unit) * step for side in size)
    return f"{height}x{width}" if height != width else str(height)
