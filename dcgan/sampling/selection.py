"""Which pictures are drawn: seeds, and with a conditional run the classes they are drawn in."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dcgan.core.classes import Classes, with_class
from dcgan.core.errors import UserError
from dcgan.sampling.latents import iter_latents, walk
from dcgan.sampling.seeds import Seeds, parse_seeds

EACH_CLASS = "each"
"""The label that stands for every class, one after the other."""

AT_ONCE = 4096
"""Seeds whose classes are looked up together."""

MOST_ROWS = 16
"""Classes of a sheet that nobody described further; of more, the first ones."""


@dataclass(frozen=True)
class Selection:
    """Some pictures, in the order in which they are drawn.

    Args:
        seeds: which ones.
        classes: of a conditional run.
        labels: the classes in which all seeds are drawn, one after the other; None for each seed's own.
    """

    seeds: Sequence[int]
    classes: Classes | None = None
    labels: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.seeds) * (len(self.labels) if self.labels else 1)

    @property
    def per_class(self) -> bool:
        """Whether the same seeds are drawn in several classes."""
        return self.labels is not None and len(self.labels) > 1

    @property
    def columns(self) -> int | None:
        """How many pictures make a row of a sheet: a class a row; None where nothing speaks for any number."""
        return len(self.seeds) if self.per_class else None

    def pairs(self) -> Iterator[tuple[int, int | None]]:
        """Seed and label of each; the label is None without classes."""
        if self.classes is None:
            return ((seed, None) for seed in self.seeds)
        if self.labels is not None:
            return ((seed, label) for label in self.labels for seed in self.seeds)
        return self._in_own_classes()

    def _in_own_classes(self) -> Iterator[tuple[int, int]]:
        """Seed and own label of each; looked up for many at once, in memory that does not grow with their number."""
        left = iter(self.seeds)
        while some := list(itertools.islice(left, AT_ONCE)):
            yield from zip(some, self.classes.labels_for(some).tolist(), strict=True)

    def rows(self, dim: int) -> Iterator[np.ndarray]:
        """What the generator takes for each: float32 (dim,), or with classes (dim + classes,)."""
        if self.classes is None:
            return iter_latents(self.seeds, dim)
        latents = itertools.chain.from_iterable(iter_latents(self.seeds, dim) for _ in self.labels or (None,))
        kinds = self.classes.one_hot(range(len(self.classes)))
        return (np.concatenate([z, kinds[label]]) for z, (_, label) in zip(latents, self.pairs(), strict=True))

    def in_classes(self, latents: np.ndarray) -> np.ndarray:
        """The rows of latents (N, dim) that are no seeds', in the classes asked for, one after the other."""
        if self.classes is None:
            return latents
        return np.concatenate([with_class(latents, kind) for kind in self.classes.one_hot(list(self.labels))])

    def walk(self, dim: int, steps: int, *, loop: bool = False) -> Iterator[np.ndarray]:
        """The rows along a walk from seed to seed, `steps` a pair; from class to class it goes in a straight line.

        Raises:
            UserError: as `dcgan.sampling.latents.walk`; or the walk would be in several classes at once.
        """
        if self.per_class:
            raise UserError("A walk goes through one class, or through its seeds' own.", "Name one with --label.")
        along = itertools.chain.from_iterable(walk(self.seeds, dim, steps, loop=loop))
        if self.classes is None:
            return along
        kinds = [self.classes.one_hot([label])[0] for _, label in self.pairs()]
        kinds = [*kinds, kinds[0]] if loop else kinds
        part = np.linspace(0.0, 1.0, steps, endpoint=not loop, dtype=np.float32)[:, None]
        between = (a + part * (b - a) for a, b in itertools.pairwise(kinds))
        return (np.concatenate(pair) for pair in zip(along, itertools.chain.from_iterable(between), strict=True))

    def __str__(self) -> str:
        count = len(self.seeds)
        return f"{count} seed{'' if count == 1 else 's'} ({_short(str(self.seeds))}){self.in_words}"

    @property
    def in_words(self) -> str:
        """The classes, to be put behind the seeds."""
        if not self.labels:
            return ""
        return (
            f" in each of {len(self.labels)} classes"
            if self.per_class
            else f" of {self.classes.names[self.labels[0]]!r}"
        )


def select(seeds: Seeds, label: str | None, classes: Classes | None) -> Selection:
    """The pictures of some seeds.

    Args:
        seeds: which ones.
        label: a class's name or number, `each`, or None for the seeds' own.
        classes: of the run; None where it is not conditional.

    Raises:
        UserError: there is no such class.
    """
    if label is None or classes is None:
        if label is not None:
            raise UserError("--label asks for a class, and this run is not conditional.", "Train with --conditional.")
        return Selection(seeds, classes)
    return Selection(seeds, classes, tuple(range(len(classes))) if label == EACH_CLASS else (classes.parse(label),))


def default_selection(classes: Classes | None) -> Selection:
    """What is drawn where nothing is asked for: 64 seeds, or with classes 8 seeds in a row of each class."""
    if classes is None:
        return Selection(parse_seeds("0-63"))
    return Selection(parse_seeds("0-7"), classes, tuple(range(min(len(classes), MOST_ROWS))))


def _short(text: str) -> str:
    """A text cut to what a line can hold."""
    return text if len(text) <= 40 else text[:40] + "…"
