"""CelebA's annotation files: a number for every picture and column, as text or as Kaggle's CSV."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dcgan.core.errors import UserError

_LARGEST = 1 << 28  # bytes; the largest real one has 27 million
_PLACES = ("", "Anno", "Eval")  # the official folder keeps them apart


@dataclass(frozen=True)
class Table:
    """One annotation file.

    Args:
        path: where it lies.
        names: its columns.
        rows: its lines after the header, a file name and then a whole number a column.
    """

    path: Path
    names: tuple[str, ...]
    rows: tuple[str, ...]

    def column(self, name: str) -> dict[str, int]:
        """One column, as `{file name: number}`.

        Raises:
            UserError: there is no such column, or a line that has not as many numbers as there are columns.
        """
        if name not in self.names:
            some = ", ".join(self.names[:8])
            raise UserError(f"{self.path.name} has no attribute {name!r}.", f"Some that it has: {some} …")
        at = self.names.index(name)
        return dict(self._cell(row, at) for row in self.rows)

    def _cell(self, row: str, at: int) -> tuple[str, int]:
        file, *numbers = _split(row)
        try:
            if len(numbers) != len(self.names):
                raise ValueError
            return file, int(numbers[at])
        except ValueError as error:
            raise UserError(f"{self.path} is damaged or cut off at {row[:60]!r}.", "Download it again.") from error


def find_table(root: Path, stem: str) -> Table | None:
    """Find an annotation file near the pictures and read it.

    Args:
        root: the zip or the folder of the pictures; the file lies in it, beside it, or one folder further up.
        stem: `list_attr_celeba` or `list_eval_partition`.

    Returns:
        The table, or None where there is no such file.

    Raises:
        UserError: the file can't be read, or is no such table.
    """
    above = [root, *root.resolve().parents[:2]] if root.is_dir() else [*root.resolve().parents[:2]]
    for folder in (base / place for base in above for place in _PLACES):
        for path in (folder / f"{stem}.txt", folder / f"{stem}.csv"):
            if path.is_file():
                return read_table(path)
    return None


def read_table(path: Path) -> Table:
    """Read an annotation file: `.csv` has one line of column names, `list_attr_celeba.txt` the count above it."""
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"{path} is too large to be one of CelebA's.")
        lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}.") from error
    if not lines:
        raise UserError(f"{path} is empty.", "Download it again.")
    if path.suffix == ".csv":
        return Table(path, tuple(_split(lines[0])[1:]), tuple(lines[1:]))
    if lines[0].strip().isdigit():
        return _counted(path, int(lines[0].strip()[:9]), lines[1:])
    return Table(path, ("partition",), tuple(lines))  # list_eval_partition.txt has no header


def _counted(path: Path, count: int, lines: Iterable[str]) -> Table:
    """A table whose first line says how many rows follow the column names."""
    header, *rows = lines or [""]
    if len(rows) != count:
        raise UserError(
            f"{path} has {len(rows)} lines of data instead of {count}.", "It is cut off; download it again."
        )
    return Table(path, tuple(header.split()), tuple(rows))


def _split(line: str) -> list[str]:
    return [cell.strip() for cell in line.split(",")] if "," in line else line.split()
