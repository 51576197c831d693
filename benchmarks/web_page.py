"""How long does a browser take for an image of an exported page, and how large is the page?

The pages are those of the pretrained digits and emoji, of a generator of 64x64x3 with the default width, and of one
whose images are not square; the last two have initial weights, which take as long. The browser itself measures, one
image after the other, with its latent and the rounding to pixels. "Plain JavaScript" is the same page with the matrix
product in JavaScript instead of WebAssembly; both take turns.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.browser import BROWSERS, BrowserError, call, open_browser, open_page, version
from benchmarks.options import argument_parser
from benchmarks.tables import format_number, markdown_table, median_and_range, ratio

PRETRAINED = {"digits": "mnist", "emoji": "emoji"}
"""Pretrained runs by name."""

INITIAL = {"default": {}, "not square": {"image_size": (96, 64), "width": 32}}
"""Arguments of `build_generator` by name."""

MEASURE = """
async (rounds, seconds) => {
  const { RightFactor } = await import("dcgan/matrix.js");
  const webAssembly = RightFactor.prototype.multiply;
  function plain(left, product) {
    const [a, b, c] = [left.array, this.packed.array, product.array];
    const { inner, columns } = this;
    for (let column = 0; column < columns; column += 8) {
      for (let row = 0; row < left.rows; row++) {
        let [s0, s1, s2, s3, s4, s5, s6, s7] = [0, 0, 0, 0, 0, 0, 0, 0];
        for (let k = 0, i = row * inner, j = column * inner; k < inner; k++, i++, j += 8) {
          const value = a[i];
          s0 += value * b[j];
          s1 += value * b[j + 1];
          s2 += value * b[j + 2];
          s3 += value * b[j + 3];
          s4 += value * b[j + 4];
          s5 += value * b[j + 5];
          s6 += value * b[j + 6];
          s7 += value * b[j + 7];
        }
        c.set([s0, s1, s2, s3, s4, s5, s6, s7], row * columns + column);
      }
    }
  }
  const milliseconds = async (multiply) => {
    RightFactor.prototype.multiply = multiply;
    const times = [];
    const end = performance.now() + 1000 * seconds;
    for (let seed = 0; seed < 5 || performance.now() < end; seed++) {
      const begin = performance.now();
      await window.dcgan.generate(seed);
      times.push(performance.now() - begin);
    }
    return times.sort((a, b) => a - b)[times.length >> 1];
  };
  await milliseconds(webAssembly);
  await milliseconds(plain);
  const medians = [];
  for (let round = 0; round < rounds; round++) {
    medians.push([await milliseconds(webAssembly), await milliseconds(plain)]);
  }
  RightFactor.prototype.multiply = webAssembly;
  return medians;
}
"""
"""Returns, for each round, the median of the milliseconds per image: in WebAssembly, and in plain JavaScript."""

GRAPHICS = """
async () => {
  const gl = document.createElement("canvas").getContext("webgl2");
  const extension = gl?.getExtension("WEBGL_debug_renderer_info");
  const renderer = gl ? gl.getParameter(extension ? extension.UNMASKED_RENDERER_WEBGL : gl.RENDERER) : "none";
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return `WebGL 2: ${renderer}; WebGPU: ${adapter ? "yes" : "none"}`;
}
"""
"""Describes what the browser could compute on besides the processor."""


def export_pages(folder: Path) -> Iterator[tuple[str, Path]]:
    """Write the pages.

    Args:
        folder: where to write them.

    Yields:
        Name and file of each.
    """
    from dcgan import runs
    from dcgan.config import ExportConfig, TrainConfig
    from dcgan.config.parser import to_yaml
    from dcgan.export import export
    from dcgan.networks import build_generator

    for name, run_name in PRETRAINED.items():
        run = runs.find_run(Path(run_name))
        yield name, export(ExportConfig(run_dir=run.path, format="html", out=folder / f"{name}.html"))
    for name, arguments in INITIAL.items():
        run = runs.Run(folder / name)
        run.path.mkdir()
        run.save_generator(build_generator(**arguments))
        run.config_file.write_text(to_yaml(TrainConfig()), encoding="utf-8")
        yield name, export(ExportConfig(run_dir=run.path, format="html", out=folder / f"{name}.html"))


def measure(browser: Any, name: str, page: Path, rounds: int, seconds: float) -> list[str]:
    """Return a row of the table.

    Args:
        browser: as `benchmarks.browser.open_browser` yields it.
        name: what the page generates.
        page: the file.
        rounds: number of medians.
        seconds: approximate length of the measurement of each median.
    """
    self_check = open_page(browser, page)["selfCheck"]
    height, width, channels = browser.execute_script(
        "return JSON.parse(document.getElementById('content').textContent).sizes.maps.at(-1)"
    )
    web_assembly, plain = zip(*call(browser, MEASURE, rounds, seconds), strict=True)
    return [
        f"{name} {height}x{width}x{channels}",
        version(browser),
        format_number(page.stat().st_size / 1e6),
        median_and_range(web_assembly),
        median_and_range(plain),
        format_number(ratio(plain, web_assembly)),
        self_check,
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m benchmarks.web_page`."""
    parser = argument_parser(__doc__, rounds=5, seconds=1.0)
    options = parser.parse_args(arguments)
    rows, notes = [], []
    with tempfile.TemporaryDirectory() as folder:
        pages = list(export_pages(Path(folder)))
        for browser_name in BROWSERS:
            try:
                with open_browser(browser_name) as browser:
                    rows += [measure(browser, *page, options.rounds, options.seconds) for page in pages]
                    notes.append(f"- {version(browser)}: {call(browser, GRAPHICS)}")
            except BrowserError as error:
                notes.append(f"- {browser_name}: {error}")
    head = ("page", "browser", "MB", "ms per image", "ms, plain JavaScript", "plain / WebAssembly", "self-check")
    print(f"\n{markdown_table(head, rows)}\n")
    print("\n".join([*notes, machine.describe()]))


if __name__ == "__main__":
    main()
