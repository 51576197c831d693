"""Drawn digits and what can be read off them: the class by a classifier, thickness and slant by their pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.stroke_features import STYLES
from dcgan.core.classes import with_class


@dataclass(frozen=True, eq=False)
class Pool:
    """Some latents and what their pictures show.

    Args:
        subject: who draws them.
        latents: float32 (N, dim).
        labels: int (N,), the classes they are drawn in; None where the generator is not conditional.
    """

    subject: "Subject"
    latents: np.ndarray
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.latents)

    def __getitem__(self, chosen) -> "Pool":
        return Pool(self.subject, self.latents[chosen], None if self.labels is None else self.labels[chosen])

    @property
    def rows(self) -> np.ndarray:
        """What the generator takes: float32 (N, dim), or (N, dim + classes)."""
        return self.subject.rows(self.latents, self.labels)

    @cached_property
    def images(self) -> np.ndarray:
        """uint8 (N, H, W, C)."""
        return drawn(self.subject.generator, self.rows)

    @cached_property
    def digits(self) -> np.ndarray:
        """The class the classifier reads: int (N,)."""
        return self.subject.classify(self.images)

    @cached_property
    def wanted(self) -> np.ndarray:
        """The class each picture belongs to: the one it was drawn in, or else the one that is read."""
        return self.digits if self.labels is None else self.labels

    def style(self, name: str) -> np.ndarray:
        """How each picture is, beside the others of its class, in deviations of these: float64 (N,)."""
        values = STYLES[name](self.images)
        for digit in np.unique(self.wanted):
            members = self.wanted == digit
            values[members] -= values[members].mean()
        return values / values.std()

    def thirds(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Which pictures are in the upper and the lower third of a style: bool (N,) each."""
        style = self.style(name)
        low, high = np.quantile(style, (1 / 3, 2 / 3))
        return style >= high, style <= low


@dataclass(frozen=True, eq=False)
class Subject:
    """A generator that is looked into.

    Args:
        generator: as `Run.load_generator` gives it.
        classes: how many; 0 where it is not conditional.
        classify: from uint8 (N, H, W, C) to int (N,).
        random: for every choice.
    """

    generator: object
    classes: int
    classify: Callable[[np.ndarray], np.ndarray]
    random: np.random.Generator

    @property
    def dim(self) -> int:
        """The length of a latent."""
        return self.generator.inputs[0].shape[-1]

    def pool(self, seeds: range) -> Pool:
        """The pictures of some seeds, in a conditional generator the classes in turn."""
        from dcgan.sampling import latents

        labels = np.arange(len(seeds)) % self.classes if self.classes else None
        return Pool(self, latents(seeds, self.dim), labels)

    def rows(self, latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        """What the generator takes."""
        if labels is None:
            return latents
        return with_class(latents, np.eye(self.classes, dtype=np.float32)[labels])


def drawn(generator, rows: np.ndarray) -> np.ndarray:
    """All pictures at once: uint8 (N, H, W, C)."""
    from dcgan.sampling.generation import generate_images

    return generate_images(generator, rows)


def subject_of(
    run_dir: Path | None, weights: str = "ema", seed: int = 0, data_dir: Path | None = None
) -> tuple[Subject, str]:
    """A run's generator with the classifier of what it was trained on, and a line that says so.

    Args:
        run_dir: of the run; None for the newest.
        weights: as for `Run.load_generator`.
        seed: of every choice.
        data_dir: where the data set lies, if not where the run had it.

    Raises:
        UserError: as `dcgan.runs.find_run`, `Run.load_generator` and `load_classifier`.
    """
    from dcgan.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    from dcgan import runs
    from dcgan.config import EvaluateConfig
    from dcgan.core import devices
    from dcgan.evaluation.classifier import accuracy, load_classifier
    from dcgan.evaluation.features import extract
    from dcgan.evaluation.splits import load_splits
    from dcgan.runs.loading import data_options

    devices.configure_tensorflow(seed=0)
    run = runs.find_run(run_dir)
    generator, data = run.load_generator(weights), data_options(EvaluateConfig(run_dir=run_dir, data_dir=data_dir), run)
    real, classes = load_splits(data), len(run.classes() or ())
    classifier = load_classifier(real.training, data.cache_dir)
    right = accuracy(extract(classifier, real.held_out.images), real.held_out.labels)
    subject = Subject(
        generator, classes, lambda images: extract(classifier, images).argmax(axis=1), np.random.default_rng(seed)
    )
    kind = f"conditional, {classes} classes" if classes else "not conditional"
    return (
        subject,
        f"{run.path.resolve().name}, {kind}; classifier of {data.dataset}, {right:.2%} right on held-out images.",
    )
