"""The `lesson` command: writes the lesson as one HTML file, and opens it."""

import tempfile
import webbrowser
from pathlib import Path

from dcgan.config import LessonConfig
from dcgan.core.atomic_io import atomic_write, check_overwrite
from dcgan.web import build_page, read_web_file

NETWORKS = "lesson/networks.json"
"""The stored networks and images, in `dcgan.web`; `dcgan.lesson.networks` makes them."""


def write_lesson(config: LessonConfig) -> None:
    """Run the command.

    Args:
        config: its options.

    Raises:
        UserError: the file exists, and may not be replaced.
    """
    if config.out is not None:
        check_overwrite(config.out, config.overwrite)
    out = config.out or Path(tempfile.mkdtemp(prefix="dcgan-")) / "transposed-convolution.html"
    with atomic_write(out) as temporary:
        temporary.write_text(lesson_page(), encoding="utf-8")
    print(f"Lesson: {out}")
    if config.out is None and not webbrowser.open(out.resolve().as_uri()):
        print("No browser could be started: open the file in one.")


def lesson_page() -> str:
    """Return the lesson as HTML."""
    values = {"style": read_web_file("lesson/lesson.css"), "content": read_web_file(NETWORKS).strip()}
    return build_page("lesson/lesson.html", "lesson/lesson.js", values)
