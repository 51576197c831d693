"""The dataset `folder`: anybody's images, with splits and labels from folders or from a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.wording import join_words
from dcgan.data.image_files import ImageFiles, Labels, read_bounded
from dcgan.data.label_files import STYLEGAN_FILE, find_label_file, read_label_file
from dcgan.data.layout import find_layout, folder_classes
from dcgan.data.listing import open_image_files

if TYPE_CHECKING:
    from dcgan.config import DataConfig

TEST_SPLITS = ("test", "validation")
"""Folders that hold the test split, the first that there is."""


@contextlib.contextmanager
def open_folder(config: DataConfig, split: str) -> Iterator[ImageFiles]:
    """List the images of one split with their labels.

    Args:
        config: of which `data_dir` and `labels` decide.
        split: `train`, or `test` where there is a folder for it.

    Yields:
        The files; an archive is open until the block ends.

    Raises:
        UserError: as `open_image_files`; or the labels are not usable, or there is no such split.
    """
    assert config.data_dir is not None  # as `check_options` ensures
    with open_split(config.data_dir, config.labels or "auto", split) as files:
        yield files


@contextlib.contextmanager
def open_split(data_dir: Path, labels: str, split: str) -> Iterator[ImageFiles]:
    """List the images of one split with their labels.

    Args:
        data_dir: folder, archive or file with many images.
        labels: as for `label_images`.
        split: as for `open_folder`.

    Yields:
        The files; an archive is open until the block ends.

    Raises:
        UserError: as `open_folder`.
    """
    with open_image_files(data_dir) as files:
        layout = find_layout(files.names if labels != "folders" else ())
        if not layout.splits:
            if split != "train":
                raise UserError(
                    f"{data_dir} has no {split} split.",
                    "Put its images into a folder called test, beside train.",
                )
            yield label_images(files, labels)
            return
        train = label_images(files.filter(lambda name: layout.split_of(name) == "train"), labels)
        if split == "train":
            others = [folder for name, found in layout.splits.items() if name != "train" for folder in found]
            count = sum(layout.split_of(name) != "train" for name in files.names)
            yield train.noting(f"image|s in {join_words(f'{folder}/' for folder in others)}", count)
            return
        chosen = next((name for name in TEST_SPLITS if name in layout.splits), None)
        if chosen is None:
            raise UserError(f"{data_dir} has no {split} split.", "Put its images into a folder called test.")
        test = files.filter(lambda name: layout.split_of(name) == chosen)
        yield _with_labels_of(label_images(test, labels), train)


def label_images(files: ImageFiles, labels: str = "auto") -> ImageFiles:
    """Label images by their folders or by a file; images without a label are left out if others have one.

    Args:
        files: the images.
        labels: `none`; `folders` for first-level folders, whatever they are called; a file with labels, with the name
            of its column after a colon where it has several; or `auto` for the labels that the images come with, those
            of first-level folders that are not shards, or those of a file of a usual name that labels every image.

    Returns:
        The images, with labels where there are any.

    Raises:
        UserError: the labels that are asked for are not usable.
    """
    if labels == "none":
        return replace(files, labels=None, class_names=())
    if labels not in ("auto", "folders"):
        source, data, column = _open_label_file(files, labels)
        found = read_label_file(data, source, column, files.names)
        return _labeled(files, found, f"image|s without a label in {source}")
    if labels == "auto" and files.labels is not None:
        return files
    table = Labels(None) if labels == "folders" else _usual_label_file(files)
    if table.labels is None or STYLEGAN_FILE not in table.remark:  # whose folders are shards
        classes = folder_classes(files.names, forced=labels == "folders")
        if classes.labels is not None:
            return _labeled(files, classes, "image|s beside the class folders")
        if table.labels is None:
            return replace(files, remark=_join(files.remark, classes.remark, table.remark))
    return _labeled(files, table, "")


def _labeled(files: ImageFiles, labels: Labels, otherwise: str) -> ImageFiles:
    """Return the images that have a label, and note the number of the others."""
    array = np.array(labels.labels, np.int64)
    kept = np.flatnonzero(array >= 0)
    entries = files.entries if len(kept) == len(array) else tuple(files.entries[index] for index in kept)
    remark = _join(files.remark, labels.remark)
    labeled = replace(files, entries=entries, labels=array[kept], class_names=labels.names, remark=remark)
    return labeled.noting(otherwise, len(array) - len(kept))


def _with_labels_of(test: ImageFiles, train: ImageFiles) -> ImageFiles:
    """Return a test split with the class numbers of the training split; images of other classes are left out."""
    if test.labels is None or train.labels is None:
        return replace(test, labels=None, class_names=())
    position = {name: index for index, name in enumerate(train.class_names)}
    labels = [position.get(test.class_names[label], -1) for label in test.labels]
    return _labeled(test, Labels(labels, train.class_names), "image|s of classes that are not trained on")


def _open_label_file(files: ImageFiles, option: str) -> tuple[str, bytes, str | None]:
    """Return the name of the file that `--labels` names, its content, and the column if that is named as well."""
    name, _, column = option.rpartition(":")
    for source, chosen in ((option, None), (name, column)):
        if not source:
            continue
        path = Path(source).expanduser()
        if path.exists():
            return source, read_bounded(path), chosen
        if (data := files.read_other(source)) is not None:
            return source, data, chosen
    raise UserError(
        f"--labels {option} is neither none nor folders, and there is no such file, nor one in {files.root}.",
        "Name a .csv, .tsv or .json file of labels, with :COLUMN after it for one of several columns.",
    )


def _usual_label_file(files: ImageFiles) -> Labels:
    """Return the labels of a file of a usual name if they are those of all images, and a remark on it."""
    found = find_label_file(files.read_other, files.root)
    if found is None:
        return Labels(None)
    source, data = found
    try:
        table = read_label_file(data, source, None, files.names)
    except UserError:
        return Labels(None)  # many tables that lie beside images have no labels
    labeled = sum(label >= 0 for label in table.labels or ())
    if labeled < len(files.entries):
        problem = f"labels {labeled} of the images"
    elif not 2 <= len(table.names) <= max(2, len(files.entries) // 2):
        problem = "has no classes"
    else:
        return replace(table, remark=f"labels from {source}")
    return Labels(None, remark=f"{source} {problem} and is not used (--labels {source} does)")


def _join(*remarks: str) -> str:
    return "; ".join(remark for remark in remarks if remark)
