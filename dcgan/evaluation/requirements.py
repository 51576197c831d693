"""Requirements of metrics: what a metric needs but an evaluation lacks."""

from collections.abc import Callable

from dcgan.evaluation.context import EvaluationContext

Requirement = Callable[[EvaluationContext], str]
"""Returns what a metric needs but the context lacks, in a few words; an empty text if it can be measured."""


def missing_images(neighbors: int) -> Requirement:
    """Require enough images for k nearest neighbors; k = 1 stands for a covariance, which needs two images.

    Args:
        neighbors: k.

    Returns:
        The requirement.
    """

    def missing(context: EvaluationContext) -> str:
        enough = min(context.count, len(context.held_out)) > neighbors
        return "" if enough else f"more than {neighbors} generated and held-out images"

    return missing


def missing_periods(period: int) -> Requirement:
    """Require images in which a pattern of a fixed period can be measured.

    Args:
        period: in pixels.

    Returns:
        The requirement.
    """

    def missing(context: EvaluationContext) -> str:
        height, width, _ = context.samples.shape
        fits = all(side % period == 0 and side >= 3 * period for side in (height, width))
        return "" if fits else f"images with sides of at least {3 * period} pixels, multiples of {period}"

    return missing


def missing_stacked_mnist(context: EvaluationContext) -> str:
    """Require images with one digit per channel.

    Args:
        context: the evaluation.

    Returns:
        What is missing; empty if nothing is.
    """
    return "" if context.is_stacked else "--dataset stacked_mnist"


def missing_labels(context: EvaluationContext) -> str:
    """Require labels of the generated and the held-out images, of the same classes.

    Args:
        context: the evaluation.

    Returns:
        What is missing; empty if nothing is.
    """
    if context.samples.labels is None or context.splits.held_out.labels is None:
        return "images with labels: a conditional run, class folders, or a .npz with `labels`"
    classes, names = context.run and context.run.classes(), context.splits.held_out.class_names
    return "" if classes is None or classes.names == tuple(names) else "a dataset with the run's own classes"


def missing_training_images(context: EvaluationContext) -> str:
    """Require the dataset that the run was trained on; images from a file are compared with any dataset.

    Args:
        context: the evaluation.

    Returns:
        What is missing; empty if nothing is.
    """
    run = context.run
    if run is None or not run.config_file.exists() or run.config().dataset == context.data.dataset:
        return ""
    return f"the run's training images, --dataset {run.config().dataset}"


def missing_discriminator(context: EvaluationContext) -> str:
    """Require a run with a discriminator, and a dataset with labels.

    Args:
        context: the evaluation.

    Returns:
        What is missing; empty if nothing is.
    """
    if context.run is None or not (context.run.checkpoints.exist() or context.run.discriminator_file.is_file()):
        return "a run with a discriminator"
    return "" if context.splits.held_out.labels is not None else "a dataset with labels"
