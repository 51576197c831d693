"""The image files of a folder, archive or container: their names in a fixed order, their content and their labels."""

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.system_errors import unreadable
from dcgan.core.wording import counted, join_words

MAX_FILE_BYTES = 1 << 27  # an image file above it is a mistake or an attack

MAX_TABLE_BYTES = 1 << 28
"""Largest table of labels that is read; the largest one of CelebA has 27 million bytes."""

LABEL_KEYS = (
    *("label", "labels", "class", "classes", "category", "target", "targets", "class_name", "label_name"),
    *("fine_label", "cls", "y", "breed", "species", "arr_1"),
)
"""Usual names of labels, in a file with many images and as a column of a table."""

Reader = Callable[["ImageFile"], bytes | np.ndarray]
"""From an entry to its bytes, or to its pixels: (H, W) or (H, W, C), uint8 or uint16."""


@dataclass(frozen=True, slots=True)  # there may be millions
class ImageFile:
    """One image file.

    Args:
        name: path relative to the root, separated by `/`.
        size: size in bytes.
        version: times of the last changes of content and metadata, or CRC: differs when the content does.
    """

    name: str
    size: int
    version: int


@dataclass
class NotRead:
    """What a listing leaves out, and why.

    Args:
        endings: number of files that are no images, by the ending of their name; `""` stands for names without one.
        others: number of other items, by a noun in the plural whose ending a `|` marks, for example `broken link|s`.
        folders: names of folders that are left out with everything in them.
    """

    endings: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    folders: Counter[str] = field(default_factory=Counter)

    def add_file(self, name: str) -> None:
        """Count a file that is no image.

        Args:
            name: its name, with or without folders.
        """
        stem, dot, ending = name.rpartition("/")[2].rpartition(".")
        self.endings[f".{ending.lower()}" if stem and dot and len(ending) < 12 else ""] += 1

    def describe(self) -> str:
        """Return a list for a sentence, for example `24 .tif and .avif files, 20 broken links`; empty without any."""
        parts = []
        known = [ending for ending in _most_common(self.endings) if ending]
        if known:
            shown = known if len(known) <= 5 else [*known[:4], "other"]
            parts.append(counted(sum(self.endings[ending] for ending in known), f"{join_words(shown)} file"))
        if self.endings[""]:
            parts.append(f"{counted(self.endings[''], 'file')} without an ending")
        parts += [_counted(self.others[noun], noun) for noun in _most_common(self.others)]
        if self.folders:
            names = _most_common(self.folders)
            shown = names if len(names) <= 5 else [*names[:4], "others"]
            parts.append(f"{'the folder' if len(names) == 1 else 'the folders'} {join_words(shown)}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Labels:
    """Labels of a list of files.

    Args:
        labels: one per file, an index into `names`, or -1 for a file without a label; None without classes.
        names: names of the classes.
        remark: where the labels come from, or why there are none; empty where that needs no word.
    """

    labels: list[int] | None
    names: tuple[str, ...] = ()
    remark: str = ""


@dataclass(frozen=True)
class ImageFiles:
    """The image files of one folder, archive or container, sorted by name: the same order on every system.

    Args:
        root: the folder, archive or container.
        entries: the image files.
        read: returns the content of an entry; may be called from several threads. It raises ValueError, OSError or an
            error of the archive's library where the file can't be read.
        in_process: whether `read` works in this process alone, as it has the archive open.
        labels: int64, an index into `class_names` for each entry; None without labels.
        class_names: one name per class.
        not_read: what else there is in the root.
        read_other: returns the content of a file that is no image, given the end of its path; None where there is none.
        remark: what else to say about the listing, as a part of a sentence; empty for nothing.
    """

    root: Path
    entries: tuple[ImageFile, ...]
    read: Reader
    in_process: bool = False
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    not_read: NotRead = field(default_factory=NotRead)
    read_other: Callable[[str], bytes | None] = lambda name: None
    remark: str = ""

    @property
    def names(self) -> list[str]:
        """Names of the entries."""
        return [entry.name for entry in self.entries]

    @functools.cached_property
    def fingerprint(self) -> str:
        """Hexadecimal SHA-256: differs when a file is added, removed, renamed or rewritten, not when the root moves."""
        digest = hashlib.sha256()
        for entry in self.entries:  # one by one, since the lines of a million files are a hundred megabytes
            digest.update(f"{entry.name}\0{entry.size}\0{entry.version}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def filter(self, keep: Callable[[str], bool]) -> "ImageFiles":
        """Return the files whose name `keep` accepts."""
        kept = [index for index, entry in enumerate(self.entries) if keep(entry.name)]
        entries = tuple(self.entries[index] for index in kept)
        return replace(self, entries=entries, labels=None if self.labels is None else self.labels[kept])

    def noting(self, noun: str, count: int) -> "ImageFiles":
        """Return the same files with a note of others that are not read; unchanged for none.

        Args:
            noun: what the others are, as in `NotRead.others`.
            count: number of them.
        """
        if not count:
            return self
        others = self.not_read.others + Counter({noun: count})
        return replace(self, not_read=replace(self.not_read, others=others))

    def describe(self) -> str:
        """Return one line: the number of images, the classes and how many images each has, and what is not read."""
        text = counted(len(self.entries), "image")
        if self.labels is not None:
            counts = np.bincount(self.labels, minlength=len(self.class_names))
            pairs = [f"{name} {count}" for name, count in zip(self.class_names, counts, strict=True)]
            shown = pairs if len(pairs) <= 10 else [*pairs[:8], "…", pairs[-1]]
            text += f" in {counted(len(pairs), 'class')} ({', '.join(shown)})"
        omitted = self.not_read.describe()
        parts = [text, self.remark, f"not read: {omitted}" if omitted else ""]
        return "; ".join(part for part in parts if part)


def check_file_size(size: int) -> None:
    """Refuse a file that no image takes.

    Args:
        size: its size in bytes.

    Raises:
        ValueError: it is more than `MAX_FILE_BYTES`.
    """
    if size > MAX_FILE_BYTES:
        raise ValueError(f"the file is larger than {MAX_FILE_BYTES >> 20} MiB")


def read_bounded(path: Path) -> bytes:
    """Read a file of labels or annotations.

    Args:
        path: the file.

    Raises:
        UserError: it can't be read, is no file, or is larger than `MAX_TABLE_BYTES`.
    """
    try:
        if not path.is_file():  # opening a pipe would wait forever
            raise UserError(f"{path} is not a file.", "Name a file with labels.")
        with path.open("rb") as file:
            data = file.read(MAX_TABLE_BYTES + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) > MAX_TABLE_BYTES:
        raise UserError(
            f"{path} has more than {MAX_TABLE_BYTES >> 20} MiB, too large for a table.", "Download it again."
        )
    return data


def class_order(name: str) -> tuple[int, int, str]:
    """Return what names of classes are sorted by: numbers come first, by value.

    Args:
        name: of a class.
    """
    return (0, int(name), name) if re.fullmatch(r"-?[0-9]{1,9}", name) else (1, 0, name)


def label_text(value: Any) -> str | None:
    """Return a label as text; None for no label.

    Args:
        value: text, bytes of text, a number or a truth value; `3.0` is `3`, and NaN is no label.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


def _most_common(counts: Counter[str]) -> list[str]:
    """Return what is counted, in the same order on every system."""
    return sorted(counts, key=lambda name: (-counts[name], name))


def _counted(count: int, nouns: str) -> str:
    return f"{count} {re.sub('[|][a-z]+', '', nouns) if count == 1 else nouns.replace('|', '')}"
