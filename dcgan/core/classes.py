"""The classes of a conditional run and their clusters: names, probabilities, and those that belong to a seed."""

import bisect
import itertools
import json
import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.core.checksum import checksum_of_json
from dcgan.core.errors import UserError, did_you_mean
from dcgan.core.printable import printable

_GOLDEN = 11_400_714_819_323_198_485
"""2**64 divided by the golden ratio: its multiples modulo 2**64 are distributed more evenly than those of any other."""

_SQRT_HALF = 13_043_817_825_332_782_212
"""2**64 divided by the square root of 2: its multiples are evenly mixed with those of `_GOLDEN`."""

MAX_NAME_LENGTH = 255

NAME_PREFIX, NUMBER_PREFIX = "name:", "number:"
"""What a class is asked for with where its name could also be a number or another value of an option."""


@dataclass(frozen=True)
class Classes:
    """The classes of a conditional generator, each of which may be divided into clusters.

    A network's class input has one element per class, or per cluster where there are clusters: those of the first
    class, then those of the second one, and so on. Images without labels have a single class, divided into clusters.

    Args:
        names: names, in the order of the labels; in Unicode's composed form (NFC), whatever form they are given in.
        probabilities: fraction of the training images in each class, in (0, 1]; they sum to 1.
        clusters: for each class, the fraction of its training images in each of its clusters, in (0, 1]; they sum to 1.
            Empty if the classes are not divided.
    """

    names: tuple[str, ...]
    probabilities: tuple[float, ...]
    clusters: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self):
        """Normalize the names: a folder from a Mac may have its accents as characters of their own."""
        object.__setattr__(self, "names", tuple(map(normalize_name, self.names)))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def labeled(self) -> bool:
        """Whether there are several classes to choose from, and not only clusters."""
        return len(self.names) > 1

    @property
    def input_probabilities(self) -> tuple[float, ...]:
        """Fraction of the training images that each element of the class input stands for."""
        if not self.clusters:
            return self.probabilities
        pairs = zip(self.probabilities, self.clusters, strict=True)
        return tuple(probability * fraction for probability, fractions in pairs for fraction in fractions)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Name of each element of the class input: that of the class, and the number of the cluster."""
        if not self.clusters:
            return self.names
        pairs = zip(self.names, self.clusters, strict=True)
        return tuple(f"{name}, cluster {number}" for name, fractions in pairs for number in range(len(fractions)))

    def inputs_of(self, label: int) -> range:
        """Return the elements of the class input that belong to a class."""
        if not self.clusters:
            return range(label, label + 1)
        first = sum(map(len, self.clusters[:label]))
        return range(first, first + len(self.clusters[label]))

    def input_for(self, seed: int, label: int) -> int:
        """Return the element of the class input for the image of a seed in a class.

        The cluster is a function of the seed. Over consecutive seeds, the clusters have their probabilities.

        Args:
            seed: non-negative integer.
            label: the class.
        """
        inputs = self.inputs_of(label)
        if not self.clusters:
            return inputs[0]
        boundaries = list(itertools.accumulate(self.clusters[label]))[:-1]
        return inputs[bisect.bisect_right(boundaries, seed * _SQRT_HALF % 2**64 / 2.0**64)]

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

    def one_hot(self, inputs: Sequence[int] | np.ndarray) -> np.ndarray:
        """Encode elements of the class input (N,) as one-hot rows, float32 (N, inputs)."""
        return np.eye(len(self.input_probabilities), dtype=np.float32)[list(inputs)]

    def largest(self, label: int) -> int:
        """Return the element of the class input that stands for most images of a class."""
        return max(self.inputs_of(label), key=self.input_probabilities.__getitem__)

    def parse(self, text: str) -> int:
        """Return the label of a class.

        Args:
            text: name of the class, in upper or lower case, or its number; `name:TEXT` or `number:TEXT` to say which.
                Without that, a class of exactly this name comes before the number and before other cases.

        Raises:
            UserError: there is no such class.
        """
        text = normalize_name(text)
        by_name = self._named(text.removeprefix(NAME_PREFIX)) if text.startswith(NAME_PREFIX) else None
        by_number = self._numbered(text.removeprefix(NUMBER_PREFIX)) if text.startswith(NUMBER_PREFIX) else None
        exact = self.names.index(text) if text in self.names else None
        for label in (by_name, by_number, exact, self._numbered(text), self._named(text)):
            if label is not None:
                return label
        shown = ", ".join(self.names[:20]) + ", …" * (len(self) > 20)
        are_numbers = all(name.isdecimal() and int(name) == label for label, name in enumerate(self.names))
        numbers = "" if are_numbers else f"; or their numbers, 0 to {len(self) - 1}"
        if not are_numbers and any(map(str.isdecimal, self.names)):
            numbers += f"; {NAME_PREFIX}1 is the class called 1, {NUMBER_PREFIX}1 the one of this number"
        raise UserError(f"There is no class {text!r}{did_you_mean(text, self.names)}", f"Classes: {shown}{numbers}.")

    def _named(self, name: str) -> int | None:
        """Return the label of a class by its name, in upper or lower case; None if there is none, or several."""
        if name in self.names:
            return self.names.index(name)
        matches = [label for label, other in enumerate(self.names) if other.casefold() == name.casefold()]
        return matches[0] if len(matches) == 1 else None

    def _numbered(self, number: str) -> int | None:
        """Return the label of a class by its number; None if there is none."""
        is_number = number.isascii() and number.isdigit() and len(number) < 10
        return int(number) if is_number and int(number) < len(self) else None

    @property
    def folder_names(self) -> tuple[str, ...]:
        """Names of the folders for images of each class: different ones also where upper and lower case are the same.

        A class whose name differs from that of another one in case only has its label appended.
        """
        folded = [name.casefold() for name in self.names]
        return tuple(
            name if folded.count(name.casefold()) == 1 else f"{name}-{label}" for label, name in enumerate(self.names)
        )


def normalize_name(name: str) -> str:
    """Return the name of a class in Unicode's composed form (NFC), in which names are compared and written."""
    return unicodedata.normalize("NFC", name)


def classes_from_labels(labels: np.ndarray, names: Sequence[str]) -> Classes:
    """Return the classes of a dataset with their frequencies as probabilities.

    Args:
        labels: integers (N,), indices into `names`.
        names: names of the classes.

    Raises:
        UserError: there are fewer than two classes, two of the same name, or a class without images.
    """
    counts = np.bincount(labels, minlength=len(names))
    if twice := [name for name, number in Counter(map(normalize_name, names)).items() if number > 1]:
        raise UserError(
            f"There are two classes {twice[0]!r}: their names differ only in how Unicode writes their accents.",
            "Move the images of both into one folder.",
        )
    if len(names) < 2:
        raise UserError(
            "--conditional needs at least two classes.", "The classes of a folder of images are its direct subfolders."
        )
    if not counts.all():
        raise UserError(
            f"The class {names[int(np.argmin(counts))]!r} has no images.", "Add images of it, or use --no-conditional."
        )
    return Classes(tuple(names), tuple(float(count) / len(labels) for count in counts))


def divide_classes(
    classes: Classes | None, labels: np.ndarray | None, clusters: np.ndarray
) -> tuple[Classes | None, np.ndarray | None]:
    """Divide the classes of a dataset into clusters.

    Args:
        classes: the classes; None for a single one, of all images.
        labels: integers (N,), the class of each image; None without classes.
        clusters: integers (N,), the number of each image's cluster within its class.

    Returns:
        The divided classes, and the element of their class input for each image, int64 (N,). Unchanged if no class has
        more than one cluster.
    """
    if not clusters.any():
        return classes, labels
    whole = Classes(("all",), (1.0,)) if classes is None else classes
    labels = np.zeros(len(clusters), np.int64) if classes is None or labels is None else labels
    counts = [np.bincount(clusters[labels == label]) for label in range(len(whole))]
    divided = replace(whole, clusters=tuple(tuple((count / count.sum()).tolist()) for count in counts))
    first = np.array([divided.inputs_of(label)[0] for label in range(len(divided))])
    return divided, first[labels] + clusters


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
    content: dict[str, Any] = {"names": list(classes.names), "probabilities": list(classes.probabilities)}
    if classes.clusters:
        content["clusters"] = [list(fractions) for fractions in classes.clusters]
    content["checksum"] = checksum_of_json(content)
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
        written = content.pop("checksum", None)
        valid = written in (None, checksum_of_json(content))
        names, probabilities = content["names"], tuple(float(p) for p in content["probabilities"])
        clusters = tuple(tuple(float(p) for p in fractions) for fractions in content.get("clusters", ()))
        valid = valid and isinstance(names, list) and not any(map(class_name_problem, names))
        valid = valid and len(set(map(normalize_name, names))) == len(names) == len(probabilities)
        valid = valid and len(clusters) in (0, len(names)) and (len(names) >= 2 or bool(clusters))
        valid = valid and all(map(_sums_to_1, (probabilities, *clusters)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise UserError(f"{path} can't be read as a list of classes: {str(error)[:200]}.") from error
    if not valid:
        raise UserError(f"{path} is damaged: it does not list names and probabilities of classes.")
    return Classes(tuple(names), probabilities, clusters)


def _sums_to_1(fractions: Sequence[float]) -> bool:
    """Whether fractions are above 0 and sum to 1."""
    return all(math.isfinite(p) and p > 0 for p in fractions) and abs(sum(fractions) - 1) < 1e-6


def class_name_problem(name: object) -> str | None:
    """Return why a value can't name a class, None if it can: images of a class are written to a folder of its name."""
    if not isinstance(name, str) or not name.strip("."):
        return "is not a name"
    if len(name) > MAX_NAME_LENGTH:
        return f"is longer than {MAX_NAME_LENGTH} characters"
    if any("\ud800" <= character <= "\udfff" for character in name):  # can be neither printed nor written
        return "is not valid UTF-8"
    if set(name) & set("/\\") or name != printable(name):
        return "has a slash, a backslash or control characters"
    return None
