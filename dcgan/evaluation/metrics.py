"""Every metric of `evaluate`: what it needs, and its results, each beside the same result of real images.

To add a metric, write a function from an `EvaluationContext` to `MetricResult`s and register it in `METRICS`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcgan.config.run_commands import parse_metrics
from dcgan.core.errors import UserError
from dcgan.deconvolution.checkerboard import checkerboard_energy
from dcgan.evaluation import distances, linear_probe, memorization, modes, nearest_neighbors, requirements
from dcgan.evaluation.context import EvaluationContext
from dcgan.evaluation.features import extract
from dcgan.evaluation.requirements import Requirement
from dcgan.evaluation.splits import random_indices, random_subset
from dcgan.runs.loading import load_discriminator
from dcgan.visualization import save_png

MAX_LABELED = 50_000
"""Maximum number of images that the 1-NN classifier is fitted on: the DCGAN paper's number."""

CHECKERBOARD_PERIODS = {2: "last", 4: "second-to-last"}
"""Periods of a checkerboard pattern in pixels, and the upsampling of the generator that may cause it."""

UNBIASED_COUNT = 5000
"""Number of images from which on the bias of the Fréchet distance is small compared with the distance."""

CHECKERBOARD_IMAGES = 1000
"""Number of images whose spectra are averaged, enough to average out noise."""


@dataclass(frozen=True)
class MetricResult:
    """One line of the report.

    Args:
        name: what is measured.
        generated: value for the generated images; None where it does not exist.
        real: the same for as many real images; None where it is undefined.
        better: whether `lower` or `higher` is better.
        generated_std: standard deviation of `generated`, where it was estimated.
        real_std: standard deviation of `real`, where it was estimated.
        note: what to know when reading the values, in one line.
    """

    name: str
    generated: float | None
    real: float | None
    better: str
    generated_std: float | None = None
    real_std: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """generated / real; None where one does not exist, or `real` is not larger than its standard deviation."""
        if self.generated is None or self.real is None or self.real <= (self.real_std or 0):
            return None
        return self.generated / self.real


Measure = Callable[[EvaluationContext, Path | None], Iterable[MetricResult]]
"""Computes results; a metric with a `figure` writes it to the path, unless that is None."""


@dataclass(frozen=True)
class Metric:
    """A metric that `--metrics` can name.

    Args:
        measure: computes its results.
        missing: what it needs but the context lacks.
        by_default: whether it is measured when `--metrics` is left out.
        uses_features: whether it compares features, and not pixels or labels.
        report_skipped: whether the report mentions that it was skipped; False for metrics that only apply to some
            datasets or runs.
        figure: file name suffix of the images it writes; empty where it writes none.
    """

    measure: Measure
    missing: Requirement = lambda context: ""
    by_default: bool = True
    uses_features: bool = False
    report_skipped: bool = True
    figure: str = ""


def skipped_metrics(context: EvaluationContext) -> dict[str, str]:
    """Return the generally applicable metrics that can't be measured here.

    Args:
        context: the evaluation.

    Returns:
        What each of them needs, by name.
    """
    missing = {name: m.missing(context) for name, m in METRICS.items() if m.by_default and m.report_skipped}
    return {name: needs for name, needs in missing.items() if needs}


def select_metrics(text: str | None, context: EvaluationContext) -> list[str]:
    """Return the names of the metrics to measure.

    Args:
        text: names separated by commas; None for all default metrics that can be measured.
        context: the evaluation.

    Returns:
        Keys of `METRICS`, each once.

    Raises:
        UserError: a metric does not exist or can't be measured.
    """
    if text is None:
        return [name for name, metric in METRICS.items() if metric.by_default and not metric.missing(context)]
    names = parse_metrics(text, METRICS)
    for name in names:
        if needs := METRICS[name].missing(context):
            raise UserError(f"The metric {name} needs {needs}.", "Leave it out of --metrics.")
    return names


def _frechet(context: EvaluationContext, figure: Path | None) -> Iterable[MetricResult]:
    generated, real = (
        distances.frechet_distance(features, context.held_out_features)
        for features in (context.generated_features, context.real_features)
    )
    count = min(context.count, len(context.held_out))
    note = f"of {count} images only: distances too large, ratio too close to 1; compare with as many images only"
    yield MetricResult("frechet_distance", generated, real, "lower", note=note if count < UNBIASED_COUNT else "")


def _kernel(context: EvaluationContext, figure: Path | None) -> Iterable[MetricResult]:
    generated, real = (
        distances.kernel_distance(features, context.held_out_features)
        for features in (context.generated_features, context.real_features)
    )
    yield MetricResult("kernel_distance", generated.value, real.value, "lower", generated.std, real.std)


def _feature_pair(names: tuple[str, str], function: Callable[..., tuple[float, float]]) -> Measure:
    """Return a metric of two results that one function of real and other features computes."""

    def measure(context: EvaluationContext, figure: Path | None) -> Iterable[MetricResult]:
        generated = function(context.held_out_features, context.generated_features)
        real = function(context.held_out_features, context.real_features)
        return [MetricResult(*values, "higher") for values in zip(names, generated, real, strict=True)]

    return measure


def _nearest_neighbors(context: EvaluationContext, figure: Path | None) -> Iterable[MetricResult]:
    available = min(MAX_LABELED, context.samples.available or MAX_LABELED)
    count, held_out = min(available, len(context.splits.training)), context.splits.held_out
    assert context.samples.labels is not None  # guaranteed by the requirement
    sets = (context.samples.take(count), context.samples.labels(count)), random_subset(context.splits.training, count)
    generated, real = (
        nearest_neighbors.classification_error(images, np.asarray(labels), held_out.images, np.asarray(held_out.labels))
        for images, labels in sets
    )
    yield MetricResult("one_nn_error", generated, real, "lower", note=f"fitted on {count} labeled images")


def _memorization(context: EvaluationContext, figure: Path | None) -> Iterable[MetricResult]:
    seen, held_out_is_seen, flip = context.splits.seen.images, context.splits.held_out_is_seen, context.is_flipped
    count = nearest_neighbors.affordable_queries(min(context.count, len(context.held_out)), seen, 1 + flip)
    generated, indices = context.generated[:count], random_indices(len(seen), count) if held_out_is_seen else None
    held_out = random_subset(context.splits.held_out, count)[0] if indices is None else seen[indices]
    result = memorization.memorization(generated, seen, held_out, indices, flip=flip)
    if figure is not None:
        save_png(figure, memorization.closest_grid(generated, seen, result))
    others = f"of these {len(seen)} are to another" if held_out_is_seen else "held-out images"
    mirrored = " or its mirror image" if flip else ""
    note = f"of {count}, closer to a training image{mirrored} than all but 1 in 100 {others}"
    note += f"; {result.copies} of {count} real images excluded as copies" if result.copies else ""
    yield MetricResult("memorized", result.near, memorization.NEAR_FRACTION, "lower", note=note)
    yield MetricResult("distance_to_training", result.median, result.held_out_median, "higher", note="median")


def _support(context: EvaluationContext, figure: Path | None) -> Iterable[MetricResult]:
    count = nearest_neighbors.affordable_pairs(context.count, context.generated)
    generated = context.generated[:count]
    result = memorization.support(generated, random_subset(context.splits.training, count)[0])
    if figure is not None:
        save_png(figure, memorization.repeats_grid(generated, result))
    note = f"{result.repeats:,} repeats among {count}" + ("" if result.real else ", none among as many real images")
    note += "" if result.estimate else f"; at least {float(f'{result.at_least:.3g}'):,.0f} distinct images"
    yield MetricResult("support", result.estimate, result.real, "higher", note=note)


def _modes(context: EvaluationContext, figure: Path | None) -> Iterable[MetricResult]:
    available = context.samples.available or modes.NUM_IMAGES
    count = min(modes.NUM_IMAGES, available, len(context.splits.reference))
    generated, real = (
        modes.modes_and_divergence(modes.predict_triples(images, lambda digits: extract(context.classifier, digits)))
        for images in (context.samples.take(count), random_subset(context.splits.reference, count)[0])
    )
    note = f"of {count}; the papers use {modes.NUM_IMAGES}" if count < modes.NUM_IMAGES else f"of {count}"
    note += f"; digit classifier accuracy {context.classifier_accuracy:.2%}"
    yield MetricResult("modes", generated[0], real[0], "higher", note=note)
    note = "KL divergence from the uniform distribution, in nats"
    yield MetricResult("mode_divergence", generated[1], real[1], "lower", note=note)


def _checkerboard(context: EvaluationContext, figure: Path | None) -> Iterable[MetricResult]:
    for period, upsampling in CHECKERBOARD_PERIODS.items():
        generated, real = (
            checkerboard_energy(images[:CHECKERBOARD_IMAGES], period) for images in (context.generated, context.real)
        )
        note = f"fraction of the energy that repeats every {period} pixels, as the {upsampling} upsampling may cause"
        yield MetricResult(f"checkerboard_{period}", generated, real, "lower", note=note)


def _linear_probe(context: EvaluationContext, figure: Path | None) -> Iterable[MetricResult]:
    assert context.run is not None  # guaranteed by the requirement
    height, width, channels = context.samples.shape
    network = load_discriminator(context.run, (height, width), channels)
    fit, test = random_subset(context.splits.training, context.count), context.splits.held_out
    sets = (fit[0], np.asarray(fit[1]), test.images, np.asarray(test.labels))
    generated, real = linear_probe.discriminator_accuracy(network, *sets), linear_probe.pixel_accuracy(*sets)
    note = f"linear SVM on the discriminator's features; real: on pixels; fitted on {context.count}"
    yield MetricResult("svm_accuracy", generated, real, "higher", note=note)


METRICS = {
    "frechet": Metric(_frechet, requirements.missing_images(1), uses_features=True),
    "kernel": Metric(_kernel, requirements.missing_images(1), uses_features=True),
    "precision_recall": Metric(
        _feature_pair(("precision", "recall"), distances.precision_recall),
        requirements.missing_images(distances.MANIFOLD_NEIGHBORS),
        uses_features=True,
    ),
    "density_coverage": Metric(
        _feature_pair(("density", "coverage"), distances.density_coverage),
        requirements.missing_images(distances.DENSITY_NEIGHBORS),
        uses_features=True,
    ),
    "modes": Metric(_modes, requirements.missing_stacked_mnist, report_skipped=False),
    "nearest_neighbors": Metric(_nearest_neighbors, requirements.missing_labels, report_skipped=False),
    "memorization": Metric(_memorization, requirements.missing_training_images, figure="nearest"),
    "support": Metric(_support, figure="repeats"),
    "checkerboard": Metric(
        _checkerboard, requirements.missing_periods(max(CHECKERBOARD_PERIODS)), report_skipped=False
    ),
    "linear_probe": Metric(_linear_probe, requirements.missing_discriminator, by_default=False),
}
"""Every metric by its name on the command line, in the order of the report."""
