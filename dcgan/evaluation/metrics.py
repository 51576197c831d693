"""Every metric by its name: what it needs, and the figures it gives, each beside the same figure of real images."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dcgan.core.errors import UserError
from dcgan.deconvolution.checkerboard import checkerboard_energy
from dcgan.evaluation import distances, linear_probe, modes, nearest_neighbors
from dcgan.evaluation.context import EvaluationContext
from dcgan.evaluation.features import extract
from dcgan.evaluation.splits import random_indices, random_subset
from dcgan.runs.loading import load_discriminator
from dcgan.visualization import save_png

MOST_LABELLED = 50_000
"""Pictures that the 1-NN classifier is fitted on: as many as the DCGAN paper's."""

PERIODS = {2: "last", 4: "last but one"}
"""Pixels after which a checkerboard repeats, and which doubling of the generator leaves it."""

MANY = 5000
"""Pictures from which on the Fréchet distance's bias is small beside the distance itself."""

SPECTRA = 1000
"""Pictures whose spectra are averaged: enough for the noise in them to cancel."""


@dataclass(frozen=True)
class Figure:
    """One line of the report.

    Args:
        name: what is measured.
        drawn: of the drawn pictures; None where there is no number.
        real: the same of as many training images; None where that makes no sense.
        better: whether `lower` or `higher` is better.
        drawn_spread: standard deviation of `drawn`, where it was estimated.
        real_spread: the same of `real`.
        note: what has to be known to read it, in a line.
    """

    name: str
    drawn: float | None
    real: float | None
    better: str
    drawn_spread: float | None = None
    real_spread: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """drawn / real; None where there is no such number, or `real` is not larger than its own spread."""
        if self.drawn is None or self.real is None or self.real <= (self.real_spread or 0):
            return None
        return self.drawn / self.real


@dataclass(frozen=True)
class Metric:
    """How a name of `--metrics` is worked out.

    Args:
        measure: gives its figures; the pictures that belong to them are written to the sheet, if there is one.
        lacks: what it would need and hasn't got, in a few words; empty where it can be measured.
        unasked: whether it is part of an evaluation that names no metrics.
        of_features: whether it compares features, and not pixels or labels.
        of_all: whether it is for pictures of all kinds, so that its absence is worth a word.
        sheet: what its sheet of pictures is called; empty where it has none.
    """

    measure: Callable[[EvaluationContext, Path | None], Iterable[Figure]]
    lacks: Callable[[EvaluationContext], str] = lambda comparison: ""
    unasked: bool = True
    of_features: bool = False
    of_all: bool = True
    sheet: str = ""


def _frechet(this: EvaluationContext, sheet: Path | None) -> Iterable[Figure]:
    drawn, real = (
        distances.frechet_distance(features, this.held_out_features)
        for features in (this.drawn_features, this.real_features)
    )
    yield Figure("frechet_distance", drawn, real, "lower", note=_of_few(min(this.count, len(this.held_out))))


def _of_few(count: int) -> str:
    """What has to be known of a Fréchet distance of so many pictures; nothing where they are enough."""
    few = f"of {count} only, which makes both distances larger and the ratio nearer to 1: compare only with as many"
    return few if count < MANY else ""


def _kernel(this: EvaluationContext, sheet: Path | None) -> Iterable[Figure]:
    drawn, real = (
        distances.kernel_distance(features, this.held_out_features)
        for features in (this.drawn_features, this.real_features)
    )
    yield Figure("kernel_distance", drawn.value, real.value, "lower", drawn.spread, real.spread)


def _pairs(names: tuple[str, str], measure: Callable) -> Callable[[EvaluationContext, Path | None], Iterable[Figure]]:
    """A metric of two figures that are measured together."""

    def both(this: EvaluationContext, sheet: Path | None) -> Iterable[Figure]:
        drawn = measure(this.held_out_features, this.drawn_features)
        real = measure(this.held_out_features, this.real_features)
        return [Figure(name, *values, "higher") for name, *values in zip(names, drawn, real, strict=True)]

    return both


def _neighbours(this: EvaluationContext, sheet: Path | None) -> Iterable[Figure]:
    most = min(MOST_LABELLED, this.samples.available or MOST_LABELLED)
    count, held_out = min(most, len(this.reference.training)), this.reference.held_out
    sets = (this.samples.take(count), this.samples.labels(count)), random_subset(this.reference.training, count)
    drawn, real = (nearest_neighbors.classification_error(*fit, held_out.images, held_out.labels) for fit in sets)
    yield Figure("one_nn_error", drawn, real, "lower", note=f"fitted on {count} labelled images")


def _memorisation(this: EvaluationContext, sheet: Path | None) -> Iterable[Figure]:
    seen, halved = this.reference.seen.images, this.reference.halved
    count = nearest_neighbors.affordable(min(this.count, len(this.held_out)), seen)
    drawn, own = this.drawn[:count], random_indices(len(seen), count) if halved else None
    held_out = seen[own] if halved else random_subset(this.reference.held_out, count)[0]
    found = nearest_neighbors.memorization(drawn, seen, held_out, own)
    if sheet is not None:
        save_png(sheet, nearest_neighbors.closest_grid(drawn, seen, found))
    others = f"these {len(seen)} are to another" if halved else "held-out ones"
    note = f"of {count}, nearer to a training image than all but 1 in 100 {'of ' * halved}{others}"
    note += f"; {found.copies} of {count} real ones left out that are copies" if found.copies else ""
    yield Figure("memorised", found.near, nearest_neighbors.RARE, "lower", note=note)
    yield Figure("distance_to_training", found.median, found.held_out_median, "higher", note="in the median")


def _support(this: EvaluationContext, sheet: Path | None) -> Iterable[Figure]:
    count = nearest_neighbors.affordable_pairs(this.count, this.drawn)
    drawn = this.drawn[:count]
    found = nearest_neighbors.support(drawn, random_subset(this.reference.training, count)[0])
    if sheet is not None:
        save_png(sheet, nearest_neighbors.repeats_grid(drawn, found))
    note = f"{found.repeats} repeats among {count}"
    note += "" if found.estimate else f": at least {found.at_least:.3g} different pictures"
    note += "" if found.real else ", none among as many real ones"
    yield Figure("support", found.estimate, found.real, "higher", note=note)


def _modes(this: EvaluationContext, sheet: Path | None) -> Iterable[Figure]:
    most = this.samples.available or modes.COUNT
    count = min(modes.COUNT, most, len(this.reference.training))
    drawn, real = (
        modes.modes_and_divergence(modes.predict_triples(images, lambda digits: extract(this.classifier, digits)))
        for images in (this.samples.take(count), random_subset(this.reference.training, count)[0])
    )
    note = f"of {count}; the papers draw {modes.COUNT}" if count < modes.COUNT else f"of {count}"
    note += f"; digits read with {this.classifier_accuracy:.2%} right"
    yield Figure("modes", drawn[0], real[0], "higher", note=note)
    yield Figure("mode_divergence", drawn[1], real[1], "lower", note="KL to the uniform distribution, in nats")


def _unsupervised(this: EvaluationContext, sheet: Path | None) -> Iterable[Figure]:
    height, width, channels = this.samples.shape
    network = load_discriminator(this.run, (height, width), channels)
    fit, test = random_subset(this.reference.training, this.count), this.reference.held_out
    sets = (*fit, test.images, test.labels)
    drawn, real = linear_probe.discriminator_accuracy(network, *sets), linear_probe.pixel_accuracy(*sets)
    note = f"linear SVM on the discriminator's features; real: on pixels; fitted on {this.count}"
    yield Figure("svm_accuracy", drawn, real, "higher", note=note)


def _checkerboard(this: EvaluationContext, sheet: Path | None) -> Iterable[Figure]:
    for period, doubling in PERIODS.items():
        drawn, real = (checkerboard_energy(images[:SPECTRA], period) for images in (this.drawn, this.real))
        note = (
            f"part of the energy that repeats every {period} pixels, as the generator's {doubling} doubling may leave"
        )
        yield Figure(f"checkerboard_{period}", drawn, real, "lower", note=note)


def _lacks_periods(this: EvaluationContext) -> str:
    height, width, _ = this.samples.shape
    fit = all(side % max(PERIODS) == 0 and side >= 3 * max(PERIODS) for side in (height, width))
    return "" if fit else f"pictures with sides of {3 * max(PERIODS)} pixels and more, multiples of {max(PERIODS)}"


def _lacks_pictures(neighbours: int) -> Callable[[EvaluationContext], str]:
    """Pictures on both sides, where each needs so many neighbours."""

    def lacks(this: EvaluationContext) -> str:
        return "" if min(this.count, len(this.held_out)) > neighbours else f"more than {neighbours} pictures of each"

    return lacks


def _lacks_labels(this: EvaluationContext) -> str:
    if this.samples.labels is None or this.reference.held_out.labels is None:
        return "pictures with labels: a conditional run, class folders, or a .npz with `labels`"
    classes, names = this.run and this.run.classes(), this.reference.held_out.class_names
    return "" if not classes or classes.names == tuple(names) else "a data set of the run's own classes"


def _lacks_the_runs_images(this: EvaluationContext) -> str:
    if this.run is None or not this.run.config_file.exists() or this.run.config().dataset == this.data.dataset:
        return ""
    return f"the run's own images, --dataset {this.run.config().dataset}"


def _lacks_stack(this: EvaluationContext) -> str:
    return "" if this.stacked else "--dataset stacked_mnist"


def _lacks_run(this: EvaluationContext) -> str:
    if this.run is None or not (this.run.checkpoints.exist() or this.run.discriminator_file.is_file()):
        return "a run with a discriminator"
    return "" if this.reference.held_out.labels is not None else "a data set with labels"


METRICS = {
    "frechet": Metric(_frechet, of_features=True),
    "kernel": Metric(_kernel, of_features=True),
    "precision_recall": Metric(
        _pairs(("precision", "recall"), distances.precision_recall),
        _lacks_pictures(distances.MANIFOLD_NEIGHBOURS),
        of_features=True,
    ),
    "density_coverage": Metric(
        _pairs(("density", "coverage"), distances.density_coverage),
        _lacks_pictures(distances.DENSITY_NEIGHBOURS),
        of_features=True,
    ),
    "modes": Metric(_modes, _lacks_stack, of_all=False),
    "neighbours": Metric(_neighbours, _lacks_labels, of_all=False),
    "memorisation": Metric(_memorisation, _lacks_the_runs_images, sheet="nearest"),
    "support": Metric(_support, sheet="repeats"),
    "checkerboard": Metric(_checkerboard, _lacks_periods, of_all=False),
    "unsupervised": Metric(_unsupervised, _lacks_run, unasked=False),
}
"""Every metric that `--metrics` can name."""


def left_out(comparison: EvaluationContext) -> dict[str, str]:
    """What the metrics lack that an evaluation of any pictures would have: words by name."""
    missing = {name: metric.lacks(comparison) for name, metric in METRICS.items() if metric.unasked and metric.of_all}
    return {name: lacks for name, lacks in missing.items() if lacks}


def chosen(text: str | None, comparison: EvaluationContext) -> list[str]:
    """The metrics to measure: those that `text` names, parted by commas, or all that go without saying.

    Raises:
        UserError: there is no such metric, or it lacks something.
    """
    if text is None:
        return [name for name, metric in METRICS.items() if metric.unasked and not metric.lacks(comparison)]
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in METRICS:
            raise UserError(f"There is no metric {name!r}.", f"Metrics: {', '.join(METRICS)}.")
        if lacks := METRICS[name].lacks(comparison):
            raise UserError(f"The metric {name} needs {lacks}.", "Leave it out of --metrics.")
    return names
