"""From options to an image set: which source, which split, which size."""

import contextlib
import math
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np

from dcgan.config import DataConfig, PrepareConfig
from dcgan.core.errors import UserError
from dcgan.core.sizes import Size, num_stages, parse_size
from dcgan.data import cifar10, stacked_mnist
from dcgan.data.celeba import WHERE, attribute_labels, open_celeba
from dcgan.data.dataset_cache import DatasetCache, cached_dataset, describe, report_skipped
from dcgan.data.image_dataset import ImageDataset, content_fingerprint, dataset_from_arrays
from dcgan.data.image_files import ImageFiles, open_image_files
from dcgan.data.mnist import CLASS_NAMES, read_mnist
from dcgan.data.transforms import CropResize, crop_and_resize_array

SPLITS = ("train", "test")
CACHED = ("celeba", "folder")
"""The data sets that are prepared into a store; the others are small enough to be read each time."""

_MOST_BYTES = 1 << 33
_PACKED_SIZE = (64, 64)  # the size of the paper's faces and of most that was drawn since


def load(config: DataConfig, split: str = "train") -> ImageDataset:
    """Load the images that the options ask for; a set of single pictures is prepared first where that wasn't done.

    Args:
        config: which data set, where it lies, and how its images are cut.
        split: `train`, or `test` for the sets that have one: `mnist`, `fashion_mnist`, `cifar10`, `stacked_mnist`
            made of `mnist`, and `celeba` beside its `list_eval_partition.txt`.

    Returns:
        The images, uint8 (N, H, W, C), their labels and their fingerprint.

    Raises:
        UserError: the options do not go together, or the source is missing, damaged, or not what it should be.
    """
    check(config, split)
    with _readable(config):
        if config.dataset not in CACHED:
            return _load_small(config, split)
        images, store = _load_packed(config, split)
    report_skipped(config.data_dir, store.skipped, len(images) + len(store.skipped))
    return images


def prepare(config: PrepareConfig) -> ImageDataset:
    """Make the store of a data set, and say where it is and what is in it.

    Args:
        config: as for `load`.

    Returns:
        The prepared training split.

    Raises:
        UserError: as `load`.
    """
    check(config, "train")
    if config.dataset not in CACHED:
        images = load(config)
        print(f"{config.dataset} needs no preparation: {len(images)} images are read in a moment.")
        return images
    with _readable(config):
        images, store = _load_packed(config, "train")
    print(f"{store.folder}: {len(images)} images of {_times(images.images.shape[1:])}.")
    if store.skipped:
        print(f"{len(store.skipped)} skipped: {describe(store.skipped)}")
    return images


def check(config: DataConfig, split: str) -> None:
    """Refuse options that do not go together before anything is read.

    Raises:
        UserError: two options contradict each other, one lacks another, or the split is unknown.
    """
    dataset = config.dataset
    if split not in SPLITS:
        raise UserError(f"There is no split {split!r}.", f"Splits: {', '.join(SPLITS)}.")
    if config.attribute is not None and dataset != "celeba":
        raise UserError(f"--attribute belongs to --dataset celeba, not to {dataset}.")
    if dataset in CACHED and config.data_dir is None:
        hint = WHERE if dataset == "celeba" else "It is a folder or a .zip of pictures."
        raise UserError(f"--dataset {dataset} needs --data-dir.", hint)
    if dataset == "mnist10k" and config.data_dir is not None:
        raise UserError("mnist10k is part of the program and reads no --data-dir.", "Choose another --dataset with it.")
    if dataset == "stacked_mnist" and config.channels == 1:
        raise UserError("The three digits of stacked_mnist are its three channels; --channels 1 leaves no room.")
    if split == "test" and (dataset in ("mnist10k", "folder") or (dataset, config.data_dir) == ("stacked_mnist", None)):
        raise UserError(f"{dataset} has no test split.", "mnist, fashion_mnist, cifar10 and celeba have one.")
    _check_size(config)


def _check_size(config: DataConfig) -> None:
    """A crop is square, so the images that it is resized to are, too."""
    if config.image_size is not None:
        height, width = parse_size(config.image_size)
        if config.crop is not None and height != width:
            raise UserError(f"--crop cuts a square, which would be distorted to --image-size {height}x{width}.")


def _size(config: DataConfig, own: Size) -> Size:
    """The size asked for, or the data set's own."""
    size = parse_size(config.image_size) if config.image_size is not None else own
    num_stages(size)
    return size


@contextlib.contextmanager
def _readable(config: DataConfig) -> Iterator[None]:
    """What no reader foresaw about a path (a folder that may not be entered, a name too long) is the user's to mend."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{config.data_dir} can't be read: {error.strerror or error}.", "Check --data-dir.") from error


def _load_small(config: DataConfig, split: str) -> ImageDataset:
    """Read a set whole, and cut it in memory."""
    images, labels, class_names = _read_small(config, split)
    cut = CropResize(_size(config, images.shape[1:3]), config.crop, config.channels or images.shape[3])
    _check_memory(len(images), cut)
    images = crop_and_resize_array(images, cut)
    if config.dataset == "stacked_mnist":  # stacked last: there are fewer digits than triples to resize
        _check_memory(stacked_mnist.COUNT[split], replace(cut, channels=3))
        images, labels = stacked_mnist.stack(images, labels, stacked_mnist.COUNT[split])
    return dataset_from_arrays(config.dataset, images, labels, class_names)


def _check_memory(count: int, cut: CropResize) -> None:
    """Sets that are read whole are small by nature; made large by an option, they would not fit."""
    size = count * math.prod(cut.shape)
    if size > _MOST_BYTES:
        raise UserError(
            f"{count} images of {_times(cut.shape)} would take {size / 2**30:.0f} GiB of memory.",
            "Choose a smaller --image-size.",
        )


def _read_small(config: DataConfig, split: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Images, uint8 (N, H, W, C), labels and class names as the files have them; single digits for stacked_mnist."""
    if config.dataset == "cifar10":
        return *cifar10.read_cifar10(config.data_dir, split), cifar10.CLASS_NAMES
    if config.dataset == "stacked_mnist":
        digits = "mnist" if config.data_dir else "mnist10k"
        return *read_mnist(digits, config.data_dir, split), stacked_mnist.CLASS_NAMES
    return *read_mnist(config.dataset, config.data_dir, split), CLASS_NAMES[config.dataset]


def _load_packed(config: DataConfig, split: str) -> tuple[ImageDataset, DatasetCache]:
    """Open the store of single pictures, and give its rows their labels."""
    cut = CropResize(_size(config, _PACKED_SIZE), config.crop, config.channels or 3)
    name = config.dataset if split == "train" else f"{config.dataset}-{split}"
    with _listing(config, split) as listing:
        names = [entry.name for entry in listing.entries]
        label_of = _attribute_of(config, listing.root, names)
        _labels(config, names, label_of)  # first: what is wrong with them should not cost a preparation
        store = cached_dataset(name, listing, cut, config.cache_dir)
    missing = {item.name for item in store.skipped}
    names = [name for name in names if name not in missing]
    labels, class_names = _labels(config, names, label_of)
    fingerprint = content_fingerprint(store.digest, store.images.shape, labels)
    return ImageDataset(config.dataset, store.images, labels, class_names, fingerprint), store


def _listing(config: DataConfig, split: str) -> AbstractContextManager[ImageFiles]:
    if config.dataset == "celeba":
        return open_celeba(config.data_dir, split)
    return open_image_files(config.data_dir)


def _attribute_of(config: DataConfig, root: Path, names: list[str]) -> dict[str, int]:
    """CelebA's attribute by name, empty if none is asked for."""
    if config.attribute is None:
        return {}
    return dict(zip(names, attribute_labels(root, names, config.attribute), strict=True))


def _labels(
    config: DataConfig, names: list[str], label_of: dict[str, int]
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Labels of the pictures, int64 (N,), and the class names; None and () without labels."""
    if config.dataset == "folder":
        labels, class_names = folder_labels(names)
    elif config.attribute is None:
        labels, class_names = None, ()
    else:
        labels, class_names = [label_of[name] for name in names], (f"not {config.attribute}", config.attribute)
    return None if labels is None else np.array(labels, np.int64), class_names


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def folder_labels(names: list[str]) -> tuple[list[int] | None, tuple[str, ...]]:
    """Take the first folder of every path for its class, where that makes sense.

    Args:
        names: paths from the root on, parted by `/`.

    Returns:
        A label a name and the sorted class names; None and () unless there are at least two folders and every
        picture lies in one.

    Raises:
        UserError: a class would have a name that can't be written down.
    """
    folders = [name.partition("/")[0] if "/" in name else None for name in names]
    classes = sorted(set(folders) - {None})
    if len(classes) < 2 or None in folders:
        return None, ()
    for name in classes:
        _check_name(name)
    position = {name: index for index, name in enumerate(classes)}
    return [position[folder] for folder in folders], tuple(classes)


def _check_name(name: str) -> None:
    """Refuse a name that is no UTF-8, which Python holds as surrogates: reports and pictures could not repeat it."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(f"The name of the class folder {os.fsencode(name)} is no UTF-8.", "Rename it.") from error
