"""What every source gives: pictures, their labels, and who they are."""

import hashlib
from dataclasses import dataclass

import numpy as np

from dcgan.core.sizes import Size

LABELS_HINT = "A folder's labels are its first-level folders; celeba's are an --attribute."
"""What to do where labels are needed and there are none."""


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """One split of a data set, ready for training.

    Args:
        name: the data set's name on the command line.
        images: uint8 (N, H, W, C), C being 1 or 3, read-only; perhaps a memory-mapped file, so take it piece by piece.
        labels: int64 (N,), each an index into `class_names`; None where the source has no labels.
        class_names: one name a label, empty without labels.
        fingerprint: what `content_fingerprint` says of the content; a resumed run compares it.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_size(self) -> Size:
        """(height, width) in pixels."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        return self.images.shape[3]


def dataset_from_arrays(
    name: str, images: np.ndarray, labels: np.ndarray | None, class_names: tuple[str, ...]
) -> ImageDataset:
    """An image set of arrays that are small enough to be read whole: uint8 (N, H, W, C) and whole numbers (N,)."""
    images = np.ascontiguousarray(images).view()
    images.flags.writeable = False  # as a mapped store's are
    labels = None if labels is None else np.asarray(labels, np.int64)
    digest = hashlib.sha256(images).hexdigest()
    return ImageDataset(name, images, labels, class_names, content_fingerprint(digest, images.shape, labels))


def content_fingerprint(digest: str, shape: tuple[int, ...], labels: np.ndarray | None) -> str:
    """The identity of a set's content, whatever file, path or machine it came from.

    Args:
        digest: sha256 of the images' bytes in order, in hexadecimal; the dear part, which a store remembers.
        shape: (N, H, W, C) of the images.
        labels: int64 (N,) or None.

    Returns:
        A sha256 in hexadecimal, 64 characters.
    """
    labelled = "none" if labels is None else hashlib.sha256(labels.astype("<i8")).hexdigest()
    return hashlib.sha256(f"{digest} {tuple(map(int, shape))} {labelled}".encode()).hexdigest()


def evenly_spaced(count: int, wanted: int) -> np.ndarray:
    """Which of `count` images, at least 1, to take so that `wanted` of them come evenly from all: int64 (wanted,).

    The first and the last are among them; where there are fewer, none comes more often than another by more than one.
    """
    if wanted > count:
        return np.arange(wanted) * count // wanted
    return np.linspace(0, count - 1, wanted).astype(int)
