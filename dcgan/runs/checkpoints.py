"""Checkpoints of a run: what resuming needs, written atomically and numbered by step."""

import re
from collections.abc import Container
from pathlib import Path

import numpy as np

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError, first_line
from dcgan.core.system_errors import unreadable


class Checkpoints:
    """The checkpoints in a folder, one `.npz` file per step.

    Args:
        folder: the folder; it need not exist.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def save(self, step: int, arrays: dict[str, np.ndarray], keep: int, protected: Container[int] = ()) -> None:
        """Write a checkpoint and remove older ones.

        Args:
            step: step of the checkpoint.
            arrays: its content by name.
            keep: number of the newest checkpoints that stay.
            protected: steps of further checkpoints that stay.

        Raises:
            UserError: it can't be written; the other checkpoints stay.
        """
        with atomic_write(self.file(step)) as path, path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        self.prune(keep, protected)

    def prune(self, keep: int, protected: Container[int] = ()) -> None:
        """Remove older checkpoints.

        Args:
            keep: number of the newest checkpoints that stay.
            protected: steps of further checkpoints that stay.
        """
        for old in self._files()[keep:]:
            if _step(old) not in protected:
                old.unlink()

    def latest(self) -> dict[str, np.ndarray] | None:
        """Read the newest checkpoint that is not damaged.

        Returns:
            Arrays by name, as given to `save`; None if there is no checkpoint.

        Raises:
            UserError: there are checkpoints, and all of them are damaged.
        """
        files = self._files()
        for file in files:
            try:
                return _read_arrays(file)
            except Exception as error:  # NumPy, zipfile and its decompressors raise many types
                print(f"{file} is damaged and was skipped: {first_line(error)}")
        if files:
            raise UserError(f"All checkpoints in {self.folder} are damaged.", "Start a new run with another --run-dir.")
        return None

    def at(self, step: int) -> dict[str, np.ndarray] | None:
        """Read the checkpoint of a step; return None if it does not exist or is damaged."""
        try:
            return _read_arrays(self.file(step))
        except Exception:
            return None

    def steps(self) -> list[int]:
        """Return the steps of the checkpoints, newest first."""
        return [_step(file) for file in self._files()]

    def latest_step(self) -> int:
        """Return the step of the newest checkpoint, 0 if there is none."""
        return max(self.steps(), default=0)

    def remove_after(self, step: int) -> None:
        """Remove the checkpoints of later steps."""
        for file in self._files():
            if _step(file) > step:
                file.unlink()

    def exist(self) -> bool:
        """Return whether there is a checkpoint."""
        return bool(self._files())

    def file(self, step: int) -> Path:
        """Return the path of a step's checkpoint."""
        return self.folder / f"step-{step:08d}.npz"

    def _files(self) -> list[Path]:
        """Return the files, newest first; a folder that is not readable is an error, not an empty folder."""
        try:
            files = list(self.folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise unreadable(self.folder, error, "--run-dir") from error
        numbered = (file for file in files if re.fullmatch(r"step-\d+\.npz", file.name))
        return sorted(numbered, key=_step, reverse=True)


def _step(file: Path) -> int:
    return int(file.stem.removeprefix("step-"))


def _read_arrays(file: Path) -> dict[str, np.ndarray]:
    """Read all arrays of an `.npz` file; the checksums of the archive reveal damage."""
    with file.open("rb") as content, np.load(content, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
