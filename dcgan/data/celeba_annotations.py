"""CelebA's annotation files: one integer per image and column, as text or as Kaggle's CSV."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dcgan.core.errors import UserError

_MAX_BYTES = 1 << 28  # the largest original file has 27 million
_SUBFOLDERS = ("", "Anno", "Eval")  # those of the official folder


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
    for folder in (base / subfolder for base in above for subfolder in _SUBFOLDERS):
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
        if path.stat().st_size > _MAX_BYTES:
            raise UserError(f"{path} is too large to be an annotation file of CelebA.", "Download it again.")
        lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}.") from error
    if not lines:
        raise UserError(f"{path} is empty.", "Download it again.")
    if path.suffix == ".csv":
        return Table(path, tuple(_split(lines[0])[1:]), tuple(lines[1:]))
    if lines[0].strip().isdigit():
        return _counted_table(path, int(lines[0].strip()[:9]), lines[1:])
    return Table(path, ("partition",), tuple(lines))


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
