"""The lesson on the transposed convolution, a page for a browser."""

from dcgan.core.imports import lazy_exporter

__all__ = ["write_lesson"]
__getattr__ = lazy_exporter(__name__, {"write_lesson": "dcgan.lesson.page"})
