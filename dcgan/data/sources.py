"""The table of data sources: one entry per dataset, under its name on the command line.

A dataset that fits into memory needs a function that reads it, and one entry:

    def read_letters(data_dir, split):
        ...  # return images, uint8 (N, H, W, C), and labels, integers (N,)

    SOURCES["letters"] = ArraySource(class_names=("a", "b", "c"), read=read_letters)

A dataset of image files needs a context manager that lists them with their labels, given the data options and the
name of a split; they are prepared in the dataset cache:

    SOURCES["letters"] = ImageFileSource(open_files=open_letters)

From Python, `dcgan.load(dcgan.DataConfig("letters", Path("letters")))` then reads it. The command line offers the names
in `Dataset` in `dcgan/config/data.py`. A dataset whose images have not 64 pixels per side belongs in `DEFAULT_SIZES`
there as well: the networks' settings depend on it.
"""

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.sizes import Size
from dcgan.data import celeba, cifar10, mnist
from dcgan.data.folder import open_folder
from dcgan.data.image_files import ImageFiles

if TYPE_CHECKING:
    from dcgan.config import DataConfig

SPLITS = ("train", "test")

Arrays = tuple[np.ndarray, np.ndarray]
"""Images, uint8 (N, H, W, C), and labels, integers (N,)."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a dataset can be read from, and which options it accepts.

    Args:
        splits: splits that can be read from `--data-dir`; () if the dataset does not accept `--data-dir`.
        default_splits: splits that can be read without `--data-dir`; () if the dataset requires `--data-dir`.
        data_dir_hint: what `--data-dir` must name or where to get it, in a sentence.
        has_attributes: whether `--attribute` selects the labels.
    """

    splits: tuple[str, ...] = SPLITS
    default_splits: tuple[str, ...] = ()
    data_dir_hint: str = ""
    has_attributes: bool = False


@dataclass(frozen=True, kw_only=True)
class ArraySource(Source):
    """A dataset that fits into memory and is read each time.

    Args:
        class_names: one name per label.
        read: reads a split from the path in `--data-dir`, or from the default location if that is None.
        channels: the only number of channels that `--channels` can select; None for both 1 and 3.
        combine: makes the final images and labels from the resized images, the labels and the name of a split; None
            to leave images and labels unchanged.
    """

    class_names: tuple[str, ...]
    read: Callable[[Path | None, str], Arrays]
    channels: int | None = None
    combine: Callable[[np.ndarray, np.ndarray, str], Arrays] | None = None


@dataclass(frozen=True, kw_only=True)
class ImageFileSource(Source):
    """A dataset of image files, which are prepared in the dataset cache.

    Args:
        open_files: context manager that lists the files of a split with their labels, given the data options and the
            split; `dcgan.data.folder.label_images` labels them by their folders.
        image_size: (height, width) of the prepared images by default.
        channels: channels of the prepared images by default; None for 1 if all of them are gray, and otherwise 3.
    """

    open_files: Callable[["DataConfig", str], AbstractContextManager[ImageFiles]]
    image_size: Size = (64, 64)  # that of the faces in the DCGAN paper
    channels: int | None = 3


def read_or_download(dataset: str, read: Callable[[Path, str], Arrays]) -> Callable[[Path | None, str], Arrays]:
    """Return a reader that has Keras download the dataset where no `--data-dir` is given.

    Args:
        dataset: name of a module of `keras.datasets`.
        read: reads a split from the files in a folder.

    Returns:
        A function for `ArraySource.read`.
    """
    return lambda data_dir, split: _download(dataset, split) if data_dir is None else read(data_dir, split)


def _download(dataset: str, split: str) -> Arrays:
    """Let Keras download a dataset, or read its earlier download (`~/.keras/datasets`)."""
    try:
        pairs = importlib.import_module(f"keras.datasets.{dataset}").load_data()
    except BrokenPipeError:  # of the progress bar, which nobody reads any more
        raise
    except Exception as error:  # Keras raises plain `Exception` when an address can't be reached
        raise UserError(
            f"{dataset} could not be downloaded: {' '.join(str(error).split())[:200]}",
            "Without a network, name the folder of its files with --data-dir.",
        ) from error
    images, labels = pairs[SPLITS.index(split)]
    return images.reshape(*images.shape[:3], -1), np.ravel(labels)


SOURCES: dict[str, ArraySource | ImageFileSource] = {
    "mnist10k": ArraySource(
        class_names=mnist.DIGITS,
        read=mnist.read_mnist,
        splits=(),
        default_splits=("train",),
    ),
    "mnist": ArraySource(
        class_names=mnist.DIGITS,
        read=read_or_download("mnist", mnist.read_mnist),
        default_splits=SPLITS,
    ),
    "fashion_mnist": ArraySource(
        class_names=mnist.CLOTHES,
        read=read_or_download("fashion_mnist", mnist.read_mnist),
        default_splits=SPLITS,
    ),
    "stacked_mnist": ArraySource(
        class_names=mnist.STACKED_DIGITS,
        read=mnist.read_mnist,
        default_splits=("train",),
        channels=3,
        combine=mnist.stack_split,
    ),
    "cifar10": ArraySource(
        class_names=cifar10.CLASS_NAMES,
        read=read_or_download("cifar10", cifar10.read_cifar10),
        default_splits=SPLITS,
    ),
    "celeba": ImageFileSource(
        open_files=celeba.open_celeba,
        has_attributes=True,
        data_dir_hint=celeba.WHERE,
    ),
    "folder": ImageFileSource(
        open_files=open_folder,
        channels=None,
        data_dir_hint="It must be a folder, an archive or another file of images.",
    ),
}
"""Every dataset by name."""
