"""Images that a Python program has: arrays, or a `tf.data.Dataset`, as a dataset to train on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.sizes import format_size
from dcgan.data.containers.common import class_labels
from dcgan.data.image_dataset import ImageDataset, check_dataset_size, dataset_from_arrays
from dcgan.data.load import image_transform
from dcgan.data.transforms import crop_and_resize_array

if TYPE_CHECKING:
    from dcgan.config import DataConfig

    Config = TypeVar("Config", bound=DataConfig)

NAME = "folder"
"""Name of the dataset in a run's options: that of anybody's own images."""

_EXPECTED = (
    "Give uint8 images (N, H, W) or (N, H, W, C) with 1, 3 or 4 channels, a pair of images and labels, or a "
    "tf.data.Dataset of single images, batches of images, or pairs of these and labels."
)
_CHANNELS = (1, 3, 4)


def dataset_of(images: Any, config: Config) -> tuple[ImageDataset, Config]:
    """Make a dataset of images that a program has.

    Args:
        images: an `ImageDataset`, which is taken as it is; uint8 images (N, H, W) or (N, H, W, C); a pair of these and
            N labels, integers or names; or a finite `tf.data.Dataset` of images or of pairs, in batches or one by one.
        config: size, crop and channels of the images, by default those that they have.

    Returns:
        The dataset, in memory, and the options with its size and channels.

    Raises:
        UserError: the images are of another type or shape, don't end, or don't fit into memory.
    """
    if config.data_dir is not None:
        raise UserError("`images` and --data-dir are two sources of images.", "Leave one of them out.")
    config = replace(config, dataset=NAME)
    dataset = images if isinstance(images, ImageDataset) else _read(images, config)
    return dataset, replace(config, image_size=format_size(dataset.image_size), channels=dataset.channels)


def _read(images: Any, config: DataConfig) -> ImageDataset:
    """Crop and resize images part by part, so that only the result has to fit into memory."""
    parts, labels, transform, count = [], [], None, 0
    for part, part_labels in _parts(images):
        if transform is None:
            transform = image_transform(config, (part.shape[1], part.shape[2]), part.shape[3])
        parts.append(crop_and_resize_array(part, transform))
        labels += [None] if part_labels is None else list(part_labels)
        count += len(part)
        check_dataset_size(count, parts[-1].shape[1:])
    if not parts:
        raise UserError("`images` is empty.", _EXPECTED)
    pixels = np.concatenate(parts)
    if config.labels == "none" or None in labels:
        return dataset_from_arrays(NAME, pixels, None, ())
    values = np.asarray(labels)
    found, names, remark = class_labels(values if values.dtype.kind in "iub" else labels, "`images`")
    if remark:
        raise UserError(f"The labels can't be used: {remark}.", "Leave them out, or give one per class of images.")
    return dataset_from_arrays(NAME, pixels, found, names)


def _parts(images: Any) -> Iterator[tuple[np.ndarray, Any]]:
    """Yield images (N, H, W, C) and their labels, None for no labels."""
    if hasattr(images, "as_numpy_iterator"):
        yield from _elements(images)
        return
    pixels, labels = images if isinstance(images, tuple) and len(images) == 2 else (images, None)
    pixels = _batch(pixels, single=False)
    if labels is not None and np.shape(labels) != (len(pixels),):
        raise UserError(
            f"`images` has {len(pixels)} images and labels {np.shape(labels)}.", "Give one label per image."
        )
    if len(pixels):
        yield pixels, labels


def _elements(images: Any) -> Iterator[tuple[np.ndarray, Any]]:
    """Yield the elements of a `tf.data.Dataset`, of which only a tensor's rank tells whether they are batches."""
    if bool(images.cardinality() == -1):  # tf.data.INFINITE_CARDINALITY
        raise UserError("`images` is a tf.data.Dataset without an end.", "Leave out repeat(), or add take(N).")
    spec = images.element_spec
    pair = isinstance(spec, tuple) and len(spec) == 2
    shape = getattr(spec[0] if pair else spec, "shape", None)
    if shape is None or shape.rank not in (2, 3, 4):
        raise UserError(f"The elements of `images` are {' '.join(str(spec).split())[:200]}.", _EXPECTED)
    single = shape.rank == 2 or (shape.rank == 3 and shape[-1] in _CHANNELS)
    for element in images.as_numpy_iterator():
        pixels, labels = element if pair else (element, None)
        yield _batch(pixels, single=single), None if labels is None else np.atleast_1d(labels)


def _batch(pixels: Any, *, single: bool) -> np.ndarray:
    """Return images as (N, H, W, C)."""
    array = np.asarray(pixels)
    if array.dtype != np.uint8:
        hint = (
            "Convert pixels in [0, 1] with (255 * x).round().astype('uint8')." if array.dtype.kind == "f" else _EXPECTED
        )
        raise UserError(f"`images` has the type {array.dtype} instead of uint8.", hint)
    batch = array[np.newaxis] if single else array
    if batch.ndim == 3 and batch.shape[2] not in _CHANNELS:
        batch = batch[..., np.newaxis]
    if batch.ndim != 4 or batch.shape[3] not in _CHANNELS or 0 in batch.shape[1:]:
        raise UserError(f"`images` has the shape {array.shape}.", _EXPECTED)
    return batch
