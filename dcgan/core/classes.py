"""The classes of a conditional run: their names, how frequent they are, and which one a seed's picture has."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcgan.core.errors import UserError, did_you_mean

_GOLDEN = 11_400_714_819_323_198_485
"""2**64 divided by the golden ratio: its multiples, modulo 2**64, fill the range more evenly than any other's."""

LONGEST_NAME = 255


@dataclass(frozen=True)
class Classes:
    """What a conditional generator can be asked for.

    Args:
        names: one a class, in the order of the labels.
        probabilities: the part of the training images, in (0, 1], that each class has; they add up to 1.
    """

    names: tuple[str, ...]
    probabilities: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.names)

    def labels_for(self, seeds: Iterable[int]) -> np.ndarray:
        """The class that each seed's picture has where none is asked for: int64 (N,).

        A function of the seed alone. Over seeds in a row the classes are as frequent as in the training images, and
        evenly mixed: seed n stands at n·φ, modulo 1, on a line that the classes share out.
        """
        places = np.array([seed * _GOLDEN % 2**64 for seed in seeds], np.uint64)
        ends = np.cumsum(self.probabilities)[:-1]
        return np.searchsorted(ends, places / 2.0**64, side="right").astype(np.int64)

    def one_hot(self, labels: Sequence[int] | np.ndarray) -> np.ndarray:
        """What the networks take for labels (N,): float32 (N, classes)."""
        return np.eye(len(self), dtype=np.float32)[labels]

    def parse(self, text: str) -> int:
        """The label that a person means by a class's name, in capitals or not, or by its number.

        Raises:
            UserError: there is no such class.
        """
        if text in self.names:
            return self.names.index(text)
        if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < len(self):
            return int(text)
        alike = [label for label, name in enumerate(self.names) if name.casefold() == text.casefold()]
        if len(alike) == 1:
            return alike[0]
        shown = ", ".join(self.names[:20]) + ", …" * (len(self) > 20)
        numbered = all(name.isdecimal() and int(name) == label for label, name in enumerate(self.names))
        numbers = "" if numbered else f"; or their numbers, 0 to {len(self) - 1}"
        raise UserError(f"There is no class {text!r}{did_you_mean(text, self.names)}", f"Classes: {shown}{numbers}.")


def classes_from_labels(labels: np.ndarray, names: Sequence[str]) -> Classes:
    """The classes of a data set that occur in it.

    Args:
        labels: whole numbers (N,), each an index into `names`.
        names: one a class.

    Raises:
        UserError: fewer than two classes occur, or one of them does not.
    """
    counts = np.bincount(labels, minlength=len(names))
    if len(names) < 2:
        raise UserError("--conditional needs at least two classes.", "For a folder, they are its first-level folders.")
    if not counts.all():
        raise UserError(f"No image is of the class {names[int(np.argmin(counts))]!r}, which then can't be learnt.")
    return Classes(tuple(names), tuple(float(count) / len(labels) for count in counts))


def with_class(latents: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """What a conditional generator draws from: the latents, and behind each its class.

    Args:
        latents: float32 (N, dim).
        kinds: of `Classes.one_hot`, (K,) for all of them or (N, K); a mixture of classes lies between two of these.

    Returns:
        float32 (N, dim + K).
    """
    return np.concatenate([latents, np.broadcast_to(kinds, (len(latents), kinds.shape[-1]))], axis=1, dtype=np.float32)


def write_classes(classes: Classes, path: Path) -> None:
    """Write them as JSON."""
    content = {"names": list(classes.names), "probabilities": list(classes.probabilities)}
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


def read_classes(path: Path) -> Classes:
    """Read what `write_classes` wrote.

    Raises:
        UserError: the file can't be read, or does not say what it has to.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names, probabilities = content["names"], [float(p) for p in content["probabilities"]]
        sound = len(names) == len(probabilities) >= 2 and all(map(_is_name, names)) and len(set(names)) == len(names)
        sound = sound and all(math.isfinite(p) and p > 0 for p in probabilities) and abs(sum(probabilities) - 1) < 1e-6
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path} can't be read as a list of classes: {str(error)[:200]}.") from error
    if not sound:
        raise UserError(f"{path} is damaged: it does not list class names and their probabilities.")
    return Classes(tuple(names), tuple(probabilities))


def _is_name(name) -> bool:
    """Whether something is a name that a folder can have: classes are written into folders of their own."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and not set(name) & set("/\\\0") and name.strip(".")
