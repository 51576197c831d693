"""Colors as options name them."""

import pytest

from dcgan.core.colors import format_color, parse_color
from dcgan.core.errors import UserError


@pytest.mark.parametrize(
    ("text", "color"), [("white", (255, 255, 255)), ("#ff8000", (255, 128, 0)), (" #f80", (255, 136, 0))]
)
def test_a_name_or_hexadecimal_digits_are_a_color(text, color):
    assert parse_color(text) == color
    assert parse_color(format_color(color)) == color


@pytest.mark.parametrize("text", ["", "x", "#12", "#11223344", "white" * 1000, "rgb(300, 0, 0)", "[1]"])
def test_anything_else_is_refused(text):
    with pytest.raises(UserError, match=r"color\."):
        parse_color(text)
