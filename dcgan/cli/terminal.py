"""Output streams of the commands: names from files can't steer the terminal."""

import re
from typing import Any, TextIO

from dcgan.core.printable import UNSAFE, escape
from dcgan.core.streams import discard_output

_CURSOR = re.compile(r"(?:[\r\n]|\x1b\[A)*")
"""What tqdm writes between two bars."""

_LINE_START = re.compile(r"\x08*\r")
"""What the lines of progress bars start with, those of tqdm and Keras."""

_CONTROL = re.compile(f"[{UNSAFE}]")
_CONTROL_IN_BAR = re.compile(rf"(?!\x1b\[(?:0|1|32|37)m)[{UNSAFE}]")
"""Bars of Keras are bold, green and white."""


class EscapedStream:
    """A text stream that writes control characters as escapes, unless a progress bar moves the cursor with them.

    Args:
        stream: where to write.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text; return its length."""
        if _CURSOR.fullmatch(text):
            self._stream.write(text)
        elif start := _LINE_START.match(text):
            self._stream.write(start[0] + _CONTROL_IN_BAR.sub(escape, text[start.end() :]))
        else:
            self._stream.write(_CONTROL.sub(escape, text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        """Return any other attribute of the stream."""
        return getattr(self._stream, name)


class EscapedErrorStream(EscapedStream):
    """An `EscapedStream` of messages that nobody has to read: if they can't be written, the command continues."""

    def write(self, text: str) -> int:
        """Write a text, if possible; return its length."""
        try:
            return super().write(text)
        except OSError:  # a closed pipe, a full disk
            discard_output(2)
            return len(text)

    def flush(self) -> None:
        """Write what is buffered, if possible."""
        try:
            self._stream.flush()
        except OSError:
            discard_output(2)
