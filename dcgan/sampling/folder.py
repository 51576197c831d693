"""A folder of single pictures, one a seed."""

import itertools
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from dcgan.errors import UserError
from dcgan.files import beside
from dcgan.pictures import encode_png
from dcgan.sampling.arrays import check_room
from dcgan.sampling.asked import Asked

_BLOCK = 4096  # bytes that even the smallest file takes on most disks


def file_name(seed: int) -> str:
    """The name of a seed's picture; it depends on nothing else."""
    return f"seed-{seed:06d}.png"


def places(asked: Asked) -> Iterator[Path]:
    """Where each picture goes in the folder: with classes, into the folder of its class."""
    for seed, label in asked.pairs():
        yield Path(file_name(seed)) if label is None else Path(asked.classes.names[label], file_name(seed))


def save_folder(folder: Path, asked: Asked, images: Iterable[np.ndarray], text: Mapping[str, str]) -> None:
    """Write each image to `folder`, all of them or none.

    They are written beside it first, and moved when the last one is there. Other files in `folder` stay, so that a
    set can be drawn in parts; those of the same names are replaced (see `refuse_existing`).

    Args:
        folder: made if need be.
        asked: which pictures they are; a seed that comes twice in a class has one file.
        images: uint8 (H, W, C) each.
        text: notes for every file; its own seed is added.

    Raises:
        UserError: the folder can't be written to, or the disk is full.
    """
    check_room(folder, _BLOCK * len(asked))
    with beside(folder) as temporary:
        for place, (seed, _), image in zip(places(asked), asked.pairs(), images, strict=True):
            (temporary / place).parent.mkdir(exist_ok=True)
            (temporary / place).write_bytes(encode_png(image, {**text, "Seed": seed}))
        for place in dict.fromkeys(places(asked)):
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(temporary / place, folder / place)


def refuse_existing(folder: Path, asked: Asked) -> None:
    """Stop, before anything is drawn, if one of the pictures is there.

    Raises:
        UserError: naming the first one.
    """
    if not folder.is_dir():
        return
    present = {entry.relative_to(folder) for entry in itertools.chain(folder.glob("*.png"), folder.glob("*/*.png"))}
    taken = next((place for place in places(asked) if place in present), None) if present else None
    if taken:
        raise UserError(f"{folder / taken} exists already.", "Choose another --out or other seeds, or add --overwrite.")
