"""Parquet files with a column of images, as the data sets of Hugging Face are, by pyarrow (an extra)."""

import bisect
import contextlib
import functools
import importlib
import itertools
import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dcgan.core.errors import UserError
from dcgan.data.containers.common import (
    IMAGE_KEYS,
    ClassLabels,
    class_labels,
    file_version,
    group_names,
    most_images,
    numbered_files,
)
from dcgan.data.containers.numpy_files import explain_damage
from dcgan.data.image_files import LABEL_KEYS, ImageFiles, check_file_size

_MAX_GROUP_BYTES = 1 << 31
_MAX_PASSED_BYTES = 1 << 28
_LABEL_ROWS = 1 << 14
_KEPT_GROUPS = 2  # images are read almost in order


def is_parquet(start: bytes) -> bool:
    """Return whether a file is Parquet (parquet.apache.org, File Format), given its first bytes."""
    return start.startswith(b"PAR1")


@contextlib.contextmanager
def open_parquet(paths: Sequence[Path], root: Path) -> Iterator[ImageFiles]:
    """List the images of Parquet files.

    The images are in a column of bytes, or of structs with a field `bytes`; `datasets` writes the names of its columns
    and classes into the schema.

    Args:
        paths: files of one dataset; their names tell the splits.
        root: what the user named.

    Yields:
        The images, until the block ends.

    Raises:
        UserError: pyarrow is not installed, a file is damaged, or no column holds images.
    """
    parquet = _import_pyarrow(root)
    with contextlib.ExitStack() as stack:
        with explain_damage(root, "Parquet file"):
            files = []
            for path in paths:
                with explain_damage(path, "Parquet file"):
                    files.append(stack.enter_context(parquet.ParquetFile(path)))
            image_files = _list(root, paths, files)
        yield image_files


def _import_pyarrow(root: Path) -> Any:
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise UserError(f"{root} is Parquet, which needs pyarrow.", "pip install 'dcgan[parquet]'") from error


def _list(root: Path, paths: Sequence[Path], files: Sequence[Any]) -> ImageFiles:
    features = _features(files[0].schema_arrow)
    column = _image_column(root, files[0].schema_arrow, features)
    row_groups = [_RowGroup(file, group, column) for path, file in zip(paths, files, strict=True)
                  for group in _checked_groups(path, file)]  # fmt: skip
    starts = list(itertools.accumulate((group.rows for group in row_groups), initial=0))
    entries = []
    for name, path, file in zip(group_names(paths), paths, files, strict=True):
        own = [group for group in row_groups if group.file is file]
        entries.append((name, _entries(file_version(path), own)))
    lock, recent = threading.Lock(), OrderedDict[int, _RowGroup]()

    def read(index: int) -> bytes:
        number = bisect.bisect_right(starts, index) - 1
        with lock:
            recent[number] = row_groups[number]
            recent.move_to_end(number)
            while len(recent) > _KEPT_GROUPS:
                recent.popitem(last=False)[1].close()
            value = row_groups[number].read(index - starts[number])
        return _image_bytes(value)

    return numbered_files(root, entries, read, _labels(paths, files, features, starts[-1]))


def _checked_groups(path: Path, file: Any) -> range:
    """Return the numbers of the row groups of a file."""
    total, most = 0, most_images(path.stat().st_size)
    for group in range(file.metadata.num_row_groups):
        description = file.metadata.row_group(group)
        total += description.num_rows
        if description.num_rows < 0 or total > most:
            raise ValueError(f"it declares {total:,} rows, more than its size allows or than are read")
        if description.total_byte_size > _MAX_GROUP_BYTES:
            raise UserError(
                f"{path} has a row group of {description.num_rows} rows with {description.total_byte_size} bytes.",
                "Write it again with a smaller row_group_size, for example 1000.",
            )
    return range(file.metadata.num_row_groups)


def _entries(version: int, groups: Iterable["_RowGroup"]) -> Iterator[tuple[int, int]]:
    """Yield the size, on average, and the version of each image."""
    for group in groups:
        yield from ((group.row_bytes, version + row) for row in range(group.rows))


def _image_bytes(value: Any) -> bytes:
    data = value.get("bytes") if isinstance(value, dict) else value
    if data is None:
        path = value.get("path") if isinstance(value, dict) else None
        raise ValueError(f"the image is not in the file, only its path {str(path)[:80]}" if path else "it is empty")
    check_file_size(len(data))
    return data


def _features(schema: Any) -> dict[str, Any]:
    """Return the features that `datasets` describes in a schema, by column; empty without a description."""
    try:
        found = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return found if isinstance(found, dict) else {}
    except (KeyError, ValueError, TypeError, RecursionError):
        return {}


def _kind(features: dict[str, Any], column: str) -> Any:
    feature = features.get(column)
    return feature.get("_type") if isinstance(feature, dict) else None


def _image_column(root: Path, schema: Any, features: dict[str, Any]) -> str:
    """Return the name of the column with images."""
    binary = [field.name for field in schema if _is_binary(field.type)]
    described = [name for name in binary if _kind(features, name) == "Image"]
    usual = [name for name in binary if name.lower() in IMAGE_KEYS]
    for names in (described, binary, usual):
        if len(names) == 1:
            return names[0]
    found = ", ".join(f"{field.name} ({field.type})"[:80] for field in list(schema)[:10])
    number = "no column" if not binary else f"{len(binary)} columns"
    raise UserError(f"{root} has {number} of images; its columns are {found}.", "Call the one to train on `image`.")


def _is_binary(kind: Any) -> bool:
    """Return whether a type is bytes, or a struct with the field `bytes`."""
    pyarrow = importlib.import_module("pyarrow")
    if pyarrow.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _is_binary(kind.field(index).type)
    return bool(pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind))


def _labels(paths: Sequence[Path], files: Sequence[Any], features: dict[str, Any], count: int) -> ClassLabels:
    """Return labels, class names and a remark, as `class_labels` does."""
    columns = files[0].schema_arrow.names
    described = [name for name in columns if _kind(features, name) == "ClassLabel"]
    usual = [name for key in LABEL_KEYS for name in columns if name.lower() == key]
    column = next(iter([*described, *usual]), None)
    if column is None or not all(column in file.schema_arrow.names for file in files):
        return None, (), ""
    values: list[Any] = []
    for path, file in zip(paths, files, strict=True):
        if importlib.import_module("pyarrow").types.is_nested(file.schema_arrow.field(column).type):
            return None, (), ""
        values += _read_labels(path, column)
    if len(values) != count:
        raise ValueError(f"the column {column} has {len(values)} rows instead of {count}")
    names = features[column].get("names") if described else None
    if isinstance(names, list):
        values = [names[value] if isinstance(value, int) and 0 <= value < len(names) else None for value in values]
    return class_labels(values, f"the column {column}")


def _read_labels(path: Path, column: str) -> Iterator[Any]:
    """Yield the labels of a file; a text that many rows share is in memory once, since it may be long."""
    with _import_pyarrow(path).ParquetFile(path, read_dictionary=[column]) as file:
        for batch in file.iter_batches(_LABEL_ROWS, columns=[column]):
            labels = batch.column(0)
            if hasattr(labels, "dictionary"):
                texts = labels.dictionary.to_pylist()
                yield from (None if index is None else texts[index] for index in labels.indices.to_pylist())
            else:
                yield from labels.to_pylist()


class _RowGroup:
    """Images of a row group, read one after the other.

    A row is unpacked alone: with a dictionary, all rows may have the same large value. Rows that were passed over are
    kept for other threads, which read them soon.

    Args:
        file: of pyarrow.
        group: number of the row group.
        column: name of the column of images.
    """

    def __init__(self, file: Any, group: int, column: str):
        description = file.metadata.row_group(group)
        self.file, self.rows = file, description.num_rows
        self.row_bytes = max(0, description.total_byte_size) // max(1, self.rows)
        self._open = functools.partial(file.iter_batches, 1, row_groups=[group], columns=[column])
        self.close()

    def close(self) -> None:
        """Free what is in memory; the next read begins at the first row."""
        self._batches: Iterator[Any] | None = None
        self._position, self._passed, self._passed_bytes = 0, OrderedDict[int, Any](), 0

    def read(self, row: int) -> Any:
        """Return the value of a row; a ValueError if there is none."""
        if row < self._position and row not in self._passed:
            self.close()
        if self._batches is None:
            self._batches = iter(self._open())
        while self._position <= row:
            batch = next(self._batches, None)
            if batch is None:
                raise ValueError("the rows of its group are damaged or missing")
            self._passed[self._position] = batch.column(0)
            self._passed_bytes += batch.nbytes
            self._position += 1
            while self._passed_bytes > _MAX_PASSED_BYTES and len(self._passed) > 1:
                self._passed_bytes -= self._passed.popitem(last=False)[1].nbytes
        value = self._passed.pop(row)
        self._passed_bytes -= value.nbytes
        return value[0].as_py()
