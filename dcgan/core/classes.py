"""The classes of a conditional run: their names and probabilities, and the class that belongs to a seed."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcgan.core.errors import UserError, did_you_mean

_GOLDEN = 11_400_714_819_323_198_485
"""2**64 divided by the golden ratio: its multiples modulo 2**64 are distributed more evenly than those of any other."""

MAX_NAME_LENGTH = 255


@dataclass(frozen=True)
class Classes:
    """The classes of a conditional generator.

    Args:
        names: names, in the order of the labels.
        probabilities: fraction of the training images in each class, in (0, 1]; they sum to 1.
    """

    names: tuple[str, ...]
    probabilities: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.names)

    def labels_for(self, seeds: Iterable[int]) -> np.ndarray:
        """Return the label of each seed's image if no class is given.

        The label is a function of the seed alone. Over consecutive seeds, the classes have their probabilities and are
        evenly mixed: seed n lies at n·φ modulo 1 in the unit interval, which is divided in proportion to them.

        Args:
            seeds: N non-negative integers.

        Returns:
            int64 labels (N,).
        """
        positions = np.array([seed * _GOLDEN % 2**64 for seed in seeds], np.uint64)
        boundaries = np.cumsum(self.probabilities)[:-1]
        return np.searchsorted(boundaries, positions / 2.0**64, side="right").astype(np.int64)

    def one_hot(self, labels: Sequence[int] | np.ndarray) -> np.ndarray:
        """Encode labels (N,) as one-hot rows, float32 (N, classes)."""
        return np.eye(len(self), dtype=np.float32)[labels]

    def parse(self, text: str) -> int:
        """Return the label of a class.

        Args:
            text: name of the class, in upper or lower case, or its number.

        Raises:
            UserError: there is no such class.
        """
        if text in self.names:
            return self.names.index(text)
        if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < len(self):
            return int(text)
        matches = [label for label, name in enumerate(self.names) if name.casefold() == text.casefold()]
        if len(matches) == 1:
            return matches[0]
        shown = ", ".join(self.names[:20]) + ", …" * (len(self) > 20)
        are_numbers = all(name.isdecimal() and int(name) == label for label, name in enumerate(self.names))
        numbers = "" if are_numbers else f"; or their numbers, 0 to {len(self) - 1}"
        raise UserError(f"There is no class {text!r}{did_you_mean(text, self.names)}", f"Classes: {shown}{numbers}.")


def classes_from_labels(labels: np.ndarray, names: Sequence[str]) -> Classes:
    """Return the classes of a dataset with their frequencies as probabilities.

    Args:
        labels: integers (N,), indices into `names`.
        names: names of the classes.

    Raises:
        UserError: there are fewer than two classes, or a class without images.
    """
    counts = np.bincount(labels, minlength=len(names))
    if len(names) < 2:
        raise UserError(
            "--conditional needs at least two classes.", "The classes of a folder of images are its direct subfolders."
        )
    if not counts.all():
        raise UserError(
            f"The class {names[int(np.argmin(counts))]!r} has no images.", "Add images of it, or use --no-conditional."
        )
    return Classes(tuple(names), tuple(float(count) / len(labels) for count in counts))


def with_class(latents: np.ndarray, class_one_hot: np.ndarray) -> np.ndarray:
    """Append classes to latents, as input rows of a conditional generator.

    Args:
        latents: float32 (N, dim).
        class_one_hot: (classes,) for all latents or (N, classes), as `Classes.one_hot` returns them; a weighted mean of
            such rows is a mixture of classes.

    Returns:
        float32 (N, dim + classes).
    """
    rows = np.broadcast_to(class_one_hot, (len(latents), class_one_hot.shape[-1]))
    return np.concatenate([latents, rows], axis=1, dtype=np.float32)


def write_classes(classes: Classes, path: Path) -> None:
    """Write classes to a JSON file.

    Args:
        classes: the classes.
        path: the file.
    """
    content = {"names": list(classes.names), "probabilities": list(classes.probabilities)}
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


def read_classes(path: Path) -> Classes:
    """Read classes that `write_classes` wrote.

    Args:
        path: the file.

    Returns:
        The classes.

    Raises:
        UserError: the file is not readable or not valid.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names, probabilities = content["names"], [float(p) for p in content["probabilities"]]
        valid = len(names) == len(probabilities) >= 2 and all(map(_is_name, names)) and len(set(names)) == len(names)
        valid = valid and all(math.isfinite(p) and p > 0 for p in probabilities) and abs(sum(probabilities) - 1) < 1e-6
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path} can't be read as a list of classes: {str(error)[:200]}.") from error
    if not valid:
        raise UserError(f"{path} is damaged: it does not list names and probabilities of classes.")
    return Classes(tuple(names), tuple(probabilities))


def _is_name(name: object) -> bool:
    """Whether a value is a valid folder name: images of a class are written to a folder of its name."""
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_LENGTH:
        return False
    return not set(name) & set("/\\\0") and bool(name.strip("."))
