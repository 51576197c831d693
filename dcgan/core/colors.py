"""Colors as options name them."""

from dcgan.core.errors import UserError

Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255 each."""


def parse_color(text: str) -> Color:
    """Read a color.

    Args:
        text: a name of CSS as `white`, `#rrggbb`, `#rgb`, or `rgb(255, 128, 0)`.

    Returns:
        Red, green and blue, 0 to 255 each.

    Raises:
        UserError: it is none of them, or has transparency.
    """
    from PIL import ImageColor  # here, as the command line is read without Pillow

    hint = "Use a name as white, black or gray, or #rrggbb."
    try:
        color = ImageColor.getrgb(text.strip())
    except ValueError as error:
        raise UserError(f"{text[:100]!r} is not a color.", hint) from error
    if len(color) != 3 or not all(0 <= value <= 255 for value in color):
        raise UserError(f"{text[:100]!r} is not an opaque color.", hint)
    return color


def format_color(color: Color) -> str:
    """Write a color as `#rrggbb`.

    Args:
        color: red, green and blue, 0 to 255 each.
    """
    return "#{:02x}{:02x}{:02x}".format(*color)
