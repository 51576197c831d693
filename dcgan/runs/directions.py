"""Labelled directions in the latent space: what `edit` has found for a run, one JSON file beside each figure."""

import json
from pathlib import Path

import numpy as np

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError
from dcgan.runs.run import Run

FOLDER = "edited"
"""Subfolder of the run directory for figures of edits and their directions."""


def save_direction(run: Run, file_name: str, label: str, direction: np.ndarray) -> None:
    """Write a direction, in place of an older one of the same file name.

    Args:
        run: the run whose generator it belongs to.
        file_name: name of the file without its extension.
        label: what the direction moves images toward.
        direction: (latent_dim,).
    """
    text = json.dumps({"label": label, "direction": [round(float(value), 6) for value in direction]})
    with atomic_write(run.output_dir / FOLDER / f"{file_name}.json") as path:
        path.write_text(text + "\n", encoding="utf-8")


def load_directions(run: Run, latent_dim: int) -> dict[str, np.ndarray]:
    """Read the directions of a run.

    Args:
        run: the run.
        latent_dim: length of its latent vectors, as a number of elements.

    Returns:
        Unit vectors, float64 (latent_dim,), by their labels, in the order of their files' names. Of several with the
        same label, the first one.

    Raises:
        UserError: a file is damaged, or belongs to another generator.
    """
    directions: dict[str, np.ndarray] = {}
    for path in sorted((run.output_dir / FOLDER).glob("*.json")):
        try:
            label, direction = _read(path, latent_dim)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"{path} is not a direction of {latent_dim} numbers.", "Remove it, or run `edit` again."
            ) from error
        directions.setdefault(label, direction)
    return directions


def _read(path: Path, latent_dim: int) -> tuple[str, np.ndarray]:
    """Return the label and the unit vector of a file, or raise ValueError, TypeError or KeyError."""
    content = json.loads(path.read_text(encoding="utf-8"))
    label, direction = content["label"], np.asarray(content["direction"], np.float64)
    length = float(np.linalg.norm(direction))
    if not isinstance(label, str) or direction.shape != (latent_dim,) or not 0 < length < np.inf:
        raise ValueError
    return label, np.divide(direction, length)
