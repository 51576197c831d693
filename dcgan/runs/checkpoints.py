"""The states of a run: what going on needs, whole and numbered by step, the newest kept."""

import zipfile
from collections.abc import Container
from pathlib import Path

import numpy as np

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError

UNREADABLE = (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, MemoryError, zipfile.BadZipFile)
"""What NumPy raises on a file that is damaged or no `.npz` at all."""


class Checkpoints:
    """The states in one folder.

    Args:
        folder: where they lie; it need not exist.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def save(self, step: int, state: dict[str, np.ndarray], keep: int, spared: Container[int] = ()) -> None:
        """Write a state, whole, and remove all but the newest `keep` and those of the steps that are spared."""
        with atomic_write(self._file(step)) as path, path.open("wb") as file:
            np.savez(file, **state)
        for old in self._files()[keep:]:
            if _step(old) not in spared:
                old.unlink()

    def latest(self) -> dict[str, np.ndarray] | None:
        """Read the newest state, or, where that is damaged, the newest that is not.

        Returns:
            Arrays by name, as given to `save`; None when nothing has been saved.

        Raises:
            UserError: there are states, and none of them can be read.
        """
        files = self._files()
        for file in files:
            try:
                return _read_arrays(file)
            except UNREADABLE as error:
                print(f"{file} is damaged and passed over: {error}")
        if files:
            raise UserError(f"No saved state in {self.folder} can be read.", "A new --run-dir starts afresh.")
        return None

    def at(self, step: int) -> dict[str, np.ndarray] | None:
        """Read the state of a step; None where there is none that can be read."""
        try:
            return _read_arrays(self._file(step))
        except UNREADABLE:
            return None

    def steps(self) -> list[int]:
        """The steps of the states, by their names, newest first."""
        return [step for file in self._files() if (step := _step(file)) is not None]

    def latest_step(self) -> int:
        """The step of the newest state, by its name; 0 where there is none."""
        return max(self.steps(), default=0)

    def remove_after(self, step: int) -> None:
        """Remove the states of later steps: they were not well."""
        for file in self._files():
            if file > self._file(step):
                file.unlink()

    def exist(self) -> bool:
        """Whether anything has been saved to go on from."""
        return bool(self._files())

    def _file(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}.npz"

    def _files(self) -> list[Path]:
        """The saved states, newest first; a folder that can't be read is not an empty one."""
        try:
            files = list(self.folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UserError(f"{self.folder} can't be read: {error.strerror}.", "Mend its permissions.") from error
        return sorted((file for file in files if file.match("step-*.npz")), reverse=True)


def _step(file: Path) -> int | None:
    """The step in a state's name."""
    number = file.stem.removeprefix("step-")
    return int(number) if number.isdigit() else None


def _read_arrays(file: Path) -> dict[str, np.ndarray]:
    """Every array of an `.npz`; the archive's checksums tell a damaged one."""
    with file.open("rb") as content, np.load(content, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
