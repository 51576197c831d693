"""Every metric by its name: what it needs, and the figures it gives, each beside the same figure of real images."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dcgan.deconvolution.checkerboard import checkerboard_energy
from dcgan.errors import UserError
from dcgan.evaluation import distances, modes, neighbours, unsupervised
from dcgan.evaluation.comparison import Comparison
from dcgan.evaluation.features import extract
from dcgan.evaluation.references import some
from dcgan.pictures import save_png
from dcgan.restoring import load_discriminator

MOST_LABELLED = 50_000
"""Pictures that the 1-NN classifier is fitted on: as many as the DCGAN paper's."""

PERIODS = {2: "last", 4: "last but one"}
"""Pixels after which a checkerboard repeats, and which doubling of the generator leaves it."""

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
        measure: gives its figures; pictures that belong to them are written to the folder, if there is one.
        lacks: what it would need and hasn't got, in a few words; empty where it can be measured.
        unasked: whether it is part of an evaluation that names no metrics.
        of_features: whether it compares features, and not pixels or labels.
    """

    measure: Callable[[Comparison, Path | None], Iterable[Figure]]
    lacks: Callable[[Comparison], str] = lambda comparison: ""
    unasked: bool = True
    of_features: bool = False


def _frechet(this: Comparison, folder: Path | None) -> Iterable[Figure]:
    drawn, real = (
        distances.frechet_distance(features, this.held_out_features)
        for features in (this.drawn_features, this.real_features)
    )
    yield Figure("frechet_distance", drawn, real, "lower")


def _kernel(this: Comparison, folder: Path | None) -> Iterable[Figure]:
    drawn, real = (
        distances.kernel_distance(features, this.held_out_features)
        for features in (this.drawn_features, this.real_features)
    )
    yield Figure("kernel_distance", drawn.value, real.value, "lower", drawn.spread, real.spread)


def _pairs(names: tuple[str, str], measure: Callable) -> Callable[[Comparison, Path | None], Iterable[Figure]]:
    """A metric of two figures that are measured together."""

    def both(this: Comparison, folder: Path | None) -> Iterable[Figure]:
        drawn = measure(this.held_out_features, this.drawn_features)
        real = measure(this.held_out_features, this.real_features)
        return [Figure(name, *values, "higher") for name, *values in zip(names, drawn, real, strict=True)]

    return both


def _neighbours(this: Comparison, folder: Path | None) -> Iterable[Figure]:
    most = min(MOST_LABELLED, this.samples.available or MOST_LABELLED)
    count, held_out = min(most, len(this.reference.training)), this.reference.held_out
    sets = (this.samples.take(count), this.samples.labels(count)), some(this.reference.training, count)
    drawn, real = (neighbours.classification_error(*fit, held_out.images, held_out.labels) for fit in sets)
    yield Figure("one_nn_error", drawn, real, "lower", note=f"fitted on {count} labelled images")


def _memorisation(this: Comparison, folder: Path | None) -> Iterable[Figure]:
    training = this.reference.training.images
    count = neighbours.affordable(min(this.count, len(this.held_out)), training)
    drawn, held_out = this.drawn[:count], some(this.reference.held_out, count)[0]
    found = neighbours.memorisation(drawn, training, held_out)
    if folder is not None:
        save_png(folder / "evaluation-nearest.png", neighbours.closest_sheet(drawn, training, found))
    note = f"of {count}, nearer to a training image than all but 1 in 100 held-out ones"
    yield Figure("memorised", found.near, neighbours.RARE, "lower", note=note)
    yield Figure("distance_to_training", found.median, found.held_out_median, "higher", note="in the median")


def _support(this: Comparison, folder: Path | None) -> Iterable[Figure]:
    count = neighbours.affordable_pairs(this.count, this.drawn)
    drawn = this.drawn[:count]
    found = neighbours.support(drawn, some(this.reference.training, count)[0])
    if folder is not None:
        save_png(folder / "evaluation-repeats.png", neighbours.repeats_sheet(drawn, found))
    note = f"{found.repeats} repeats among {count}"
    note += "" if found.estimate else f": at least {found.at_least:.3g} different pictures"
    yield Figure("support", found.estimate, found.real, "higher", note=note)


def _modes(this: Comparison, folder: Path | None) -> Iterable[Figure]:
    most = this.samples.available or modes.COUNT
    count = min(modes.COUNT, most, len(this.reference.training))
    drawn, real = (
        modes.modes_and_divergence(modes.triples_of(images, lambda digits: extract(this.classifier, digits)))
        for images in (this.samples.take(count), some(this.reference.training, count)[0])
    )
    note = f"of {count}; the papers draw {modes.COUNT}" if count < modes.COUNT else f"of {count}"
    note += f"; digits read with {this.classifier_accuracy:.2%} right"
    yield Figure("modes", drawn[0], real[0], "higher", note=note)
    yield Figure("mode_divergence", drawn[1], real[1], "lower", note="KL to the uniform distribution, in nats")


def _unsupervised(this: Comparison, folder: Path | None) -> Iterable[Figure]:
    height, width, channels = this.samples.shape
    network = load_discriminator(this.run, (height, width), channels)
    fit, test = some(this.reference.training, this.count), this.reference.held_out
    sets = (*fit, test.images, test.labels)
    drawn, real = unsupervised.discriminator_accuracy(network, *sets), unsupervised.pixel_accuracy(*sets)
    note = f"linear SVM on the discriminator's features; real: on pixels; fitted on {this.count}"
    yield Figure("svm_accuracy", drawn, real, "higher", note=note)


def _checkerboard(this: Comparison, folder: Path | None) -> Iterable[Figure]:
    for period, doubling in PERIODS.items():
        drawn, real = (checkerboard_energy(images[:SPECTRA], period) for images in (this.drawn, this.real))
        note = (
            f"part of the energy that repeats every {period} pixels, as the generator's {doubling} doubling may leave"
        )
        yield Figure(f"checkerboard_{period}", drawn, real, "lower", note=note)


def _lacks_periods(this: Comparison) -> str:
    height, width, _ = this.samples.shape
    fit = all(side % max(PERIODS) == 0 and side >= 3 * max(PERIODS) for side in (height, width))
    return "" if fit else f"pictures with sides of {3 * max(PERIODS)} pixels and more, multiples of {max(PERIODS)}"


def _lacks_labels(this: Comparison) -> str:
    ready = this.samples.labels is not None and this.reference.held_out.labels is not None
    return "" if ready else "pictures with labels: a conditional run, class folders, or a .npz with `labels`"


def _lacks_stack(this: Comparison) -> str:
    return "" if this.stacked else "--dataset stacked_mnist"


def _lacks_run(this: Comparison) -> str:
    if this.run is None or not (this.run.states.exist() or this.run.discriminator_file.is_file()):
        return "a run with a discriminator"
    return "" if this.reference.held_out.labels is not None else "a data set with labels"


METRICS = {
    "frechet": Metric(_frechet, of_features=True),
    "kernel": Metric(_kernel, of_features=True),
    "precision_recall": Metric(_pairs(("precision", "recall"), distances.precision_recall), of_features=True),
    "density_coverage": Metric(_pairs(("density", "coverage"), distances.density_coverage), of_features=True),
    "modes": Metric(_modes, _lacks_stack),
    "neighbours": Metric(_neighbours, _lacks_labels),
    "memorisation": Metric(_memorisation),
    "support": Metric(_support),
    "checkerboard": Metric(_checkerboard, _lacks_periods),
    "unsupervised": Metric(_unsupervised, _lacks_run, unasked=False),
}
"""Every metric that `--metrics` can name."""


def chosen(text: str | None, comparison: Comparison) -> list[str]:
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
