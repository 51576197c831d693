"""CelebA's aligned faces (Liu et al. 2015, Deep Learning Face Attributes in the Wild), in all layouts."""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dcgan.core.errors import UserError
from dcgan.data.image_files import ImageFiles, open_image_files

WHERE = (
    "Get img_align_celeba.zip from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html or Kaggle's "
    "jessicali9530/celeba-dataset, and name its path with --data-dir."
)
"""Where to get the dataset, as a hint in error messages."""

MAX_ANNOTATION_BYTES = 1 << 28
"""Largest annotation file that is read; the largest original one has 27 million bytes."""

_NAME = re.compile(r"[0-9]{6}\.(jpg|png)")
_PARTITIONS = {"train": 0, "test": 2}
_ZIPS = ("img_align_celeba.zip", "Img/img_align_celeba.zip")  # the second is that of the official folder
_FOLDERS = ("img_align_celeba/img_align_celeba", "img_align_celeba", "Img/img_align_celeba")  # the first is Kaggle's
_ANNOTATION_FOLDERS = ("", "Anno", "Eval")  # those of the official folder


@dataclass(frozen=True)
class Table:
    """One annotation file.

    Args:
        path: the file.
        names: its columns.
        rows: its lines after the header: a file name, then one integer per column.
    """

    path: Path
    names: tuple[str, ...]
    rows: tuple[str, ...]

    def column(self, name: str) -> dict[str, int]:
        """Return one column as `{file name: value}`.

        Args:
            name: the column's name.

        Raises:
            UserError: there is no such column, or a row has more or fewer values than there are columns.
        """
        if name not in self.names:
            raise UserError(
                f"{self.path.name} has no attribute {name!r}.", f"Attributes: {', '.join(self.names[:8])} …"
            )
        index = self.names.index(name)
        return dict(self._cell(row, index) for row in self.rows)

    def _cell(self, row: str, index: int) -> tuple[str, int]:
        file, *values = _split(row)
        try:
            if len(values) != len(self.names):
                raise ValueError
            return file, int(values[index])
        except ValueError as error:
            raise UserError(f"{self.path} is damaged or cut off at {row[:60]!r}.", "Download it again.") from error


def find_table(root: Path, stem: str) -> Table | None:
    """Find and read an annotation file near the images.

    Args:
        root: the zip or the folder of the images; the file is in it, beside it, or one folder above.
        stem: `list_attr_celeba` or `list_eval_partition`.

    Returns:
        The table, or None where there is no such file.

    Raises:
        UserError: the file can't be read, or is not such a table.
    """
    above = [root, *root.resolve().parents[:2]] if root.is_dir() else [*root.resolve().parents[:2]]
    for folder in (base / subfolder for base in above for subfolder in _ANNOTATION_FOLDERS):
        for path in (folder / f"{stem}.txt", folder / f"{stem}.csv"):
            if path.is_file():
                return read_table(path)
    return None


def read_table(path: Path) -> Table:
    """Read an annotation file.

    Args:
        path: a `.csv` with one line of column names, `list_attr_celeba.txt` with the number of images above that line,
            or `list_eval_partition.txt` without either.

    Returns:
        The table; the column of `list_eval_partition.txt` is `partition`.

    Raises:
        UserError: the file can't be read, or is too large, empty or truncated.
    """
    try:
        if path.stat().st_size > MAX_ANNOTATION_BYTES:
            raise UserError(f"{path} is too large to be an annotation file of CelebA.", "Download it again.")
        lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}.") from error
    if not lines:
        raise UserError(f"{path} is empty.", "Download it again.")
    if path.suffix == ".csv":
        return Table(path, tuple(_split(lines[0])[1:]), tuple(lines[1:]))
    if lines[0].strip().isdecimal():
        return _counted_table(path, int(lines[0].strip()[:9]), lines[1:])
    return Table(path, ("partition",), tuple(lines))


@contextlib.contextmanager
def open_celeba(data_dir: Path, split: str) -> Iterator[ImageFiles]:
    """List the image files of one split of CelebA.

    Args:
        data_dir: the downloaded zip, the folder that contains it, the folder of the JPEGs or its parent.
        split: `train` or `test`, as `list_eval_partition.txt` defines them; without that file, `train` is everything.

    Yields:
        The image files; a zip is open until the block ends.

    Raises:
        UserError: the files are missing or not CelebA's, or the test split is not defined.
    """
    with open_image_files(find_celeba(data_dir)) as image_files:
        root = image_files.root
        if not any(_NAME.fullmatch(_basename(name)) for name in image_files.names):
            raise UserError(
                f"{root} is not CelebA: none of its images is called 000001.jpg or similar.",
                "For your own images, use --dataset folder.",
            )
        table = find_table(root, "list_eval_partition")
        if table is None and split == "test":
            raise UserError(
                f"CelebA's test split is defined by list_eval_partition.txt, which is not beside {root}.", WHERE
            )
        if table is not None:
            partition = table.column("partition")
            image_files = image_files.filter(lambda name: partition.get(_basename(name)) == _PARTITIONS[split])
            if not image_files.entries:
                raise UserError(
                    f"{root} holds no image of the {split} split.", f"Check that {table.path} belongs to these images."
                )
        yield image_files


def find_celeba(data_dir: Path) -> Path:
    """Find the images of CelebA.

    Args:
        data_dir: as for `open_celeba`.

    Returns:
        The zip or the folder of JPEGs.

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
    for folder in (*(data_dir / name for name in _FOLDERS), data_dir):
        if folder.is_dir() and any(folder.glob("*.jpg")):
            return folder
    raise UserError(f"{data_dir} holds neither img_align_celeba.zip nor CelebA's JPEG files.", WHERE)


def attribute_labeler(
    root: Path, attribute: str | None
) -> Callable[[list[str]], tuple[list[int] | None, tuple[str, ...]]]:
    """Read one attribute of the faces, and return the function that labels files by it.

    Args:
        root: the zip or the folder of JPEGs; `list_attr_celeba.txt`, or `.csv` as on Kaggle, is beside it.
        attribute: one of the 40, for example `Smiling`; None for no labels.

    Returns:
        A function from file names to labels (1 where an image has the attribute, else 0) and the names of both classes;
        to None and () without an attribute. It raises a UserError for an image that the file does not contain.

    Raises:
        UserError: the file is missing or damaged, or does not have the attribute.
    """
    if attribute is None:
        return lambda names: (None, ())
    table = find_table(root, "list_attr_celeba")
    if table is None:
        raise UserError(f"--attribute needs list_attr_celeba.txt (or .csv) beside {root}.", WHERE)
    column = table.column(attribute)

    def label(name: str) -> int:
        if name not in column:
            raise UserError(f"{table.path} has no row for {name}.", "It belongs to other images, or is cut off.")
        return int(column[name] > 0)

    return lambda names: ([label(_basename(name)) for name in names], (f"not {attribute}", attribute))


def _basename(name: str) -> str:
    return name.rpartition("/")[2]


def _counted_table(path: Path, count: int, lines: Iterable[str]) -> Table:
    """Return the table of a file whose first line is the number of rows after the column names."""
    header, *rows = lines or [""]
    if len(rows) != count:
        raise UserError(
            f"{path} has {len(rows)} lines of data instead of {count}.", "It is cut off; download it again."
        )
    return Table(path, tuple(header.split()), tuple(rows))


def _split(line: str) -> list[str]:
    return [cell.strip() for cell in line.split(",")] if "," in line else line.split()
