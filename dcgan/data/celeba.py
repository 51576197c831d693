"""CelebA's aligned faces (Liu et al. 2015, Deep Learning Face Attributes in the Wild), in all layouts."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dcgan.core.errors import UserError
from dcgan.data.image_files import ImageFiles, read_bounded
from dcgan.data.listing import open_image_files

if TYPE_CHECKING:
    from dcgan.config import DataConfig

WHERE = (
    "Get img_align_celeba.zip from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html or Kaggle's "
    "jessicali9530/celeba-dataset, and name its path with --data-dir."
)
"""Where to get the dataset, as a hint in error messages."""

_NAME = re.compile(r"[0-9]{6}\.(jpg|jpeg|png)", re.IGNORECASE)
_PARTITIONS = {"train": 0, "test": 2}
_ZIPS = ("img_align_celeba.zip", "Img/img_align_celeba.zip", "archive.zip")  # the official folder's, and Kaggle's
_FOLDERS = (
    "img_align_celeba/img_align_celeba",  # Kaggle's
    *(f"{parent}{name}" for name in ("img_align_celeba", "img_align_celeba_png") for parent in ("", "Img/")),
)
_MAX_WITHOUT_ROW = 0.1  # of the images; more is taken for a table that is cut off, or of other images
_ANNOTATION_FOLDERS = ("", "Anno", "Eval")  # those of the official folder


@dataclass(frozen=True)
class Table:
    """One annotation file.

    Args:
        source: the file's name, or its path.
        names: its columns.
        rows: its lines after the header: a file name, then one integer per column.
    """

    source: str
    names: tuple[str, ...]
    rows: tuple[str, ...]

    def column(self, name: str) -> dict[str, int]:
        """Return one column as `{number of the face: value}`, for example `{"000001": 1}`.

        The tables name `.jpg` files, also where the images are PNG files.

        Args:
            name: the column's name.

        Raises:
            UserError: there is no such column, or a row has more or fewer values than there are columns.
        """
        if name not in self.names:
            raise UserError(
                f"{_basename(self.source)} has no attribute {name!r}.", f"Attributes: {', '.join(self.names[:8])} …"
            )
        index = self.names.index(name)
        return dict(self._cell(row, index) for row in self.rows)

    def _cell(self, row: str, index: int) -> tuple[str, int]:
        file, *values = _split(row)
        try:
            if len(values) != len(self.names):
                raise ValueError
            return _number(file), int(values[index])
        except ValueError as error:
            raise UserError(f"{self.source} is damaged or cut off at {row[:60]!r}.", "Download it again.") from error


def find_table(files: ImageFiles, stem: str) -> Table | None:
    """Find and read an annotation file.

    Args:
        files: the images; the file is in their folder or archive, beside it, or up to two folders above.
        stem: `list_attr_celeba` or `list_eval_partition`.

    Returns:
        The table, or None where there is no such file.

    Raises:
        UserError: the file can't be read, or is not such a table.
    """
    names = (f"{stem}.txt", f"{stem}.csv")
    for name in names:
        if (data := files.read_other(name)) is not None:
            return read_table(name, data)
    root = files.root.resolve()
    above = [*([root] if root.is_dir() else []), *root.parents[:2]]
    for folder in (base / subfolder for base in above for subfolder in _ANNOTATION_FOLDERS):
        for path in (folder / name for name in names):
            if path.is_file():
                return read_table(str(path), read_bounded(path))
    return None


def read_table(source: str, data: bytes) -> Table:
    """Read an annotation file.

    Args:
        source: its name or path. A `.csv` has one line of column names, `list_attr_celeba.txt` the number of images
            above that line, and `list_eval_partition.txt` neither.
        data: its content.

    Returns:
        The table; the column of `list_eval_partition.txt` is `partition`.

    Raises:
        UserError: the file is empty or truncated.
    """
    lines = [line for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    if not lines:
        raise UserError(f"{source} is empty.", "Download it again.")
    if source.endswith(".csv"):
        return Table(source, tuple(_split(lines[0])[1:]), tuple(lines[1:]))
    if lines[0].strip().isdecimal():
        return _counted_table(source, int(lines[0].strip()[:9]), lines[1:])
    return Table(source, ("partition",), tuple(lines))


@contextlib.contextmanager
def open_celeba(config: DataConfig, split: str) -> Iterator[ImageFiles]:
    """List the image files of one split of CelebA.

    Args:
        config: of which `data_dir` is the downloaded zip, the folder that contains it, the folder of the images or its
            parent; `attribute` is one of the 40 to label the images by, 1 where an image has it, else 0.
        split: `train` or `test`, as `list_eval_partition.txt` defines them; without that file, `train` is everything.

    Yields:
        The image files; a zip is open until the block ends.

    Raises:
        UserError: the files are missing or not CelebA's, the test split is not defined, or the attribute is unknown.
    """
    assert config.data_dir is not None  # as `check_options` ensures
    with open_image_files(find_celeba(config.data_dir)) as found:
        faces = found.filter(lambda name: _NAME.fullmatch(_basename(name)) is not None)
        if not faces.entries:
            raise UserError(
                f"{found.root} is not CelebA: none of its images is called 000001.jpg or similar.",
                "For your own images, use --dataset folder.",
            )
        faces = faces.noting("image|s of other names", len(found.entries) - len(faces.entries))
        selected = _select_split(faces, split)
        if config.attribute is not None and config.labels != "none":
            selected = _label_by_attribute(selected, config.attribute)
        yield selected


def _select_split(faces: ImageFiles, split: str) -> ImageFiles:
    """Return the faces of a split, and note how many others there are."""
    table = find_table(faces, "list_eval_partition")
    if table is None:
        if split == "test":
            raise UserError(
                f"CelebA's test split is defined by list_eval_partition.txt, which is not beside {faces.root}.", WHERE
            )
        return _remarking(faces, "without list_eval_partition.txt, all of them are for training")
    partition = table.column("partition")
    chosen = faces.filter(lambda name: partition.get(_number(name)) == _PARTITIONS[split])
    if not chosen.entries:
        raise UserError(
            f"{faces.root} holds no image of the {split} split.", f"Check that {table.source} belongs to these images."
        )
    unknown = sum(_number(name) not in partition for name in faces.names)
    others = len(faces.entries) - len(chosen.entries) - unknown
    chosen = chosen.noting("image|s of other splits", others)
    chosen = chosen.noting(f"image|s without a row in {_basename(table.source)}", unknown)
    missing = len(partition.keys() - {_number(name) for name in faces.names})
    if not missing:
        return chosen
    named = f"the {len(partition)} images in {_basename(table.source)}"
    return _remarking(chosen, f"it is a partial copy, without {missing} of {named}")


def _remarking(files: ImageFiles, remark: str) -> ImageFiles:
    return replace(files, remark="; ".join(part for part in (files.remark, remark) if part))


def find_celeba(data_dir: Path) -> Path:
    """Find the images of CelebA.

    Args:
        data_dir: as for `open_celeba`.

    Returns:
        The archive or the folder of images.

    Raises:
        UserError: there is neither.
    """
    if not data_dir.exists():
        raise UserError(f"{data_dir} does not exist.", WHERE)
    if data_dir.is_file():
        return data_dir
    for path in (data_dir / name for name in _ZIPS):
        if path.is_file():
            return path
    for folder in (data_dir / name for name in _FOLDERS):
        if folder.is_dir():
            return folder
    if any(data_dir.iterdir()):
        return data_dir  # of images, or of one archive under any name
    raise UserError(f"{data_dir} holds neither img_align_celeba.zip nor images.", WHERE)


def _label_by_attribute(files: ImageFiles, attribute: str) -> ImageFiles:
    """Label faces by one of the 40 attributes."""
    table = find_table(files, "list_attr_celeba")
    if table is None:
        raise UserError(f"--attribute needs list_attr_celeba.txt (or .csv) beside {files.root}.", WHERE)
    column = table.column(attribute)
    labeled = files.filter(lambda name: _number(name) in column)
    missing = len(files.entries) - len(labeled.entries)
    if missing > _MAX_WITHOUT_ROW * len(files.entries):
        example = _basename(next(name for name in files.names if _number(name) not in column))
        raise UserError(
            f"{table.source} has no row for {missing} of the {len(files.entries)} images, such as {example}.",
            "It belongs to other images, or is cut off: download it again.",
        )
    labels = np.array([column[_number(name)] > 0 for name in labeled.names], np.int64)
    labeled = replace(labeled, labels=labels, class_names=(f"not {attribute}", attribute))
    return labeled.noting(f"image|s without a row in {_basename(table.source)}", missing)


def _number(name: str) -> str:
    """Return the number of a face, with its zeros: the name of its file without folders and ending."""
    return _basename(name).partition(".")[0]


def _basename(name: str) -> str:
    return name.rpartition("/")[2]


def _counted_table(source: str, count: int, lines: Iterable[str]) -> Table:
    """Return the table of a file whose first line is the number of rows after the column names."""
    header, *rows = lines or [""]
    if len(rows) != count:
        raise UserError(
            f"{source} has {len(rows)} lines of data instead of {count}.", "It is cut off; download it again."
        )
    return Table(source, tuple(header.split()), tuple(rows))


def _split(line: str) -> list[str]:
    return [cell.strip() for cell in line.split(",")] if "," in line else line.split()
