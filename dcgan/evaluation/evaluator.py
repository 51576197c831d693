"""Evaluation during training: metrics of the current generator at intervals."""

from dataclasses import replace

import keras
import numpy as np

from dcgan.config import TrainConfig
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.evaluation.context import EvaluationContext, build_context
from dcgan.evaluation.distances import MANIFOLD_NEIGHBORS, frechet_distance, precision_recall
from dcgan.evaluation.features import CLASSIFIER
from dcgan.evaluation.samples import Samples, samples_from_generator
from dcgan.evaluation.splits import HELD_OUT, VALIDATION, Splits, load_splits
from dcgan.runs.loading import data_options

FIRST_SEED = 1 << 40
"""Seed of the first image that is generated for an evaluation during training: `best.keras` is chosen by other images
than those that `evaluate` reports on, which start with seed 0."""

MIN_IMAGES = MANIFOLD_NEIGHBORS + 1
"""Minimum number of images on each side: precision and recall need more images than neighbors."""

ROUNDING = 1e-10
"""A Fréchet distance of less than this fraction of the mean squared length of the features is rounding."""

PARTS = {VALIDATION: "validation", HELD_OUT: "held-out"}
"""The parts that generated images can be compared with, and what they are called."""


class Evaluator:
    """Compares generated images with the same real images in the same features on every call.

    Everything needed is loaded here, the classifier trained if it is not cached, and every metric computed once for
    real images, so that whatever is missing or too small is reported before training starts.

    Args:
        config: the options of the training.
        part: the real images to compare with: `validation`, which keeps the held-out images for `evaluate`; or
            `held_out`, for a program that trains on other images and chooses no generator by the result.

    Raises:
        UserError: `--features classifier` is used with a dataset without labels; there are too few images; or the
            features of the real images can't be compared.
    """

    def __init__(self, config: TrainConfig, part: str = VALIDATION):
        splits = load_splits(config)
        check_evaluation(
            config,
            has_labels=splits.classifier.labels is not None,
            smallest=min(len(splits.reference), len(getattr(splits, part))),
            description=splits.description,
        )
        context = _build_context(config, splits, part)
        self._count, self._extractor, self._real = context.count, context.extractor, context.held_out_features
        self._real_distance = _real_distance(config, context)
        self.scale = f"{config.features}, {self._count} images, {len(self._real)} {PARTS[part]} images"
        """Features, numbers of images and part. Only distances with the same scale are comparable."""
        self.description = _describe(self._count, len(self._real), part)
        """What is compared, in one sentence."""

    def __call__(self, generator: keras.Model, classes: Classes | None = None) -> dict[str, float]:
        """Evaluate images `FIRST_SEED` to `FIRST_SEED` + n - 1 of a generator; n is at most `config.evaluate_num`.

        Args:
            generator: as `Run.load_generator` returns it.
            classes: classes of a conditional run.

        Returns:
            `frechet_distance`, `frechet_ratio` to the same distance of as many images of the real reference,
            `precision` and `recall`.
        """
        images = samples_from_generator(generator, classes, "training", FIRST_SEED).take(self._count)
        return compute_metrics(self._extractor(images), self._real, self._real_distance)


def compute_metrics(generated: np.ndarray, real: np.ndarray, real_distance: float) -> dict[str, float]:
    """Compute every metric of an evaluation during training.

    Args:
        generated: features of generated images, float32 (N, D).
        real: features of real images, float32 (M, D).
        real_distance: Fréchet distance of the real reference.

    Returns:
        What `Evaluator` returns.
    """
    distance = frechet_distance(generated, real)
    precision, recall = precision_recall(real, generated)
    ratio = distance / real_distance
    return {"frechet_distance": distance, "frechet_ratio": ratio, "precision": precision, "recall": recall}


def check_evaluation(config: TrainConfig, *, has_labels: bool, smallest: int, description: str) -> None:
    """Refuse evaluations that lack labels or images.

    Args:
        config: the options of the training.
        has_labels: whether the images have labels, on which a classifier can be trained.
        smallest: number of images in the smaller part that is compared.
        description: the parts of the dataset, in one sentence.

    Raises:
        UserError: the features need labels, or there are too few images for a metric.
    """
    if config.features == CLASSIFIER and not has_labels:
        hint = "Use --features inception or a .keras file, or leave out --evaluate-every."
        raise UserError(f"--evaluate-every needs a dataset with labels, but {config.dataset} has none.", hint)
    if config.evaluate_num < MIN_IMAGES:
        raise UserError(
            f"--evaluate-num {config.evaluate_num} is too small: precision and recall need {MIN_IMAGES} images.",
            f"Use --evaluate-num {MIN_IMAGES} or more, or leave it out.",
        )
    if smallest < MIN_IMAGES:
        raise UserError(
            f"--evaluate-every needs {MIN_IMAGES} images or more in each part of the dataset, but {description}",
            "Add images, or leave out --evaluate-every.",
        )


def _build_context(config: TrainConfig, splits: Splits, part: str) -> EvaluationContext:
    """Build a context whose held-out images are those of the part; generated images come with each call."""
    compared = replace(splits, held_out=getattr(splits, part))
    no_samples = Samples("training", compared.held_out.images.shape[1:], lambda count: compared.reference.images[:0])
    return build_context(no_samples, compared, data_options(config, None), config.evaluate_num, config.features)


def _real_distance(config: TrainConfig, context: EvaluationContext) -> float:
    """Return the distance of the real reference, after a test of every metric on a few real images."""
    reference, real = context.real_features, context.held_out_features
    distance = frechet_distance(reference, real)
    if distance <= ROUNDING * np.square(real).sum(axis=1, dtype=np.float64).mean():
        raise UserError(
            f"The real images of {config.dataset} have equal features: their Fréchet distance is 0, and there is no "
            "ratio to it.",
            "Choose other --features or another dataset, or leave out --evaluate-every.",
        )
    compute_metrics(reference[: 2 * MIN_IMAGES], real[: 2 * MIN_IMAGES], distance)
    return distance


def _describe(count: int, num_real: int, part: str) -> str:
    """Return what is compared, and whether a run is trained on it, in one sentence."""
    trained = " (the run is trained on them, too)" if part == VALIDATION else ""
    return (
        f"Evaluation: {count} generated images (seeds from {FIRST_SEED} on) are compared with {num_real} {PARTS[part]} "
        f"images{trained}; the ratio is to the distance of {count} other real images."
    )
