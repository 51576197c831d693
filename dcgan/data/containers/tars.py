"""Tar archives, one or several of a dataset, and the labels of WebDataset (github.com/webdataset/webdataset)."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dcgan.data.archives import COMPRESSED, open_tar
from dcgan.data.containers.common import class_labels, group_names
from dcgan.data.image_files import LABEL_KEYS, ImageFile, ImageFiles, NotRead


def starts_like_tar(start: bytes) -> bool:
    """Return whether a file is a tar archive, or compressed as only tar archives of images are, by its first bytes."""
    return start[257:262] == b"ustar" or start.startswith(COMPRESSED)


@contextlib.contextmanager
def open_tars(paths: Sequence[Path], root: Path) -> Iterator[ImageFiles]:
    """List the images of tar archives.

    Where each image `key.jpg` has a `key.cls`, or a `key.json` with a label, these are the labels.

    Args:
        paths: archives of one dataset; their names tell the splits.
        root: what the user named.

    Yields:
        The images, until the block ends.

    Raises:
        UserError: as `open_tar`.
    """
    with contextlib.ExitStack() as stack:
        parts = [stack.enter_context(open_tar(path, root)) for path in paths]
        labels = [_classes(part) for part in parts]  # of each part alone, as a search of all takes too long
        files, order = (parts[0], None) if len(parts) == 1 else _join(root, paths, parts)
        values = [value for part in labels for value in part]
        yield files if None in values else _labeled(files, values if order is None else [values[n] for n in order])


def _join(root: Path, paths: Sequence[Path], parts: Sequence[ImageFiles]) -> tuple[ImageFiles, list[int]]:
    """List the images of several archives as those of one, and return the order of all images in their list."""
    prefixes = group_names(paths)
    counts = Counter(f"{prefix}{name}" for prefix, part in zip(prefixes, parts, strict=True) for name in part.names)
    if any(count > 1 for count in counts.values()):
        prefixes = [f"{prefix}{path.name}/" for prefix, path in zip(prefixes, paths, strict=True)]
    found: dict[str, tuple[int, ImageFile, ImageFiles]] = {}
    not_read, count = NotRead(), 0
    for prefix, part in zip(prefixes, parts, strict=True):
        found |= {f"{prefix}{entry.name}": (count + n, entry, part) for n, entry in enumerate(part.entries)}
        count += len(part.entries)
        not_read.endings += part.not_read.endings
        not_read.others += part.not_read.others
        not_read.folders += part.not_read.folders

    def read(entry: ImageFile) -> bytes | np.ndarray:
        _, inner, part = found[entry.name]
        return part.read(inner)

    def read_other(name: str) -> bytes | None:
        for prefix, part in zip(prefixes, parts, strict=True):
            if name.startswith(prefix) and (data := part.read_other(name.removeprefix(prefix))) is not None:
                return data
        return None

    names = sorted(found)
    entries = tuple(replace(found[name][1], name=name) for name in names)
    remark = "; ".join(dict.fromkeys(part.remark for part in parts if part.remark))
    files = ImageFiles(root, entries, read, in_process=True, not_read=not_read, read_other=read_other, remark=remark)
    return files, [found[name][0] for name in names]


def _classes(files: ImageFiles) -> list[str | int | None]:
    """Return the class of each image by the file of the same key; at least one None if one has none."""
    ending = next((ending for ending in (".cls", ".json") if files.not_read.endings[ending]), None)
    values: list[str | int | None] = []
    for name in files.names if ending else ():
        folder, slash, base = name.rpartition("/")
        data = files.read_other(f"{folder}{slash}{base.partition('.')[0]}{ending}")
        values.append(None if data is None else _class_in(data, ending or ""))
        if values[-1] is None:
            break
    return values or [None]


def _labeled(files: ImageFiles, values: list[str | int | None]) -> ImageFiles:
    labels, class_names, remark = class_labels(values, "the class of each key")
    remark = "; ".join(part for part in (files.remark, remark) if part)
    return replace(files, labels=labels, class_names=class_names, remark=remark)


def _class_in(data: bytes, ending: str) -> str | int | None:
    """Return the class that a file of an image names; None if it names none."""
    if ending == ".cls":
        return data[:1000].decode("utf-8", "replace").strip() or None
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return None
    values = [content[name] for name in LABEL_KEYS if name in content] if isinstance(content, dict) else []
    return values[0] if values and isinstance(values[0], str | int) else None
