"""The lesson on the transposed convolution, a page for a browser."""

from dcgan.lesson.page import write_lesson

__all__ = ["write_lesson"]
