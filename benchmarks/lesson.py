"""How long does the lesson on the transposed convolution take to answer? A frame of 60 per second has 16.7 ms.

Each control of a section is moved through its values, and each number is pointed at. The browser itself measures what
its event handlers and its animation frames take.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.browser import BROWSERS, BrowserError, call, open_browser, version
from benchmarks.options import argument_parser
from benchmarks.tables import format_number, markdown_table

SECTIONS = {
    "sums": "sums and matrix",
    "upsampling": "upsampling",
    "checkerboard": "checkerboard",
    "gradient": "gradient",
    "networks": "deconvnet and label maps",
    "sparse": "sparse codes",
}
"""Names of the sections by their `id`."""

MEASURE = """
async (section) => {
  const times = [];
  const timed = (call) => {
    const begin = performance.now();
    call();
    times.push(performance.now() - begin);
  };
  const frame = window.requestAnimationFrame;
  window.requestAnimationFrame = (call) => frame((time) => timed(() => call(time)));
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const part = document.getElementById(section);
  for (const slider of part.querySelectorAll("input[type=range]")) {
    const [min, max] = [Number(slider.min), Number(slider.max)];
    for (let step = 0; step <= 10; step++) {
      slider.value = min + ((max - min) * step) / 10;
      timed(() => slider.dispatchEvent(new Event("input")));
      await pause(30);
    }
    slider.value = slider.defaultValue;
    slider.dispatchEvent(new Event("input"));
  }
  for (const button of part.querySelectorAll("button")) {
    timed(() => button.dispatchEvent(new PointerEvent("pointerover", { bubbles: true })));
    if (!button.closest(".cells")) timed(() => button.click());
    await pause(10);
  }
  for (const drawing of part.querySelectorAll("canvas.drawing")) {
    const box = drawing.getBoundingClientRect();
    for (let step = 0; step < 20; step++) {
      const place = { clientX: box.left + 5 * step, clientY: box.top + 5 * step, buttons: 1, bubbles: true };
      timed(() => drawing.dispatchEvent(new PointerEvent("pointermove", place)));
      await pause(30);
    }
  }
  await pause(1000);
  window.requestAnimationFrame = frame;
  return times;
}
"""
"""Uses everything in a section, and returns the milliseconds of each handler and frame."""


def measure(browser: Any) -> list[list[str]]:
    """Return a row of the table for each section.

    Args:
        browser: as `benchmarks.browser.open_browser` yields it, with the lesson open.
    """
    rows = []
    for section, name in SECTIONS.items():
        times = sorted(call(browser, MEASURE, section))
        middle, late = (times[int(part * (len(times) - 1))] for part in (0.5, 0.95))
        figures = [format_number(value) for value in (middle, late, times[-1])]
        rows.append([name, version(browser), str(len(times)), *figures])
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.lesson`."""
    from dcgan.config import LessonConfig
    from dcgan.lesson import write_lesson

    argument_parser(__doc__).parse_args(arguments)
    rows, notes = [], []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lesson.html"
        write_lesson(LessonConfig(out=file))
        for name in BROWSERS:
            try:
                with open_browser(name) as browser:
                    browser.get(file.as_uri())
                    rows += measure(browser)
            except BrowserError as error:
                notes.append(f"- {name}: {error}")
    print(markdown_table(("section", "browser", "handlers and frames", "median ms", "95 %", "longest"), rows))
    print("\n".join([*notes, machine.describe()]))


if __name__ == "__main__":
    main()
