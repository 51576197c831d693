"""Tar archives, one or several of a dataset, and the labels of WebDataset (github.com/webdataset/webdataset)."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dcgan.data.archives import COMPRESSED, open_tar
from dcgan.data.containers.common import LABEL_KEYS, class_labels, group_names
from dcgan.data.image_files import ImageFile, ImageFiles, NotRead


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
        files = parts[0] if len(parts) == 1 else _join(root, paths, parts)
        yield _with_labels(files)


def _join(root: Path, paths: Sequence[Path], parts: Sequence[ImageFiles]) -> ImageFiles:
    """List the images of several archives as those of one."""
    prefixes = group_names(paths)
    counts = Counter(f"{prefix}{name}" for prefix, part in zip(prefixes, parts, strict=True) for name in part.names)
    if any(count > 1 for count in counts.values()):
        prefixes = [f"{prefix}{path.name}/" for prefix, path in zip(prefixes, paths, strict=True)]
    found: dict[str, tuple[ImageFile, ImageFiles]] = {}
    not_read = NotRead()
    for prefix, part in zip(prefixes, parts, strict=True):
        found |= {f"{prefix}{entry.name}": (entry, part) for entry in part.entries}
        not_read.endings += part.not_read.endings
        not_read.others += part.not_read.others
        not_read.folders += part.not_read.folders

    def read(entry: ImageFile) -> bytes | np.ndarray:
        inner, part = found[entry.name]
        return part.read(inner)

    def read_other(name: str) -> bytes | None:
        for prefix, part in zip(prefixes, parts, strict=True):
            if name.startswith(prefix) and (data := part.read_other(name.removeprefix(prefix))) is not None:
                return data
        return None

    entries = tuple(replace(found[name][0], name=name) for name in sorted(found))
    remark = "; ".join(dict.fromkeys(part.remark for part in parts if part.remark))
    return ImageFiles(root, entries, read, in_process=True, not_read=not_read, read_other=read_other, remark=remark)


def _with_labels(files: ImageFiles) -> ImageFiles:
    """Label images by the file of the same key, if each of them has one."""
    ending = next((ending for ending in (".cls", ".json") if files.not_read.endings[ending]), None)
    if ending is None:
        return files
    values = []
    for name in files.names:
        folder, slash, base = name.rpartition("/")
        data = files.read_other(f"{folder}{slash}{base.partition('.')[0]}{ending}")
        value = None if data is None else _class_in(data, ending)
        if value is None:
            return files
        values.append(value)
    labels, class_names, remark = class_labels(values, f"the {ending} of each image")
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
