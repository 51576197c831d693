"""Options of the dataset and its images, and of the command `prepare`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from dcgan.config.fields import Options, PositiveInt, option
from dcgan.core.colors import format_color, parse_color
from dcgan.core.errors import errors_about
from dcgan.core.sizes import format_size, parse_size

Dataset = Literal["mnist10k", "mnist", "fashion_mnist", "stacked_mnist", "cifar10", "celeba", "folder"]

DATASETS: tuple[Dataset, ...] = get_args(Dataset)

DEFAULT_SIZES: dict[str, int] = {**dict.fromkeys(DATASETS, 28), "cifar10": 32, "celeba": 64, "folder": 64}
"""Pixels per side of each dataset's images, unless `--image-size` is given."""


@dataclass(frozen=True)
class DataConfig(Options):
    """Select a dataset, and how its images are cropped and resized.

    Args:
        dataset: dataset to use; `mnist10k` is part of the package; without `--data-dir`, `mnist`, `fashion_mnist` and
            `cifar10` are downloaded, and `stacked_mnist` combines the digits of `mnist10k`; `celeba` and `folder` need
            `--data-dir`.
        data_dir: folder of the dataset (for `stacked_mnist`, of MNIST), or `.zip` file for `folder` and `celeba`; by
            default, `mnist`, `fashion_mnist` and `cifar10` are downloaded by Keras.
        image_size: height x width of the images that the networks see, as `64` or `96x64`; by default that of the
            dataset, and 64 for `celeba` and `folder`.
        crop: size in pixels of the centered square that is cropped from every image before resizing; by default the
            largest part with the aspect ratio of `--image-size`. 108 is common for CelebA.
        channels: 3 for color, 1 for grayscale, 4 for color with transparency; by default those of the dataset; for
            `folder`, 1 if all images are gray, and otherwise 3.
        fit: what becomes of images with another aspect ratio than `--image-size`: `crop` uses the largest centered
            part, `pad` adds margins of the background's color, `stretch` distorts them; by default `crop`.
        background: color that transparent pixels are blended with, and of the margins of `--fit pad`, as `black` or
            `#ff8000`; by default white. With `--channels 4`, it is transparent.
        color_profile: `convert` converts the colors of images with an ICC profile to sRGB; by default `ignore`.
        skip_unreadable: continue if more than 1 in 10 images can't be read, with the others.
        labels: labels of the images of `folder`: `none`; `folders` for the first-level folders, whatever they are
            called; a .csv, .tsv or .json file, beside the images or in their archive, with `:COLUMN` after its name for
            one of several columns; by default `auto`, the first-level folders, unless they hold splits or only number
            the files, or else a file called `labels` or `dataset.json`.
        frames: images of a file with several, an animation or a TIFF of several pages: `all` of them, or by
            default the `first`, which a TIFF of several pages does not have.
        attribute: column of CelebA's `list_attr_celeba.txt` to use as class label, for example `Smiling`.
        cache_dir: folder of the dataset cache with the prepared images; by default in the user's cache folder.
    """

    dataset: Dataset = option("mnist10k", "Data")
    data_dir: Path | None = option(None, "Data", changes_result=False)  # the content is compared, not the place
    image_size: str | int | None = option(None, "Data")
    crop: PositiveInt | None = option(None, "Data")
    channels: Literal[1, 3, 4] | None = option(None, "Data")
    fit: Literal["crop", "pad", "stretch"] | None = option(None, "Data")
    background: str | None = option(None, "Data")
    color_profile: Literal["ignore", "convert"] | None = option(None, "Data")
    skip_unreadable: bool | None = option(None, "Data", changes_result=False)  # the images are compared
    labels: str | None = option(None, "Data", changes_result=False)  # the labels are compared, not where they come from
    frames: Literal["first", "all"] | None = option(None, "Data", changes_result=False)  # the images are compared
    attribute: str | None = option(None, "Data")
    cache_dir: Path | None = option(None, "Data", changes_result=False)

    def __post_init__(self):
        """Normalize the image size and the background: 64, `"64"` and `"64x64"` are equal."""
        super().__post_init__()
        if self.image_size is not None:
            with errors_about("--image-size"):
                object.__setattr__(self, "image_size", format_size(parse_size(self.image_size)))
        if self.background is not None:
            with errors_about("--background"):
                object.__setattr__(self, "background", format_color(parse_color(self.background)))


@dataclass(frozen=True)
class PrepareConfig(DataConfig):
    """Decode, crop and resize a dataset once and cache the result, so that training starts at once.

    Training does the same if the dataset is not in the cache yet.
    """
