"""What the formats of files with many images share: names of their images, and labels from values."""

import bisect
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.core.classes import class_name_problem
from dcgan.core.errors import UserError
from dcgan.data.image_files import ImageFile, ImageFiles, class_order, label_text

IMAGE_KEYS = ("image", "images", "img", "imgs", "x", "data", "picture", "pictures", "photo", "pixels", "arr_0")
"""Usual names of the images in a file."""

MAX_IMAGES = 1 << 24
"""Most images that are listed; each takes two hundred bytes of memory."""

_FEW_IMAGES = 1 << 20
_LEAST_IMAGE_BYTES = 16

ClassLabels = tuple[np.ndarray | None, tuple[str, ...], str]
"""int64 labels, the names of the classes, and a remark; see `class_labels`."""

_SHARD = re.compile(r"[-_.]?\d+(?:[-_.]?of[-_.]?\d+)?$", re.IGNORECASE)


def file_version(path: Path) -> int:
    """Return a number that differs when a file was rewritten, as in `ImageFile.version`."""
    status = path.stat()
    return status.st_mtime_ns + status.st_ctime_ns


def most_images(file_bytes: int) -> int:
    """Return the number of images that are believed to be in a file: a small one can declare any number of them.

    Args:
        file_bytes: size of the file.
    """
    return min(MAX_IMAGES, max(_FEW_IMAGES, file_bytes // _LEAST_IMAGE_BYTES))


def group_names(paths: Sequence[Path]) -> list[str]:
    """Name the part of a dataset that each of its files holds.

    `train-00000-of-00002.parquet` and `train-00001-of-00002.parquet` are one part, which the folder `train/` stands for
    in the names of the images; `cats.tar` and `dogs.tar` are two.

    Args:
        paths: the files.

    Returns:
        For each file a folder's name with a `/` at the end, or an empty text if all of them are one part.
    """
    names = [_without_shard(path) for path in paths]
    if len(set(names)) < 2:
        return [""] * len(names)
    if all("-" in name for name in names):  # mnist-train and mnist-test
        shared = {name.rpartition("-")[0] for name in names}
        names = [name.rpartition("-")[2] for name in names] if len(shared) == 1 else names
    return [f"{name}/" for name in names]


def _without_shard(path: Path) -> str:
    """Return a file's name without its endings and the number of the shard; its folder's name if nothing is left."""
    stem = _SHARD.sub("", path.name).partition(".")[0]
    return _SHARD.sub("", stem) or path.parent.name


def numbered_files(
    root: Path,
    groups: Iterable[tuple[str, Iterable[tuple[int, int]]]],
    read: Callable[[int], bytes | np.ndarray],
    labels: ClassLabels,
) -> ImageFiles:
    """List images that have no names under their numbers within their part of the dataset.

    Args:
        root: what the user named.
        groups: for each file its part, as from `group_names`, and the size and version of each of its images.
        read: returns the content of an image, given its position in the groups, counted from 0.
        labels: of the images in the same order.
    """
    counts: Counter[str] = Counter()
    positions: dict[str, list[tuple[int, int]]] = defaultdict(list)  # of a part: number and position of its images
    entries: list[ImageFile] = []
    for group, images in groups:
        positions[group].append((counts[group], len(entries)))
        for size, version in images:
            entries.append(ImageFile(f"{group}{counts[group]:07d}", size, version))
            counts[group] += 1
    order = sorted(range(len(entries)), key=lambda index: entries[index].name)

    def position(name: str) -> int:
        group, number = name[: name.rfind("/") + 1], int(name.rpartition("/")[2])
        first, start = positions[group][bisect.bisect_right(positions[group], (number, len(entries))) - 1]
        return start + number - first

    values, class_names, remark = labels
    return ImageFiles(
        root,
        tuple(entries[index] for index in order),
        lambda entry: read(position(entry.name)),
        in_process=True,
        labels=None if values is None else values[order],
        class_names=class_names,
        remark=remark,
    )


def class_labels(values: Sequence[Any] | np.ndarray, source: str) -> ClassLabels:
    """Make labels from numbers or names.

    Args:
        values: one per image: integers, truth values, text, or bytes of text; None for an image without a label.
        source: where they come from, for the remark.

    Returns:
        int64 labels, one name per class (numbers in their order, names sorted), and an empty text; or None, () and a
        remark that says why there are no labels.

    Raises:
        UserError: a value can't name a class.
    """
    if len(values) == 0:
        return None, (), ""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iub":
        numbers, labels = np.unique(values, return_inverse=True)
        names = tuple(str(int(number)) for number in numbers)
    else:
        texts = [label_text(value) for value in values]
        if None in texts:
            return None, (), f"{source} labels {len(texts) - texts.count(None)} of the images and is not used"
        known = sorted({text for text in texts if text is not None}, key=class_order)
        position = {name: index for index, name in enumerate(known)}
        labels, names = np.array([position[text] for text in texts if text is not None]), tuple(known)
    if len(names) > max(2, len(values) // 2):
        return None, (), f"{source} differs in most images and is not used as labels"
    for name in names:
        if (problem := class_name_problem(name)) is not None:
            raise UserError(f"The label {name[:80]!r} of {source} {problem}.", "Change it, or use --labels none.")
    return labels.astype(np.int64).reshape(-1), names, ""
