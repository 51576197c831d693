"""Arrays of images under names: the keys of an `.npz`, the datasets of an HDF5 file, or several `.npy` files."""

import bisect
import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.sizes import format_shape
from dcgan.data import image_files as limits
from dcgan.data.archives import most_unpacked
from dcgan.data.containers.common import IMAGE_KEYS, class_labels, most_images, numbered_files
from dcgan.data.image_files import LABEL_KEYS, MAX_TABLE_BYTES, ImageFiles

EXPECTED = "Expected are uint8 images of shape (N, H, W) or (N, H, W, C) with 1, 3 or 4 channels."
"""Which arrays are read, for error messages."""

_MIN_IMAGE_BYTES = 16
_SPLITS = {"train": "train", "tr": "train", "test": "test", "te": "test", "val": "validation", "valid": "validation"}


class Array(Protocol):
    """An array in a file, which is read piece by piece."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each dimension."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Type of an element."""
        ...

    @property
    def version(self) -> int:
        """A number that differs when the content does."""
        ...

    @property
    def file_bytes(self) -> int:
        """Size of the file."""
        ...

    def __getitem__(self, index: Any, /) -> Any:
        """Return a part as an array of NumPy."""
        ...


def list_arrays(root: Path, arrays: Mapping[str, Array]) -> ImageFiles:
    """List the images of the arrays in a file.

    The only array that can hold images is taken, or those of a usual name (`images`, `x_train` and `x_test`); where
    names speak of splits, the images are named `train/0000000` and so on. Labels are an array of as many integers or
    names, of a usual name (`labels`, `y_train`).

    Args:
        root: what the user named.
        arrays: the arrays by name.

    Returns:
        The images; `read` returns pixels, and works in this process alone.

    Raises:
        UserError: there are no images, or several arrays of them.
    """
    chosen = _choose_images(root, arrays)
    images = [arrays[key] for key in chosen.values()]
    groups = [(split, _entries(array)) for split, array in zip(chosen, images, strict=True)]
    starts = list(itertools.accumulate((array.shape[0] for array in images), initial=0))

    def read(index: int) -> np.ndarray:
        number = bisect.bisect_right(starts, index) - 1
        array = images[number]
        return _as_channels_last(np.asarray(array[index - starts[number]]), array.shape)

    labels, class_names, remark, used = _find_labels(arrays, chosen)
    remark = "; ".join(part for part in (_describe(chosen, arrays), remark) if part)
    files = numbered_files(root, groups, read, (labels, class_names, remark))
    return files.noting("other array|s", len(arrays) - len(chosen) - used)


def _choose_images(root: Path, arrays: Mapping[str, Array]) -> dict[str, str]:
    """Return the array of each split by the split's folder, which is empty without splits."""
    problems = {key: _problem(array) for key, array in arrays.items()}
    candidates = [key for key, problem in problems.items() if problem == ""]
    if not candidates:
        explained = next((f" {key}: {problem}" for key, problem in problems.items() if problem), "")
        found = ", ".join(_show(key, array) for key, array in list(arrays.items())[:8]) or "no arrays"
        raise UserError(f"{root} holds no array of images, only {found}.{explained}", EXPECTED)
    usual = [key for key in candidates if _words(key) & set(IMAGE_KEYS)]
    for keys in (candidates, usual):
        splits = {_split(key): key for key in keys}
        if len(keys) == 1:
            return {"": keys[0]}
        if keys and len(splits) == len(keys) and {"train"} <= set(splits) and "" not in splits:
            return {f"{split}/": key for split, key in splits.items()}
    raise UserError(
        f"{root} holds several arrays of images: {', '.join(_show(key, arrays[key]) for key in candidates[:8])}.",
        "Save the one to train on alone, or under the name images.",
    )


def _problem(array: Array) -> str | None:
    """Return why an array can't hold images: "" if it can, None if it does not look like images at all."""
    shape, dtype = array.shape, array.dtype
    if len(shape) not in (3, 4) or shape[0] == 0:
        if len(shape) == 2 and shape[1] in (784, 3072, 4096, 12288) and dtype.kind in "uif":
            return f"its images are flat; reshape it, for example x.reshape({_flat_shape(shape[1])})."
        return None
    if len(shape) == 3 and shape[2] in (1, 3, 4):
        return f"its shape {format_shape(shape)} is that of a single image; save it as x[None], or as a PNG."
    if len(shape) == 4 and shape[3] not in (1, 3, 4) and not _channels_first(shape):
        return f"its shape {format_shape(shape)} has {shape[3]} channels."
    if dtype == np.uint8 or (dtype == np.uint16 and len(shape) == 3):
        if not _MIN_IMAGE_BYTES <= _image_bytes(array) <= limits.MAX_FILE_BYTES:
            return f"an image of {format_shape(shape[1:])} is too small or too large."
        if (declared := shape[0] * _image_bytes(array)) > most_unpacked(array.file_bytes):
            return f"its {declared:,} bytes are more than a file of {array.file_bytes:,} bytes may unpack to."
        if shape[0] > most_images(array.file_bytes):
            return f"{shape[0]:,} images are more than a file of {array.file_bytes:,} bytes can hold or than are read."
        return ""
    if dtype.kind == "f":
        return (
            f"its elements are {dtype}, and what black and white are is not known; save uint8, from [0, 1] with "
            "(255 * x).round().astype(np.uint8), from [-1, 1] with (127.5 * (x + 1)).round().astype(np.uint8)."
        )
    return f"its elements are {dtype}; if they are from 0 to 255, save x.astype(np.uint8)."


def _flat_shape(size: int) -> str:
    return {784: "-1, 28, 28", 3072: "-1, 32, 32, 3", 4096: "-1, 64, 64"}.get(size, "-1, 64, 64, 3")


def _channels_first(shape: tuple[int, ...]) -> bool:
    """Return whether images are (C, H, W), as those of PyTorch."""
    return len(shape) == 4 and shape[1] in (1, 3, 4) and shape[3] not in (1, 3, 4)


def _as_channels_last(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return image.transpose(1, 2, 0) if _channels_first(shape) else image


def _entries(array: Array) -> Iterator[tuple[int, int]]:
    """Yield the size and the version of each image."""
    size = _image_bytes(array)
    return ((size, array.version + 1 + number) for number in range(array.shape[0]))


def _image_bytes(array: Array) -> int:
    return functools.reduce(lambda size, side: size * side, array.shape[1:], array.dtype.itemsize)


def _find_labels(
    arrays: Mapping[str, Array], chosen: Mapping[str, str]
) -> tuple[np.ndarray | None, tuple[str, ...], str, int]:
    """Return the labels of all chosen images in the order of `chosen`, class names, a remark, and the arrays used."""
    keys = []
    for image_key in chosen.values():
        count = arrays[image_key].shape[0]
        fitting = [
            key for key, array in arrays.items() if _may_be_labels(array, count) and _words(key) & set(LABEL_KEYS)
        ]
        same = [key for key in fitting if len(chosen) == 1 or _split(key) == _split(image_key)]
        if len(same) != 1:
            return None, (), "", 0
        keys += same
    values = [np.asarray(arrays[key][:]).reshape(-1) for key in keys]
    parts = values if all(part.dtype.kind in "iub" for part in values) else [part.astype(object) for part in values]
    labels, names, remark = class_labels(np.concatenate(parts), " and ".join(keys))
    return labels, names, remark, len(keys) if labels is not None else 0


def _may_be_labels(array: Array, count: int) -> bool:
    """Return whether an array has one integer or name per image; (N, 1) is as good as (N,)."""
    fits = len(array.shape) >= 1 and array.shape[0] == count and all(side == 1 for side in array.shape[1:])
    return fits and array.dtype.kind in "iubUSO" and count * array.dtype.itemsize <= MAX_TABLE_BYTES


def _words(key: str) -> set[str]:
    """Return the words of a key in lower case: those of `train/X_images` are train, x and images."""
    lower = key.lower()
    return {*re.findall(r"[a-z]+", lower), lower.rpartition("/")[2]}


def _split(key: str) -> str:
    """Return the split that a key speaks of, empty for none."""
    words = re.findall(r"[a-z]+", key.lower())
    found = {split for word in words for start, split in _SPLITS.items() if word == start or word == f"{start}ing"}
    return found.pop() if len(found) == 1 else ""


def _show(key: str, array: Array) -> str:
    return f"{key} ({array.dtype} {format_shape(array.shape) or 'of one number'})"


def _describe(chosen: Mapping[str, str], arrays: Mapping[str, Array]) -> str:
    """Name the arrays that were chosen, where there was a choice."""
    return f"images from {' and '.join(chosen.values())}" if len(arrays) > 1 else ""
