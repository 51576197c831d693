"""Labels from a file beside the images: CSV, TSV, JSON and JSON Lines, such as the `dataset.json` of StyleGAN."""

import csv
import io
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dcgan.core.classes import class_name_problem
from dcgan.core.errors import UserError
from dcgan.core.wording import counted
from dcgan.data.image_files import LABEL_KEYS, Labels, class_order, label_text, read_bounded

STYLEGAN_FILE = "dataset.json"
"""Name of the labels of StyleGAN's datasets."""

LABEL_FILES = (
    *(STYLEGAN_FILE, "labels.csv", "labels.tsv", "labels.json", "labels.jsonl"),
    *("metadata.csv", "metadata.jsonl"),
)
"""Names under which a file of labels is looked for, beside the images or their archive."""

_FILE_COLUMNS = ("file_name", "filename", "file", "image", "image_id", "img", "path", "image_path", "name", "id")
_MAX_ROWS = 1 << 22
_MAX_JSON_BYTES = 1 << 26  # twenty times as much in memory


_Row = TypeVar("_Row")


def read_label_file(data: bytes, source: str, column: str | None, names: Sequence[str]) -> Labels:
    """Label files by a table.

    A file is found by its path from the root, by a part of the path that ends with its name, or by its name, each with
    or without the ending.

    Args:
        data: content of the table.
        source: its name, whose ending tells the format.
        column: name of the column with labels; by default one of the usual names, or the only one beside the files.
        names: paths of the images, separated by `/`.

    Returns:
        The labels, -1 for an image that the table does not label; numbers are in their order, other names sorted.

    Raises:
        UserError: it is no such table, has no column of that name, labels none of the files, or a label can't name a
            class.
    """
    try:
        table = _parse_table(data, source, column)
    except (ValueError, csv.Error, RecursionError) as error:
        raise UserError(
            f"{source} can't be read as a table of labels: {str(error)[:200]}.",
            "A .csv or .tsv has a line of column names; docs/training.md shows the forms of .json.",
        ) from error
    found = _match(table, names)
    labeled = {label for label in found if label is not None}
    if not labeled:
        example = next(iter(table), "")
        raise UserError(
            f"{source} labels none of the {counted(len(names), 'image')}.",
            f"Its first file is {example!r}, that of the images {names[0]!r}. Check that they belong together.",
        )
    classes = sorted(labeled, key=class_order)
    for name in classes:
        if (problem := class_name_problem(name)) is not None:
            raise UserError(f"The label {name!r} in {source} {problem}.", "Change the label.")
    position: dict[str | None, int] = {name: index for index, name in enumerate(classes)} | {None: -1}
    return Labels([position[label] for label in found], tuple(classes))


def find_label_file(read: Callable[[str], bytes | None], root: Path) -> tuple[str, bytes] | None:
    """Find a file of labels by its usual names.

    Args:
        read: returns the content of a file in the root, None where there is none.
        root: the folder or archive of images.

    Returns:
        The name and the content; None if there is no such file.
    """
    for name in LABEL_FILES:
        if (data := read(name)) is not None:
            return name, data
    if root.is_file():
        for path in (root.parent / name for name in LABEL_FILES):
            if path.is_file():
                return str(path), read_bounded(path)
    return None


def _parse_table(data: bytes, source: str, column: str | None) -> dict[str, str]:
    """Return the label of each file name, as text."""
    text = data.decode("utf-8-sig")
    ending = source.lower().rpartition(".")[2]
    lines = ending in ("jsonl", "ndjson")
    if not lines and ending != "json" and text.lstrip()[:1] not in ("{", "["):
        return _from_csv(text, column)
    if len(data) > _MAX_JSON_BYTES:
        raise ValueError(f"JSON of more than {_MAX_JSON_BYTES >> 20} MiB is not read, a .csv is")
    return _from_json([json.loads(line) for line in text.splitlines() if line.strip()] if lines else json.loads(text),
                      column)  # fmt: skip


def _from_csv(text: str, column: str | None) -> dict[str, str]:
    first = text.partition("\n")[0]
    delimiter = max("\t,;", key=first.count) if any(map(first.count, "\t,;")) else None
    if delimiter is None:  # `name label` in each line, with or without column names
        return dict(_name_and_label(line) for line in _bounded(io.StringIO(text)) if line.strip())
    rows = _bounded(row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row))
    header = next(rows, None)
    if header is None:
        raise ValueError("its lines are empty")
    header = [cell.strip() for cell in header]
    known = {*_FILE_COLUMNS, *LABEL_KEYS}
    if column is None and len(header) == 2 and known.isdisjoint(map(str.lower, header)):
        files, labels = 0, 1  # most likely without column names
        rows = itertools.chain([header], rows)
    else:
        files, labels = _columns(header, column)
    table, width = {}, max(files, labels)
    for number, row in enumerate(rows):
        if len(row) <= width:
            raise ValueError(f"line {number + 2} has {counted(len(row), 'column')} instead of {len(header)}")
        if label := row[labels].strip():
            table[row[files].strip()] = sys.intern(label)
    return table


def _bounded(rows: Iterable[_Row]) -> Iterator[_Row]:
    """Yield at most `_MAX_ROWS` rows; a ValueError if there are more."""
    for number, row in enumerate(rows):
        if number == _MAX_ROWS:
            raise ValueError(f"it has more than {_MAX_ROWS:,} lines")
        yield row


def _name_and_label(line: str) -> list[str]:
    parts = line.rsplit(None, 1)
    if len(parts) != 2:
        raise ValueError("its lines have no comma, semicolon or tab, and are not a name and a label")
    return parts


def _columns(header: list[str], column: str | None) -> tuple[int, int]:
    """Return the positions of the columns with file names and with labels."""
    lower = [name.lower() for name in header]
    files = next((lower.index(name) for name in _FILE_COLUMNS if name in lower), 0)
    if column is not None:
        if column not in header:
            raise ValueError(f"it has no column {column!r}, only {', '.join(header[:20])}")
        return files, header.index(column)
    labels = next((lower.index(name) for name in LABEL_KEYS if name in lower and lower.index(name) != files), None)
    if labels is None:
        others = [index for index in range(len(header)) if index != files]
        if len(others) != 1:
            raise ValueError(f"name the column with labels, as FILE:COLUMN; there are {', '.join(header[:20])}")
        labels = others[0]
    return files, labels


def _from_json(content: Any, column: str | None) -> dict[str, str]:
    """Read `{"labels": [[file, label], …]}`, `{file: label}`, `[[file, label], …]` or a list of objects."""
    if isinstance(content, dict) and isinstance(content.get("labels"), list):
        content = content["labels"]
    if isinstance(content, dict):
        content = list(content.items())
    if not isinstance(content, list) or not content:
        raise ValueError("it holds no labels")
    if all(isinstance(item, dict) for item in content):
        header = list(dict.fromkeys(key for item in content for key in item))
        files, labels = (header[index] for index in _columns(header, column))
        content = [(item.get(files), item.get(labels)) for item in content]
    pairs = [item for item in content if isinstance(item, list | tuple) and len(item) == 2]
    if len(pairs) != len(content):
        raise ValueError("its items are not pairs of a file and a label")
    table = ((str(file), _label(label)) for file, label in pairs if file is not None)
    return {file: label for file, label in table if label is not None}


def _label(value: Any) -> str | None:
    if value is None or isinstance(value, bool | str | int | float):
        return label_text(value)
    raise ValueError(f"the label {str(value)[:50]} is neither a name nor a number")


def _match(table: dict[str, str], names: Sequence[str]) -> list[str | None]:
    """Return the label of each image."""
    exact = {_plain(file): label for file, label in table.items()}
    bare = {_without_ending(file): label for file, label in exact.items()}

    def label(name: str) -> str | None:
        for shorter in _tails(_plain(name)):
            if (found := exact.get(shorter, bare.get(_without_ending(shorter)))) is not None:
                return found
        return None

    return [label(name) for name in names]


def _tails(path: str) -> Iterable[str]:
    """Yield a path, and the path without the first folder, without the first two, …"""
    yield path
    while "/" in path:
        path = path.partition("/")[2]
        yield path


def _plain(file: str) -> str:
    return file.replace("\\", "/").removeprefix("./").lstrip("/")


def _without_ending(file: str) -> str:
    folder, slash, name = file.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0] or name}"
