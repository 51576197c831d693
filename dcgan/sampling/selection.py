"""Which images to generate: seeds, and in a conditional run the class labels."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dcgan.core.classes import Classes, with_class
from dcgan.core.errors import UserError, errors_about
from dcgan.sampling.latents import iter_latents, walk, walk_positions
from dcgan.sampling.seeds import parse_seeds

EACH_CLASS = "each"
"""The label that stands for every class, one after the other."""

LABEL_BATCH_SIZE = 4096
"""Number of seeds whose labels are computed at a time."""

MAX_CLASS_ROWS = 16
"""Largest number of classes in a grid by default; a run with more shows the first ones."""


@dataclass(frozen=True)
class Selection:
    """The images to generate, in order.

    Args:
        seeds: one image per seed, and per label if there are several.
        classes: classes of a conditional run; None for an unconditional one.
        labels: class labels, each combined with all seeds, one label after the other; None for the default label of
            each seed.
    """

    seeds: Sequence[int]
    classes: Classes | None = None
    labels: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.seeds) * (len(self.labels) if self.labels else 1)

    @property
    def per_class(self) -> bool:
        """Whether the same seeds are generated in several classes."""
        return self.labels is not None and len(self.labels) > 1

    @property
    def columns(self) -> int | None:
        """Number of columns of a grid with one row per class; None if there are not several classes."""
        return len(self.seeds) if self.per_class else None

    def pairs(self) -> Iterator[tuple[int, int | None]]:
        """Yield the seed and the label of each image; the label is None without classes to choose from."""
        if self.classes is None or not self.classes.labeled:
            return ((seed, None) for seed in self.seeds)
        if self.labels is not None:
            return ((seed, label) for label in self.labels for seed in self.seeds)
        return _with_default_labels(self.seeds, self.classes)

    def rows(self, dim: int) -> Iterator[np.ndarray]:
        """Yield the generator input of each image.

        Args:
            dim: length of a latent vector.

        Yields:
            float32 array of shape (dim,), with classes (dim + classes,).
        """
        if self.classes is None:
            return iter_latents(self.seeds, dim)
        latents = itertools.chain.from_iterable(iter_latents(self.seeds, dim) for _ in self.labels or (None,))
        return (np.concatenate(pair) for pair in zip(latents, self._one_hot(), strict=True))

    def _one_hot(self) -> Iterator[np.ndarray]:
        """Yield the class input of each image, float32 (inputs,)."""
        classes = self.classes
        assert classes is not None  # only called where there are classes
        one_hot = classes.one_hot(range(len(classes.input_probabilities)))
        return (one_hot[classes.input_for(seed, label or 0)] for seed, label in self.pairs())

    def with_labels(self, latents: np.ndarray) -> np.ndarray:
        """Combine latents that belong to no seed with every label of the selection, one label after the other.

        Where classes are divided into clusters, the largest cluster of a class stands for it.

        Args:
            latents: float32 (N, dim).

        Returns:
            float32 (N, dim) without classes, otherwise (labels * N, dim + classes).
        """
        if self.classes is None:
            return latents
        one_hot = self.classes.one_hot([self.classes.largest(label) for label in self.labels or (0,)])
        return np.concatenate([with_class(latents, vector) for vector in one_hot])

    def walk(self, dim: int, steps: int, *, loop: bool = False) -> Iterator[np.ndarray]:
        """Yield the generator inputs along a walk from seed to seed; classes are interpolated linearly.

        Args:
            dim: length of a latent vector.
            steps: number of images per pair of seeds.
            loop: also walk from the last seed back to the first, as in `dcgan.sampling.latents.walk`.

        Yields:
            float32 array of shape (dim,), with classes (dim + classes,).

        Raises:
            UserError: as for `dcgan.sampling.latents.walk`, or the selection has several classes per seed.
        """
        if self.per_class:
            raise UserError("A walk cannot show several classes at once (--class each).", "Select one class.")
        points = itertools.chain.from_iterable(walk(self.seeds, dim, steps, loop=loop))
        if self.classes is None:
            return points
        one_hot = list(self._one_hot())
        if loop:
            one_hot.append(one_hot[0])
        mixtures = interpolate_classes(one_hot, walk_positions(steps, loop=loop).astype(np.float32))
        return (np.concatenate(pair) for pair in zip(points, itertools.chain.from_iterable(mixtures), strict=True))

    def __str__(self) -> str:
        count = len(self.seeds)
        return f"{count} seed{'' if count == 1 else 's'} ({_shortened(str(self.seeds))}){self.class_suffix}"

    @property
    def class_suffix(self) -> str:
        """Text about the labels to append to a description of the seeds."""
        if self.classes is None or not self.labels:
            return ""
        if self.per_class:
            return f" in each of {len(self.labels)} classes"
        return f" of class {self.classes.names[self.labels[0]]!r}"


def select(seeds: Sequence[int], label: str | None, classes: Classes | None) -> Selection:
    """Return the selection of some seeds.

    Args:
        seeds: which seeds.
        label: name or number of a class, `each`, or None for the default label of each seed.
        classes: classes of the run; None if it is not conditional.

    Returns:
        The selection, in the order of the seeds, and class by class for `each`.

    Raises:
        UserError: there is no such class, or the run is not conditional.
    """
    if label is None:
        return Selection(seeds, classes)
    if classes is None or not classes.labeled:
        raise UserError("--class selects a class, but this run is not conditional.", "Train with --conditional.")
    with errors_about("--class"):
        labels = tuple(range(len(classes))) if label == EACH_CLASS else (classes.parse(label),)
    return Selection(seeds, classes, labels)


def default_selection(classes: Classes | None) -> Selection:
    """Return the selection for a grid without further options.

    Args:
        classes: classes of the run; None if it is not conditional.

    Returns:
        The seeds 0 to 63; with classes, the seeds 0 to 7 in each of the first 16 classes.
    """
    if classes is None or not classes.labeled:
        return Selection(parse_seeds("0-63"), classes)
    return Selection(parse_seeds("0-7"), classes, tuple(range(min(len(classes), MAX_CLASS_ROWS))))


def interpolate_classes(one_hot: Iterable[np.ndarray], t: np.ndarray) -> Iterator[np.ndarray]:
    """Interpolate linearly from each class vector to the next one.

    Args:
        one_hot: class vectors of shape (classes,).
        t: positions between two neighbors, shape (steps,), from 0 to 1; their type is that of the computation.

    Returns:
        Iterator of arrays of shape (steps, classes), one per pair of neighbors.
    """
    return (a + t[:, None] * (b - a) for a, b in itertools.pairwise(one_hot))


def _with_default_labels(seeds: Sequence[int], classes: Classes) -> Iterator[tuple[int, int]]:
    """Seeds with their default labels; computed in batches, in memory that does not grow with the number of seeds."""
    remaining = iter(seeds)
    while batch := list(itertools.islice(remaining, LABEL_BATCH_SIZE)):
        yield from zip(batch, classes.labels_for(batch).tolist(), strict=True)


def _shortened(text: str) -> str:
    """The text, cut to fit on one line."""
    return text if len(text) <= 40 else text[:40] + "…"
