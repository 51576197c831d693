"""Time the parts of the evaluations during a training (`--evaluate-every`), without doing one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from dcgan.config import ResolvedTrainConfig, TrainConfig
from dcgan.core.errors import UserError
from dcgan.data import ImageDataset
from dcgan.data.load import check_options
from dcgan.data.sources import ImageFileSource
from dcgan.doctor.sample import Sample
from dcgan.evaluation.classifier import (
    BATCH_SIZE,
    STEPS,
    classifier_path,
    train_step,
    untrained_classifier,
)
from dcgan.evaluation.evaluator import check_evaluation, compute_metrics
from dcgan.evaluation.features import (
    CLASSIFIER,
    INCEPTION,
    INCEPTION_2015,
    INCEPTION_BATCH_SIZE,
    INCEPTION_SIZE,
    Extractor,
    classifier_features_from,
    file_features,
)
from dcgan.evaluation.splits import REFERENCE, VALIDATION, load_splits, part_limit, part_sizes

_TIMED_STEPS = 10
_TIMED_ROWS = 2000  # of features; the metrics take milliseconds to seconds for so many


@dataclass(frozen=True)
class EvaluationCosts:
    """What the evaluations of a training cost, in seconds.

    Args:
        images: number of images that each of them generates.
        classifier: training the classifier of the features; 0 where it is cached, or other features are used.
        start: what else happens before the first step: features of real images, and their metrics.
        each: one evaluation, beside generating its images.
    """

    images: int
    classifier: float
    start: float
    each: float


@dataclass(frozen=True)
class _Parts:
    """The images that an evaluation compares.

    Args:
        reference: number of images of the real reference.
        validation: number of images that both sides are compared with.
        classifier: images that the classifier is trained on, or some of them; of them, `labels` may be None.
        has_classifier: whether the classifier of these images is cached.
        description: the parts, in one sentence.
    """

    reference: int
    validation: int
    classifier: ImageDataset
    has_classifier: bool
    description: str


def measure_evaluation(config: ResolvedTrainConfig, sample: Sample, dataset: ImageDataset) -> EvaluationCosts:
    """Time some steps of a classifier, one batch of features, and the metrics of some rows of them.

    Nothing is downloaded or written: an Inception network without its weights takes as long as with them.

    Args:
        config: options of the training.
        sample: its images.
        dataset: the images of the sample that steps are timed with.

    Raises:
        UserError: what would end the training before its first step.
    """
    parts = _parts(config, sample, dataset)
    check_evaluation(
        config,
        has_labels=parts.classifier.labels is not None,
        smallest=min(parts.reference, parts.validation),
        description=parts.description,
    )
    count = min(config.evaluate_num, parts.reference)
    extractor, building, classifier = _extractor(config, parts, dataset)
    features, seconds = _time_features(extractor, dataset)
    metrics = _time_metrics(features.shape[1], count, parts.validation)
    start = building + seconds * (count + parts.validation) + metrics
    return EvaluationCosts(count, classifier, start, seconds * count + metrics)


def _parts(config: TrainConfig, sample: Sample, dataset: ImageDataset) -> _Parts:
    if sample.dataset is not None:  # nothing has to be prepared to divide it
        splits = load_splits(config)
        images = splits.classifier
        is_cached = images.labels is not None and classifier_path(images, config.cache_dir).exists()
        return _Parts(len(splits.reference), len(splits.validation), images, is_cached, splits.description)
    sizes, limit = (
        part_sizes(sample.total, with_test_split=_has_test_split(config)),
        part_limit(dataset.images[0].nbytes),
    )
    reference, validation = (min(limit, sizes[name]) for name in (REFERENCE, VALIDATION))
    description = f"of {sample.total} images, {reference} are the real reference and {validation} for validation."
    return _Parts(reference, validation, dataset, False, description)


def _has_test_split(config: TrainConfig) -> bool:
    """Whether there are test images beside those of training; files are only listed."""
    try:
        source = check_options(config, "test")
        if isinstance(source, ImageFileSource):
            with source.open_files(config, "test"):
                pass
    except UserError:
        return False
    return True


def _extractor(config: TrainConfig, parts: _Parts, dataset: ImageDataset) -> tuple[Extractor, float, float]:
    """Return a network that takes the time of the features' network, the time to build it, and to train it."""
    began = time.perf_counter()
    if config.features == CLASSIFIER:
        images = _at_least_a_batch(parts.classifier)
        model = untrained_classifier(images)
        training = 0.0 if parts.has_classifier else _time_training(model, images)
        extractor = classifier_features_from(model, each_channel=config.dataset == "stacked_mnist")
        return extractor, 0.0, training
    if config.features in (INCEPTION, INCEPTION_2015):
        return _untrained_inception(config.features), time.perf_counter() - began, 0.0
    extractor = file_features(Path(config.features), dataset.image_size, dataset.channels)
    return extractor, time.perf_counter() - began, 0.0


def _at_least_a_batch(images: ImageDataset) -> ImageDataset:
    """Repeat the images of a sample until they are a batch of the classifier."""
    if len(images) >= BATCH_SIZE:
        return images
    order = np.resize(np.arange(len(images)), BATCH_SIZE)
    return replace(images, images=images.images[order], labels=None if images.labels is None else images.labels[order])


def _untrained_inception(name: str) -> Extractor:
    """Return an Inception network with random weights."""
    weights: Any = None  # the stub knows only names
    model = keras.applications.InceptionV3(
        include_top=False, weights=weights, input_shape=(*INCEPTION_SIZE, 3), pooling="avg"
    )
    return Extractor(name, model, "", INCEPTION_BATCH_SIZE)


def _time_training(model: keras.Model, images: ImageDataset) -> float:
    """Return the seconds that training a classifier takes; the first step compiles."""
    first = _seconds(lambda: train_step(model, images, 1))
    later = _seconds(lambda: [train_step(model, images, 2 + index) for index in range(_TIMED_STEPS)])
    return first + later / _TIMED_STEPS * (STEPS - 1)


def _time_features(extractor: Extractor, dataset: ImageDataset) -> tuple[np.ndarray, float]:
    """Return features of a batch, and the seconds that those of one image take."""
    images = dataset.images[np.resize(np.arange(len(dataset)), extractor.batch_size)]
    features = extractor(images)  # compiles
    return features, _seconds(lambda: extractor(images)) / len(images)


def _time_metrics(width: int, generated: int, real: int) -> float:
    """Return the seconds that the metrics of so many images take.

    Neighbors take the product of both numbers, the Fréchet distance their sum: the former decides where it matters.
    """
    rows = min(_TIMED_ROWS, generated), min(_TIMED_ROWS, real)
    random = np.random.default_rng(0)
    one, other = (random.standard_normal((count, width), np.float32) for count in rows)
    compute_metrics(one, other, 1.0)
    return _seconds(lambda: compute_metrics(one, other, 1.0)) * generated * real / (rows[0] * rows[1])


def _seconds(function: Callable[[], Any]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began
