"""The options of the commands that search the latent space: `project` and `edit`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dcgan.config.data import DataConfig, Dataset
from dcgan.config.fields import (
    ImagesInMemory,
    ImagesPerMap,
    Options,
    PositiveInt,
    Restarts,
    Seed,
    WalkSteps,
    Weights,
    device_option,
    option,
    run_dir_option,
    weights_option,
)


@dataclass(frozen=True)
class ProjectConfig(Options):
    """Find the latent vectors whose generated images are most similar to given images.

    A figure shows each image, the progress of the search and the result; two or more images are joined by a walk.
    Example: `python -m dcgan project --images one.png,other.jpg`.

    Args:
        images: image files, separated by commas; they are cropped at the center and resized as for training. Required.
        class_label: class of all images for a conditional run, by name or number; by default every class is tried for
            each image.
        restarts: number of random latents the search of each image starts from, for every class that is tried.
        steps: number of optimization steps; more steps come closer.
        walk: number of images from each result to the next, both ends included.
        seed: seed of the latents that the search starts from.
        out: folder for `projection.png`, `errors.png`, `walk.png` and `latents.npz`; by default a new folder in the run
            directory, under `projected/`.
        overwrite: replace these files in `--out` if they exist.
    """

    images: str | None = option(None, "Images")
    run_dir: Path | None = run_dir_option("Images")
    weights: Weights = weights_option("Images")
    class_label: str | None = option(None, "Images", name="class")
    restarts: Restarts = option(4, "Search")
    steps: PositiveInt = option(1000, "Search")
    seed: Seed = option(0, "Search")
    walk: WalkSteps = option(9, "Output")
    out: Path | None = option(None, "Output")
    overwrite: bool = option(False, "Output")
    device: str = device_option()


@dataclass(frozen=True)
class EditConfig(DataConfig):
    """Edit generated images: move their latents toward an attribute, or ablate the feature maps of a class.

    With `--toward`, a direction is found in the latent space, and a figure shows one row of images along it per latent.
    With `--ablate`, the feature maps that predict a class are set to zero, and a figure shows images with all maps,
    without these maps, and without as many random maps. Both modes print the effect on other images. In the pretrained
    generator ablation hardly singles out a class: without half of the last hidden maps, 82 % of a class's digits are
    still classified as that class, and 83 % without as many random maps.

    Examples: `python -m dcgan edit --toward slant`, `python -m dcgan edit --ablate 7`. For a direction between seeds of
    your choice, see `dcgan generate --along`.

    Args:
        dataset: dataset whose classifier predicts classes; by default the run's own. The data options default to those
            of the run.
        toward: what to move images toward: `slant` (strokes lean to the right), `boldness` (more ink: brighter, or
            darker on bright ground), or, for a run that is not conditional, a class by name or number. This or
            `--ablate` is required.
        from_class: with a class in `--toward`, the class that images start from; by default any other class.
        method: how the direction is found: `means` is the difference between the mean latents of both groups, `plane`
            the normal of the plane that separates them.
        rows: number of rows of the figure.
        walk: number of images per row.
        ablate: class whose feature maps are set to zero, by name or number. This or `--toward` is required.
        layer: generator layer of these feature maps; by default the input of the last convolution.
        seed: seed of the random maps.
        num: number of images the direction or the maps are found on, and of other images they are tested on; by default
            2000 with `--toward` and 1000 with `--ablate`.
        out: `.png` file to write; by default a file in the run directory, under `edited/`, which is replaced if it
            exists. There, the direction is stored as well, and the HTML page that `dcgan export` writes has a slider
            for it.
        overwrite: replace `--out` if it exists.
    """

    dataset: Dataset | None = option(None, "Data")
    run_dir: Path | None = run_dir_option("Images")
    weights: Weights = weights_option("Images")
    num: ImagesInMemory | None = option(None, "Images")
    toward: str | None = option(None, "Direction")
    from_class: str | None = option(None, "Direction")
    method: Literal["means", "plane"] = option("means", "Direction")
    rows: ImagesPerMap = option(8, "Direction")
    walk: WalkSteps = option(9, "Direction")
    ablate: str | None = option(None, "Ablation")
    layer: str | None = option(None, "Ablation")
    seed: Seed = option(0, "Ablation")
    out: Path | None = option(None, "Output")
    overwrite: bool = option(False, "Output")
    device: str = device_option()
