"""What a notebook shows: pictures, a training while it runs, and pictures that follow sliders.

Everything that is shown is an image in the output of a cell: it is there too for who reads the file and runs nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import Image, display

from dcgan.pictures import encode_png, encode_progress, magnify, read_png, tile
from dcgan.runs import CHECKPOINTS, Run
from dcgan.sampling.generate import sample_files

BOX = Path(__file__).parent.parent / CHECKPOINTS / "mnist"
"""The run directory of the generator that comes with the program, wherever a notebook runs."""

SHORTER_SIDE = 56
"""Pixels the shorter side of a single image has at least where nothing else is asked for."""

Draw = Callable[..., np.ndarray]
"""Gives images, uint8 (N, H, W, C), for the values of some sliders, which it takes by name."""


def show(images: np.ndarray | bytes, columns: int | None = None, side: int = SHORTER_SIDE) -> None:
    """Show images in a grid, or a figure of `dcgan.pictures`.

    Args:
        images: uint8 (N, H, W, C), or the bytes of a PNG.
        columns: images a row; by default, as many as make the grid nearest to a square.
        side: pixels the shorter side of each image has at least; every pixel is repeated until it does.
    """
    display(_picture(images, columns, side))


def play(draw: Draw, columns: int | None = None, side: int = SHORTER_SIDE, **choices: Any) -> None:
    """Show images that follow sliders.

    Args:
        draw: called with one value a slider, by name, whenever one is moved.
        columns, side: as for `show`.
        choices: by name, what `ipywidgets.interact` makes a slider or a menu of: (least, most, step), a list, or a
            widget. A widget's own value is the first one; that of a range is its middle, that of a list its first.
    """
    from ipywidgets import VBox, interactive

    sliders = {name: interactive.widget_from_abbrev(choice) for name, choice in choices.items()}

    def picture() -> Image:
        return _picture(draw(**{name: slider.value for name, slider in sliders.items()}), columns, side)

    for name, slider in sliders.items():
        slider.description = name.replace("_", " ")
    box = VBox(list(sliders.values()))._repr_mimebundle_()
    display(box | {"text/plain": f"Sliders ({', '.join(choices)}): run the notebook to move them."}, raw=True)
    shown = display(picture(), display_id=True)
    for slider in sliders.values():
        slider.observe(lambda change: shown.update(picture()), names="value")


class Live:
    """A picture of a training that is drawn anew in its place: the newest samples, and the curves so far.

    Called with a run, it shows how that stands by its files, so any run can be looked at, one in a terminal too. As
    `dcgan.train(config, watch=Live())` it is called whenever there is something new.
    """

    def __init__(self):
        self._shown = None

    def __call__(self, run: Run) -> None:
        """Show how the run stands."""
        records, grids = run.records(), sample_files(run)
        last = records[-1] if records else {"step": 0, "seconds": 0.0, "images_per_second": 0.0}
        title = f"step {last['step']}, {last['seconds']:.0f} seconds, {last['images_per_second']:.0f} images/s"
        picture = Image(encode_progress(records, read_png(grids[-1]) if grids else None, title))
        if self._shown is None:
            self._shown = display(picture, display_id=True)
        else:
            self._shown.update(picture)


def history(run: Run, most: int = 3) -> np.ndarray:
    """Grids of samples that a run left, side by side, from the oldest to the newest.

    Args:
        run: with at least one grid.
        most: how many grids; of more, those that are shown are evenly spaced.

    Returns:
        uint8 (1, H, W, C), for `show`.
    """
    files = sample_files(run)
    chosen = np.unique(np.linspace(0, len(files) - 1, most).round().astype(int))
    return tile(np.stack([read_png(files[index]) for index in chosen]), most, padding=8)[None]


def _picture(images: np.ndarray | bytes, columns: int | None, side: int) -> Image:
    if isinstance(images, bytes):
        return Image(images)
    grid = tile(np.stack([magnify(image, side) for image in images]), columns)
    return Image(encode_png(grid))
