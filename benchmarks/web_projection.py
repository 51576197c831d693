"""How close does "Find my drawing" on an exported page come to `dcgan project`, within three seconds?

Held-out images are projected by both, without their class labels: by `dcgan.sampling.projection.project` with its
default settings (for ten classes 40 starting points, 100 Adam steps each, and 900 of the best one), and by the page in
a browser. The error is the mean squared difference of the pixels, in [-1, 1]. The row with a number of evaluations
instead of seconds does not depend on the speed of the machine.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.browser import BROWSERS, call, open_browser, open_page, version
from benchmarks.options import add_run_options, argument_parser
from benchmarks.projection import HELD_OUT, load_targets
from benchmarks.tables import markdown_table

EVALUATIONS = 650
"""Images with gradients in the row that does not depend on the machine."""

PROJECT = """
async (pixels, options) => {
  const target = Float32Array.from(pixels, value => value / 127.5 - 1);
  return (await window.dcgan.project(target, { seconds: Infinity, ...options })).error;
}
"""
"""Projects an image in a page, and returns the error."""


def page_errors(browser: Any, images: np.ndarray, **options: float) -> np.ndarray:
    """Project images by the page that a browser shows.

    Args:
        browser: as `benchmarks.browser.open_browser` yields it.
        images: uint8 (N, H, W, C).
        options: `seconds`, without limit if not given, `evaluations` and others of `dcgan/web/project.js`.

    Returns:
        Mean squared errors with images in [-1, 1], (N,).
    """
    return np.array([call(browser, PROJECT, image.ravel().tolist(), options) for image in images])


def row(name: str, errors: np.ndarray, reference: np.ndarray, seconds: float) -> list[str]:
    """Return a row of the table.

    Args:
        name: what projected.
        errors: its errors, (N,).
        reference: those of `dcgan project`, (N,).
        seconds: how long it took for one image.
    """
    ratios = errors / reference
    values = (errors.mean(), errors.mean() / reference.mean(), ratios.mean(), np.median(ratios), ratios.max(), seconds)
    return [name, f"{values[0]:.2g}", *(f"{value:.2f}" for value in values[1:])]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.web_projection`."""
    parser = argument_parser(__doc__)
    add_run_options(parser)
    parser.add_argument("--num", type=int, default=20, help="number of held-out images")
    parser.add_argument("--seconds", type=float, default=3.0, help="time of the page for each image")
    parser.add_argument("--browser", choices=sorted(BROWSERS), default="chromium", help="browser that shows the page")
    options = parser.parse_args(arguments)
    description, generator, targets = load_targets(options.run_dir, options.data_dir, options.weights, options.num)
    from dcgan import runs
    from dcgan.config import ExportConfig
    from dcgan.export import export
    from dcgan.sampling.projection import project

    images = targets[HELD_OUT][0]
    start = time.monotonic()
    reference = project(generator, images, seed=options.seed).errors[-1]
    rows = [row("`dcgan project`", reference, reference, (time.monotonic() - start) / len(images))]
    run = runs.find_run(options.run_dir)
    with tempfile.TemporaryDirectory() as folder, open_browser(options.browser) as browser:
        page = export(
            ExportConfig(run_dir=run.path, weights=options.weights, format="html", out=Path(folder) / "page.html")
        )
        open_page(browser, page)
        for name, limits in (
            (f"page, {options.seconds:g} seconds", {"seconds": options.seconds}),
            (f"page, {EVALUATIONS} evaluations", {"evaluations": EVALUATIONS}),
        ):
            start = time.monotonic()
            errors = page_errors(browser, images, **limits)
            rows.append(row(name, errors, reference, (time.monotonic() - start) / len(images)))
        shown_by = version(browser)
    head = ("", "mean error", "ratio of means", "mean ratio", "median ratio", "largest ratio", "s per image")
    print(f"\n{description}\n\n{markdown_table(head, rows)}\n")
    print(f"- {len(images)} images, seed {options.seed}, {shown_by}\n{machine.describe()}")


if __name__ == "__main__":
    main()
