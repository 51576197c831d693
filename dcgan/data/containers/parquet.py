"""Parquet files with a column of images, as the data sets of Hugging Face are, by pyarrow (an extra)."""

import contextlib
import importlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dcgan.core.errors import UserError
from dcgan.data.containers.arrays import MAX_IMAGES
from dcgan.data.containers.common import (
    IMAGE_KEYS,
    LABEL_KEYS,
    class_labels,
    file_version,
    group_names,
    numbered_files,
)
from dcgan.data.containers.numpy_files import explain_damage
from dcgan.data.image_files import ImageFiles, check_file_size

_MAX_GROUP_BYTES = 1 << 31
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
    rows = [(index, group, row) for index, file in enumerate(files) for group, row in _rows(root, file)]
    sizes = [[file.metadata.row_group(group).total_byte_size // max(1, file.metadata.row_group(group).num_rows)
              for group in range(file.metadata.num_row_groups)] for file in files]  # fmt: skip
    groups = []
    versions = [file_version(path) for path in paths]
    for index, name in enumerate(group_names(paths)):
        own = [(group, row) for group, row in _rows(root, files[index])]
        groups.append((name, [(sizes[index][group], versions[index] + row) for group, row in own]))
    reader = _Reader(files, column)
    return numbered_files(root, groups, lambda index: reader.read(*rows[index]), _labels(files, features))


def _rows(root: Path, file: Any) -> Iterator[tuple[int, int]]:
    """Yield the row group and the number in it of each row."""
    total = 0
    for group in range(file.metadata.num_row_groups):
        description = file.metadata.row_group(group)
        total += description.num_rows
        if description.total_byte_size > _MAX_GROUP_BYTES or not 0 <= total <= MAX_IMAGES:
            raise UserError(
                f"{root} has a row group of {description.num_rows} rows with {description.total_byte_size} bytes.",
                "Write it again with a smaller row_group_size, for example 1000.",
            )
        yield from ((group, row) for row in range(description.num_rows))


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


def _labels(files: Sequence[Any], features: dict[str, Any]) -> tuple[Any, tuple[str, ...], str]:
    """Return labels, class names and a remark, as `class_labels` does."""
    columns = files[0].schema_arrow.names
    described = [name for name in columns if _kind(features, name) == "ClassLabel"]
    usual = [name for key in LABEL_KEYS for name in columns if name.lower() == key]
    column = next(iter([*described, *usual]), None)
    if column is None or not all(column in file.schema_arrow.names for file in files):
        return None, (), ""
    values = [value for file in files for value in file.read(columns=[column]).column(0).to_pylist()]
    names = features[column].get("names") if described else None
    if isinstance(names, list):
        values = [names[value] if isinstance(value, int) and 0 <= value < len(names) else None for value in values]
    if any(isinstance(value, list | dict) for value in values):
        return None, (), ""
    return class_labels(values, f"the column {column}")


class _Reader:
    """Reads single rows, and keeps the row groups that were needed last.

    Args:
        files: the opened files.
        column: name of the column of images.
    """

    def __init__(self, files: Sequence[Any], column: str):
        self._files, self._column = files, column
        self._groups: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, file: int, group: int, row: int) -> bytes:
        """Return the bytes of one image."""
        with self._lock:
            if (file, group) not in self._groups:
                while len(self._groups) >= _KEPT_GROUPS:
                    self._groups.popitem(last=False)
                self._groups[file, group] = self._files[file].read_row_group(group, columns=[self._column]).column(0)
            self._groups.move_to_end((file, group))
            value = self._groups[file, group][row].as_py()
        data = value.get("bytes") if isinstance(value, dict) else value
        if data is None:
            path = value.get("path") if isinstance(value, dict) else None
            raise ValueError(f"the image is not in the file, only its path {str(path)[:80]}" if path else "it is empty")
        check_file_size(len(data))
        return data
