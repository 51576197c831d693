"""Text from files, shown so that it can neither steer a terminal nor pretend to be another line."""

import re

UNSAFE = "\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
"""Control characters without tab and line feed, line separators, and what is invisible or changes the direction."""

_UNSAFE_IN_LINE = re.compile(f"[\t\n{UNSAFE}]")


def printable(text: str) -> str:
    """Return a text in one line, with control characters as escapes such as `\\x1b` and `\\u202e`.

    Args:
        text: for example a class name or a file name.
    """
    return _UNSAFE_IN_LINE.sub(escape, text)


def escape(match: re.Match[str]) -> str:
    """Return the escape of a character that a pattern found."""
    return match[0].encode("unicode_escape").decode("ascii")
