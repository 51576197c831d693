"""The options that say which images, and how they are cut."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dcgan.config.fields import PositiveInt, option
from dcgan.core.sizes import parse_size

DATASETS = ("mnist10k", "mnist", "fashion_mnist", "stacked_mnist", "cifar10", "celeba", "folder")


@dataclass(frozen=True)
class DataConfig:
    """Which images, and how they are cut.

    Args:
        dataset: what to learn from; `mnist10k` is part of the program, the others are read from `--data-dir`.
        data_dir: folder (or `.zip`, for `folder` and `celeba`) the data set lies in; without it, `mnist`,
            `fashion_mnist` and `cifar10` are downloaded by Keras.
        image_size: height x width of the images the network sees, as `64` or `96x64`; by default the data
            set's own, and 64 for `celeba` and `folder`.
        crop: side, in pixels, of the centred square that is cut out of every picture before it is resized;
            by default the largest part that has the shape of `--image-size`. The older CelebA recipe is 108.
        channels: 3 for colour, 1 for grey; by default the data set's own, and 3 for `folder`.
        attribute: which column of CelebA's `list_attr_celeba.txt` becomes the label, for example `Smiling`.
        cache_dir: where prepared images are kept for the next run; by default the user's cache folder.
    """

    dataset: Literal[*DATASETS] = option("mnist10k", "Data")
    data_dir: Path | None = option(None, "Data", changes_result=False)  # what lies there is compared, not where
    image_size: str | int | None = option(None, "Data")
    crop: PositiveInt | None = option(None, "Data")
    channels: Literal[1, 3] | None = option(None, "Data")
    attribute: str | None = option(None, "Data")
    cache_dir: Path | None = option(None, "Data", changes_result=False)

    def __post_init__(self):
        """Write the image size in one way, so that 64, "64" and "64x64" are no differences."""
        if self.image_size is not None:
            height, width = parse_size(self.image_size)
            text = str(height) if height == width else f"{height}x{width}"
            object.__setattr__(self, "image_size", text)


@dataclass(frozen=True)
class PrepareConfig(DataConfig):
    """Decode, crop and resize a data set once, so that training starts at once.

    Training does the same by itself where it is needed; this command does only this.
    """
