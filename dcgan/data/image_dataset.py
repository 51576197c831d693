"""A dataset in memory or memory-mapped: images, labels, class names and a fingerprint of the content."""

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from dcgan.core.classes import normalize_name
from dcgan.core.errors import UserError
from dcgan.core.sizes import Size, format_shape

LABELS_HINT = "The labels of a folder are its first-level folders; those of celeba are an --attribute."
"""What to do where labels are needed and the dataset has none."""

_MAX_BYTES = 1 << 33


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """One split of a dataset, ready for training.

    Args:
        name: the dataset's name on the command line.
        images: uint8 (N, H, W, C), C being 1, 3, or 4 for premultiplied RGBA, read-only; possibly memory-mapped and
            larger than memory.
        labels: int64 (N,), each an index into `class_names`; None where the source has no labels.
        class_names: one name per label, empty without labels.
        fingerprint: the result of `content_fingerprint`; a resumed run compares it.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    fingerprint: str

    def __post_init__(self):
        """Normalize the names of the classes."""
        object.__setattr__(self, "class_names", tuple(map(normalize_name, self.class_names)))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_size(self) -> Size:
        """(height, width) in pixels."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def channels(self) -> int:
        """1 for grayscale, 3 for color, 4 for color with transparency."""
        return self.images.shape[3]


def dataset_from_arrays(
    name: str, images: np.ndarray, labels: np.ndarray | None, class_names: tuple[str, ...]
) -> ImageDataset:
    """Make a dataset from arrays in memory.

    Args:
        name: the dataset's name.
        images: uint8 (N, H, W, C), C being 1 or 3.
        labels: integers (N,), each an index into `class_names`; None without labels.
        class_names: one name per label.

    Returns:
        The dataset; its images are read-only, as memory-mapped ones are.
    """
    images = np.ascontiguousarray(images).view()
    images.flags.writeable = False
    labels = None if labels is None else np.asarray(labels, np.int64)
    digest = hashlib.sha256(images.data).hexdigest()
    return ImageDataset(name, images, labels, class_names, content_fingerprint(digest, images.shape, labels))


def content_fingerprint(digest: str, shape: tuple[int, ...], labels: np.ndarray | None) -> str:
    """Identify the content of a dataset, independently of the files, paths and machine it came from.

    Args:
        digest: hexadecimal SHA-256 of the images' bytes in order; expensive, so the dataset cache stores it.
        shape: (N, H, W, C) of the images.
        labels: int64 (N,) or None.

    Returns:
        A hexadecimal SHA-256, 64 characters.
    """
    label_digest = "none" if labels is None else hashlib.sha256(labels.astype("<i8").data).hexdigest()
    return hashlib.sha256(f"{digest} {tuple(map(int, shape))} {label_digest}".encode()).hexdigest()


def check_dataset_size(count: int, shape: tuple[int, int, int]) -> None:
    """Refuse a dataset that an option makes too large to be held in memory.

    Args:
        count: number of images.
        shape: (H, W, C) of each.

    Raises:
        UserError: they take more than 8 GiB.
    """
    size = count * math.prod(shape)
    if size > _MAX_BYTES:
        raise UserError(
            f"{count} images of {format_shape(shape)} would take {size / 2**30:.0f} GiB of memory.",
            "Choose a smaller --image-size.",
        )


def evenly_spaced(count: int, wanted: int) -> np.ndarray:
    """Choose `wanted` evenly spaced indices of `count` images, the first and the last among them.

    Args:
        count: number of images, at least 1.
        wanted: number of indices; if it exceeds `count`, indices repeat equally often (up to a difference of one).

    Returns:
        int64 (wanted,), ascending, in [0, count).
    """
    if wanted > count:
        return np.arange(wanted) * count // wanted
    return np.linspace(0, count - 1, wanted).astype(int)
