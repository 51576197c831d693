"""Generated digits with what is measured of them: the class by a classifier, stroke features by their pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.stroke_features import STROKE_FEATURES
from dcgan.core.classes import with_class


@dataclass(frozen=True, eq=False)
class SamplePool:
    """Latents and the images generated from them.

    Args:
        model: generator and classifier.
        latents: float32 (N, dim).
        labels: class labels of the generator's input, int (N,); None for an unconditional generator.
    """

    model: "ClassifiedGenerator"
    latents: np.ndarray
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.latents)

    @property
    def rows(self) -> np.ndarray:
        """Generator inputs: float32 (N, dim), or (N, dim + classes) of a conditional generator."""
        if self.labels is None:
            return self.latents
        return with_class(self.latents, np.eye(self.model.classes, dtype=np.float32)[self.labels])

    @cached_property
    def images(self) -> np.ndarray:
        """Generated images: uint8 (N, H, W, C)."""
        return generate(self.model.generator, self.rows)

    @cached_property
    def predicted(self) -> np.ndarray:
        """Classes predicted by the classifier: int (N,)."""
        return self.model.classify(self.images)

    @cached_property
    def targets(self) -> np.ndarray:
        """Class of each image: its label, or the predicted class of an unconditional generator; int (N,)."""
        return self.predicted if self.labels is None else self.labels

    def standardized(self, feature: str) -> np.ndarray:
        """Return a stroke feature minus its class's mean, in standard deviations of all differences: float64 (N,).

        Args:
            feature: name in `STROKE_FEATURES`.
        """
        values = STROKE_FEATURES[feature](self.images)
        for label in np.unique(self.targets):
            members = self.targets == label
            values[members] -= values[members].mean()
        return values / values.std()

    def thirds(self, feature: str) -> tuple[np.ndarray, np.ndarray]:
        """Return masks of the upper and the lower third of a stroke feature within its class: bool (N,) each.

        Args:
            feature: name in `STROKE_FEATURES`.
        """
        values = self.standardized(feature)
        low, high = np.quantile(values, (1 / 3, 2 / 3))
        return values >= high, values <= low


@dataclass(frozen=True, eq=False)
class ClassifiedGenerator:
    """A generator and a classifier of its images.

    Args:
        generator: as `Run.load_generator` returns it.
        classes: number of classes; 0 for an unconditional generator.
        classify: from uint8 (N, H, W, C) to int (N,).
        random: random numbers of every choice.
    """

    generator: Any
    classes: int
    classify: Callable[[np.ndarray], np.ndarray]
    random: np.random.Generator

    def pool(self, seeds: range) -> SamplePool:
        """Return the images of some seeds; those of a conditional generator go through the classes in turn."""
        from dcgan.sampling import latents

        labels = np.arange(len(seeds)) % self.classes if self.classes else None
        return SamplePool(self, latents(seeds, self.generator.inputs[0].shape[-1]), labels)


def generate(generator: Any, rows: np.ndarray) -> np.ndarray:
    """Generate all images at once: uint8 (N, H, W, C).

    Args:
        generator: as `Run.load_generator` returns it.
        rows: generator inputs, float32 (N, dim) or (N, dim + classes).
    """
    from dcgan.sampling.generation import generate_images

    return generate_images(generator, rows)


def load_classified_generator(
    run_dir: Path | None, weights: str = "ema", seed: int = 0, data_dir: Path | None = None
) -> tuple[ClassifiedGenerator, str]:
    """Load a run's generator and the classifier of its dataset.

    Args:
        run_dir: run directory; None for the newest run.
        weights: as for `Run.load_generator`.
        seed: seed of every choice.
        data_dir: directory of the dataset, if it has moved since the training.

    Returns:
        The generator with its classifier, and a sentence that describes them.

    Raises:
        UserError: as `dcgan.runs.find_run`, `Run.load_generator` and `load_classifier`.
    """
    from dcgan.core.imports import import_tensorflow

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
    held_out_accuracy = accuracy(extract(classifier, real.held_out.images), real.held_out.labels)
    model = ClassifiedGenerator(
        generator, classes, lambda images: extract(classifier, images).argmax(axis=1), np.random.default_rng(seed)
    )
    conditioning = f"conditional, {classes} classes" if classes else "unconditional"
    name = run.path.resolve().name
    return (
        model,
        f"{name}, {conditioning}; classifier of {data.dataset}, accuracy on held-out images {held_out_accuracy:.2%}.",
    )
