"""What a notebook shows: pictures, a training while it runs, and pictures that follow sliders.

Everything that is shown is an image in the output of a cell: it is there too for who reads the file and runs nothing.
"""

import contextlib
import io
import tempfile
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import Image, display

from dcgan.config import TrainConfig
from dcgan.runs import CHECKPOINTS, Run
from dcgan.sampling.training_animation import sample_grids
from dcgan.visualization import encode_png, encode_progress, magnify, read_png, save_animation, tile
from dcgan.visualization.grid import with_title

PRETRAINED = Path(__file__).parent.parent / CHECKPOINTS / "mnist"
"""The run directory of the generator that comes with the program, wherever a notebook runs."""

SHORTER_SIDE = 56
"""Pixels the shorter side of a single image has at least where nothing else is asked for."""

APART = 8
"""Pixels between images that have names."""

BRIEF = {
    "batch_size": 32,
    "conditional": False,
    "generator_lr": 1e-3,
    "generator_width": 16,
    "discriminator_width": 16,
    "discriminator_hidden": 0,  # against so narrow a generator it would have won before anything is drawn
    "tensorboard": False,
    "health_checks": False,
    "compile": "none",  # it starts sooner
}
"""Options of a training that shows something after seconds."""

Sampler = Callable[..., np.ndarray]
"""Gives images, uint8 (N, H, W, C), for the values of some sliders, which it takes by name."""


def show(
    images: np.ndarray | list[np.ndarray] | bytes,
    columns: int | None = None,
    side: int = SHORTER_SIDE,
    names: Collection[str] = (),
) -> None:
    """Show images in a grid, a single one, or a figure of `dcgan.visualization`.

    Args:
        images: uint8 (N, H, W, C), or a list of images that are of one size once they are enlarged, or a single one, or
            the bytes of a PNG.
        columns: images a row; by default, as many as make the grid nearest to a square.
        side: pixels the shorter side of each image has at least; every pixel is repeated until it does.
        names: what stands above the images, one each; by default nothing.
    """
    display(_picture(images, columns, side, names))


def show_animation(frames: Iterable[np.ndarray], fps: float) -> None:
    """Show frames, uint8 (H, W, C) each, as an animation that loops for ever; no file is left."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.gif"
        save_animation(path, frames, fps)
        display(Image(path.read_bytes(), format="gif"))


def show_interactive(draw: Sampler, columns: int | None = None, side: int = SHORTER_SIDE, **choices: Any) -> None:
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


def run_sampler(run: Run, count: int = 8) -> Sampler:
    """What `show_interactive` draws of a run, for sliders with the names `first_seed` and `label`.

    Args:
        run: with a generator.
        count: how many seeds in a row.

    Returns:
        A function of the first seed and of a class, by its name or number. Without a class, it draws a row in each one.
    """
    from dcgan.sampling.generation import generate_images
    from dcgan.sampling.selection import EACH_CLASS, Selection, select

    generator, classes = run.load_generator(), run.classes()
    dim = generator.inputs[0].shape[-1]

    def draw(first_seed: int, label: str = EACH_CLASS) -> np.ndarray:
        seeds = range(first_seed, first_seed + count)
        asked = select(seeds, str(label), classes) if classes else Selection(seeds)
        return generate_images(generator, asked.rows(dim))

    return draw


def train_briefly(run_dir: Path, steps: int, **options: Any) -> Run:
    """Train two small networks on the embedded digits, and print nothing: for what is compared beside the point.

    Args:
        run_dir: folder of the run; one with that many steps is taken as it is.
        steps: how many there are in the end.
        options: of `dcgan.TrainConfig`, beside or in place of those in `BRIEF`.

    Returns:
        The run.
    """
    import dcgan

    rarely = dict.fromkeys(("log_every", "sample_every", "save_every"), steps)
    config = TrainConfig(run_dir=run_dir, steps=steps, **(BRIEF | rarely | options))
    with contextlib.redirect_stdout(io.StringIO()):
        return dcgan.train(config)


class Live:
    """A picture of a training that is drawn anew in its place: the newest samples, and the curves so far.

    Called with a run, it shows how that stands by its files, so any run can be looked at, one in a terminal too. As
    `dcgan.train(config, watch=Live())` it is called whenever there is something new.
    """

    def __init__(self):
        self._shown = None

    def __call__(self, run: Run) -> None:
        """Show how the run stands."""
        records, grids = run.log_records(), sample_grids(run)
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
    files = sample_grids(run)
    chosen = np.unique(np.linspace(0, len(files) - 1, most).round().astype(int))
    return tile(np.stack([read_png(files[index]) for index in chosen]), most, padding=8)[None]


def _picture(
    images: np.ndarray | list[np.ndarray] | bytes, columns: int | None, side: int, names: Collection[str] = ()
) -> Image:
    """The image that an output keeps; arguments as for `show`."""
    if isinstance(images, bytes):
        return Image(images)
    single = isinstance(images, np.ndarray) and images.ndim == 3
    shown = [magnify(image, side) for image in ([images] if single else images)]
    if names:
        shown = [with_title(name, image) for name, image in zip(names, shown, strict=True)]
    return Image(encode_png(tile(np.stack(shown), columns, APART if names else 2)))
