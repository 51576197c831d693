"""Real images beside drawn ones: the picture that says most about a generator."""

from pathlib import Path

import keras
import numpy as np

from dcgan.classes import Classes
from dcgan.data import ImageSet
from dcgan.data.imageset import evenly
from dcgan.pictures import save_png, tile
from dcgan.pictures.captions import side_by_side
from dcgan.runs import Run
from dcgan.sampling.asked import Asked, sheet
from dcgan.sampling.draw import draw_all

NAME = "real-and-drawn.png"


def save_contact_sheet(run: Run, generator: keras.Model, images: ImageSet, classes: Classes | None) -> Path:
    """Draw what `python generate.py` draws when nothing else is asked for, beside as many real images.

    Args:
        run: into whose directory the sheet goes, replacing an older one.
        generator: as for `dcgan.sampling.draw.draw`.
        images: what it learnt from.
        classes: of a conditional training; then both sides show a row a class.

    Returns:
        The file.

    Raises:
        UserError: it can't be written.
    """
    asked = sheet(classes)
    drawn = draw_all(generator, asked.rows(generator.inputs[0].shape[-1]))
    sides = {"real": images.images[chosen(images.labels, len(images), asked)], "drawn": drawn}
    notes = {"Software": "dcgan", "Run": run.path.resolve().name, "Seeds": str(asked.seeds)}
    picture = side_by_side({title: tile(side, asked.columns) for title, side in sides.items()})
    save_png(run.path / NAME, picture, notes)
    return run.path / NAME


def chosen(labels: np.ndarray | None, count: int, asked: Asked) -> np.ndarray:
    """Which of `count` images stand beside drawn ones: evenly from all of them, or from those of each class.

    Returns:
        int64 (len(asked),), in the order of what is drawn; where there are fewer, some come twice.
    """
    if asked.classes is None:
        return evenly(count, len(asked))
    members = (np.flatnonzero(labels == label) for label in asked.labels)
    return np.concatenate([each[evenly(len(each), len(asked.seeds))] for each in members])
