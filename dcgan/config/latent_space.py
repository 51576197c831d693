"""The options of the commands that move through the latent space: `project`, `turn` and `drop`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dcgan.config.data import DATASETS, DataConfig
from dcgan.config.fields import ImagesPerMap, PositiveInt, Seed, WalkSteps, option


@dataclass(frozen=True)
class ProjectConfig:
    """Find the points of the latent space from which a generator draws what is most like some pictures.

    A sheet shows each picture, how the search came nearer to it and what was found; two pictures or more are joined by
    a walk. Example: `python -m dcgan project --images one.png,other.jpg`.

    Args:
        images: picture files, parted by commas; they are cropped at the centre and resized as for training. Has to be
            given.
        run_dir: folder of the run; by default the newest one under `checkpoints/`.
        label: with a conditional run, the class all of them are drawn in, by name or number; by default every class is
            tried for each.
        starts: how many points the search for each picture begins at, for every class that is tried.
        steps: how many small steps the search takes; more come nearer.
        walk: pictures on the way from each found point to the next, both ends included.
        seed: the points at which the search begins follow from it.
        weights: `ema`, the averaged generator, `raw`, as training left it, or `best`, the average when it was nearest
            to the data (`train.py --evaluate-every`).
        out: folder for `sheet.png`, `errors.png`, `walk.png` and `latents.npz`; by default a new one in the run
            directory, under `projected/`.
        overwrite: replace these files in `--out` if they exist.
    """

    images: str | None = option(None, "Pictures")
    run_dir: Path | None = option(None, "Pictures")
    label: str | None = option(None, "Pictures")
    starts: PositiveInt = option(4, "Search")
    steps: PositiveInt = option(1000, "Search")
    walk: WalkSteps = option(9, "Pictures")
    seed: Seed = option(0, "Search")
    weights: Literal["ema", "raw", "best"] = option("ema", "Pictures")
    out: Path | None = option(None, "Pictures")
    overwrite: bool = option(False, "Pictures")


@dataclass(frozen=True)
class EditConfig(DataConfig):
    """Turn pictures of one kind into another, along a direction that is found in the latent space.

    A sheet shows a row a picture; in words it is told how often the turn succeeds. Example: `python -m dcgan turn
    --toward slant`. For a direction between seeds that you chose by eye, see `generate.py --along`.

    Args:
        dataset: whose classifier says what is seen, for a class; by default the run's own. The data options are those
            of the run, unless they are given.
        run_dir: folder of the run; by default the newest one under `checkpoints/`.
        toward: what the pictures shall become: `slant`, strokes that lean to the right, `boldness`, more ink (brighter,
            or darker where the ground is bright), or with a run that is not conditional the name or number of a class,
            read by a classifier. Has to be given.
        start: for a class, which class the pictures begin as; by default any other.
        method: how the direction is found: between the means of both groups, `means`, or across the `plane` that tells
            them apart.
        num: pictures the direction is found on, and others it is tried on.
        rows: pictures that are shown.
        walk: pictures a row.
        weights: `ema`, the averaged generator, `raw`, as training left it, or `best`, the average when it was nearest
            to the data (`train.py --evaluate-every`).
        out: the sheet, a `.png`; by default a file in the run directory, replacing an older one.
        overwrite: replace `--out` if it exists.
    """

    dataset: Literal[*DATASETS] | None = option(None, "Data")
    run_dir: Path | None = option(None, "Pictures")
    toward: str | None = option(None, "Direction")
    start: str | None = option(None, "Direction")
    method: Literal["means", "plane"] = option("means", "Direction")
    num: PositiveInt = option(2000, "Direction")
    rows: ImagesPerMap = option(8, "Pictures")
    walk: WalkSteps = option(9, "Pictures")
    weights: Literal["ema", "raw", "best"] = option("ema", "Pictures")
    out: Path | None = option(None, "Pictures")
    overwrite: bool = option(False, "Pictures")


@dataclass(frozen=True)
class DropConfig(DataConfig):
    """Drop the generator's feature maps that draw one class, and see what it draws instead.

    As in the DCGAN paper, where a generator of bedrooms was made to forget windows. A sheet shows pictures as they are,
    without these maps, and without as many others; in words it is told how many are still read as what they were.
    Example: `python -m dcgan drop --thing 7`.

    Args:
        dataset: whose classifier says what is seen; by default the run's own. The data options are those of the run,
            unless they are given.
        run_dir: folder of the run; by default the newest one under `checkpoints/`.
        thing: the class, by name or number. Has to be given.
        layer: the generator's layer whose maps are dropped; by default the last before the picture.
        num: pictures on which the maps are found, and others that are drawn without them.
        seed: of the choice of other maps.
        weights: `ema`, the averaged generator, `raw`, as training left it, or `best`, the average when it was nearest
            to the data (`train.py --evaluate-every`).
        out: the sheet, a `.png`; by default a file in the run directory, replacing an older one.
        overwrite: replace `--out` if it exists.
    """

    dataset: Literal[*DATASETS] | None = option(None, "Data")
    run_dir: Path | None = option(None, "Pictures")
    thing: str | None = option(None, "Maps")
    layer: str | None = option(None, "Maps")
    num: PositiveInt = option(1000, "Maps")
    seed: Seed = option(0, "Maps")
    weights: Literal["ema", "raw", "best"] = option("ema", "Pictures")
    out: Path | None = option(None, "Pictures")
    overwrite: bool = option(False, "Pictures")
