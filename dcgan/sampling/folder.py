"""A folder of single pictures, one a seed."""

import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from dcgan.errors import UserError
from dcgan.pictures import encode_png
from dcgan.sampling.arrays import check_room

_BLOCK = 4096  # bytes that even the smallest file takes on most disks


def file_name(seed: int) -> str:
    """The name of a seed's picture; it depends on nothing else."""
    return f"seed-{seed:06d}.png"


def save_folder(folder: Path, seeds: Sequence[int], images: Iterable[np.ndarray], text: Mapping[str, str]) -> None:
    """Write each image to `folder`, all of them or none.

    They are written beside it first, and moved when the last one is there. Other files in `folder` stay, so that a
    set can be drawn in parts; those of the same names are replaced (see `refuse_existing`).

    Args:
        folder: made if need be.
        seeds: one an image; a seed that comes twice has one file.
        images: uint8 (H, W, C) each.
        text: notes for every file; its own seed is added.

    Raises:
        UserError: the folder can't be written to, or the disk is full.
    """
    check_room(folder, _BLOCK * len(seeds))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".drawing-", dir=folder.parent) as temporary:
            for seed, image in zip(seeds, images, strict=True):
                (Path(temporary) / file_name(seed)).write_bytes(encode_png(image, {**text, "Seed": seed}))
            folder.mkdir(exist_ok=True)
            for file in Path(temporary).iterdir():
                shutil.move(file, folder / file.name)
    except OSError as error:
        raise UserError(f"{folder} can't be written: {error.strerror or error}.", "Choose another place.") from error


def refuse_existing(folder: Path, seeds: Iterable[int]) -> None:
    """Stop, before anything is drawn, if one of the pictures is there.

    Raises:
        UserError: naming the first one.
    """
    present = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    taken = next((name for name in map(file_name, seeds) if name in present), None) if present else None
    if taken:
        raise UserError(f"{folder / taken} exists already.", "Choose another --out or other seeds, or add --overwrite.")
