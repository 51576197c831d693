"""Display for notebooks: images, animations, images that follow sliders, and the progress of a training run.

All output is stored in the notebook as images, so that readers see it without running anything.
"""

import contextlib
import io
import tempfile
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import DisplayHandle, Image, display

from dcgan.config import TrainConfig
from dcgan.runs import PRETRAINED, Run
from dcgan.visualization import encode_png, encode_progress, magnify, read_png, save_animation, tile
from dcgan.visualization.grid import with_caption

__all__ = [
    "PRETRAINED",
    "LiveProgress",
    "Sampler",
    "run_sampler",
    "sample_history",
    "show",
    "show_animation",
    "show_interactive",
    "train_briefly",
]

MIN_SIDE = 56
"""Minimum length of the shorter side of an image in pixels by default."""

CAPTION_PADDING = 8
"""Width of the background between images with captions in pixels."""

BRIEF_OPTIONS: dict[str, Any] = {
    "batch_size": 32,
    "conditional": False,
    "clusters": 0,
    "generator_lr": 1e-3,
    "generator_width": 16,
    "discriminator_width": 16,
    "discriminator_hidden": 0,  # with the hidden layer it would overpower so narrow a generator from the start
    "tensorboard": False,
    "health_checks": False,
    "compile": "none",  # starts sooner
}
"""Options of a training run with visible results after seconds."""

Sampler = Callable[..., np.ndarray]
"""Returns images, uint8 (N, H, W, C), for the values of some sliders, given by name."""


def show(
    images: np.ndarray | Sequence[np.ndarray] | bytes,
    columns: int | None = None,
    side: int = MIN_SIDE,
    names: Collection[str] = (),
) -> None:
    """Show a grid of images, a single image, or a plot of `dcgan.visualization`.

    Args:
        images: uint8 (N, H, W, C), a list of images that have equal sizes once magnified, a single image, or the bytes
            of a PNG file.
        columns: images per row; by default the number that makes the grid most nearly square.
        side: minimum length of the shorter side of each image in pixels; pixels are repeated to reach it.
        names: captions above the images, one each; by default none.
    """
    display(_encode(images, columns, side, names))


def show_animation(frames: Iterable[np.ndarray], fps: float) -> None:
    """Show an animation that loops forever; no file remains.

    Args:
        frames: uint8 arrays of shape (H, W, C).
        fps: frames per second, at most 50.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "animation.gif"
        save_animation(path, frames, fps)
        display(Image(path.read_bytes(), format="gif"))


def show_interactive(sampler: Sampler, columns: int | None = None, side: int = MIN_SIDE, **choices: Any) -> None:
    """Show images that follow sliders.

    Args:
        sampler: called with the value of each slider, by name, whenever one changes.
        columns: as for `show`.
        side: as for `show`.
        choices: by name, an abbreviation that `ipywidgets.interact` turns into a slider or a menu: (min, max, step), a
            list, or a widget. The initial value is that of the widget, the middle of a range, or the first of a list.
    """
    from ipywidgets import VBox, interactive

    sliders: dict[str, Any] = {name: interactive.widget_from_abbrev(choice) for name, choice in choices.items()}

    def image() -> Image:
        return _encode(sampler(**{name: slider.value for name, slider in sliders.items()}), columns, side)

    for name, slider in sliders.items():
        slider.description = name.replace("_", " ")
    box: Any = VBox(list(sliders.values()))._repr_mimebundle_()
    display(box | {"text/plain": f"Sliders ({', '.join(choices)}): run the notebook to move them."}, raw=True)
    handle = _display_updatable(image())
    for slider in sliders.values():
        slider.observe(lambda change: handle.update(image()), names="value")


def run_sampler(run: Run, count: int = 8) -> Sampler:
    """Return a sampler of a run for `show_interactive`, with the sliders `first_seed` and `label`.

    Args:
        run: a run with a generator.
        count: number of consecutive seeds.

    Returns:
        Function of the first seed and the name or number of a class. Without a class, it returns one row per class.
    """
    from dcgan.sampling.generation import generate_images, input_widths
    from dcgan.sampling.selection import EACH_CLASS, Selection, select

    generator, classes = run.load_generator(), run.classes()
    dim = input_widths(generator)[0]

    def sampler(first_seed: int, label: str | int = EACH_CLASS) -> np.ndarray:
        seeds = range(first_seed, first_seed + count)
        selection = select(seeds, str(label), classes) if classes and classes.labeled else Selection(seeds, classes)
        return generate_images(generator, selection.rows(dim))

    return sampler


def train_briefly(run_dir: Path, steps: int, **options: Any) -> Run:
    """Train two small networks on the embedded digits without any output, for comparisons.

    Args:
        run_dir: run directory; a run that has completed the steps is returned as it is.
        steps: total number of steps.
        options: options of `dcgan.TrainConfig` that extend or replace `BRIEF_OPTIONS`.

    Returns:
        The run.
    """
    import dcgan

    intervals: dict[str, Any] = dict.fromkeys(("log_every", "sample_every", "save_every"), steps)
    config = TrainConfig(run_dir=run_dir, steps=steps, **(BRIEF_OPTIONS | intervals | options))
    with contextlib.redirect_stdout(io.StringIO()):
        return dcgan.train(config)


class LiveProgress:
    """The latest samples and the curves of a training run, in one image that is updated in place.

    Calling it with a run shows the state of that run's files, so it can also follow a run that is trained in a
    terminal. `dcgan.train(config, watch=LiveProgress())` calls it whenever there is something new.
    """

    def __init__(self):
        self._handle: DisplayHandle | None = None

    def __call__(self, run: Run) -> None:
        """Show the current progress of a run."""
        records, grids = run.log_records(), run.sample_grids()
        last = records[-1] if records else {"step": 0, "seconds": 0.0, "images_per_second": 0.0}
        title = f"step {last['step']}, {last['seconds']:.0f} seconds, {last['images_per_second']:.0f} images/s"
        image = Image(encode_progress(records, read_png(grids[-1]) if grids else None, title))
        if self._handle is None:
            self._handle = _display_updatable(image)
        else:
            self._handle.update(image)


def sample_history(run: Run, count: int = 3) -> np.ndarray:
    """Return sample grids of a run side by side, from the oldest to the newest.

    Args:
        run: a run with at least one sample grid.
        count: maximum number of grids; of more, evenly spaced ones are chosen.

    Returns:
        uint8 array of shape (1, H, W, C), for `show`.
    """
    files = run.sample_grids()
    chosen = np.unique(np.linspace(0, len(files) - 1, count).round().astype(int))
    return tile(np.stack([read_png(files[index]) for index in chosen]), count, padding=8)[None]


def _display_updatable(image: Image) -> DisplayHandle:
    """Display an image and return the handle that updates it."""
    handle = DisplayHandle()
    handle.display(image)
    return handle


def _encode(
    images: np.ndarray | Sequence[np.ndarray] | bytes, columns: int | None, side: int, names: Collection[str] = ()
) -> Image:
    """The image that is stored in the output of a cell; arguments as for `show`."""
    if isinstance(images, bytes):
        return Image(images)
    single = isinstance(images, np.ndarray) and images.ndim == 3
    magnified = [magnify(np.asarray(image), side) for image in ([images] if single else images)]
    if names:
        magnified = [with_caption(name, image) for name, image in zip(names, magnified, strict=True)]
    return Image(encode_png(tile(np.stack(magnified), columns, CAPTION_PADDING if names else 2)))
