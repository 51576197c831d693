"""What the networks of a run are conditioned on: the classes of the dataset, and clusters of similar images."""

import numpy as np

from dcgan.config import ResolvedTrainConfig, TrainConfig
from dcgan.core.classes import Classes, classes_from_labels, divide_classes
from dcgan.core.errors import UserError
from dcgan.data import ImageDataset
from dcgan.data.clusters import cluster_images
from dcgan.data.image_dataset import LABELS_HINT
from dcgan.runs import Run
from dcgan.runs.continuation import new_run_hint

MAX_CLASSES = 100
"""Largest number of classes for which training is conditional by default."""

UNLABELED_CLUSTERS, IMAGES_PER_CLUSTER = 200, 300
"""Most clusters that images without labels are divided into by default, and the number of images for each. With fewer
images, the discriminator of a cluster learns them by heart (docs/results.md has the measurements)."""


def training_classes(config: ResolvedTrainConfig, dataset: ImageDataset) -> Classes | None:
    """Return the classes of a conditional run, None for an unconditional one.

    Args:
        config: options of the run, of which `conditional` decides; None makes a run conditional if it can be.
        dataset: what the run is trained on.

    Raises:
        UserError: `--conditional` is given and there are no usable labels.
    """
    names, labels = dataset.class_names, dataset.labels
    if labels is None:
        if config.conditional:
            raise UserError(f"--conditional needs labels, and {config.dataset} has none here.", LABELS_HINT)
        return None
    if config.conditional is None:
        complete = len(np.unique(labels)) == len(names)
        return classes_from_labels(labels, names) if complete and 2 <= len(names) <= MAX_CLASSES else None
    return classes_from_labels(labels, names) if config.conditional else None


def describe_unused_classes(config: ResolvedTrainConfig, dataset: ImageDataset) -> str:
    """Return why a run is not conditioned on the classes of its dataset; empty if it is, or if that was asked for.

    Args:
        config: options of the run.
        dataset: what the run is trained on.
    """
    names, labels = dataset.class_names, dataset.labels
    if labels is None or config.conditional is not None or training_classes(config, dataset) is not None:
        return ""
    if len(names) > MAX_CLASSES:
        return f"The {len(names)} classes are left aside: they are more than {MAX_CLASSES}. --conditional uses them."
    empty = [name for index, name in enumerate(names) if not (labels == index).any()]
    return f"The {len(names)} classes are left aside, as {', '.join(empty[:3])} has no image." if empty else ""


def num_clusters(config: ResolvedTrainConfig, classes: Classes | None, count: int) -> int:
    """Return the number of clusters that the images are divided into, 0 for none.

    Args:
        config: options of the run, of which `clusters` decides, if it is given.
        classes: what `training_classes` returned.
        count: number of images.
    """
    if config.clusters is not None:
        return config.clusters
    return min(UNLABELED_CLUSTERS, count // IMAGES_PER_CLUSTER) if classes is None else 0


def divide_into_clusters(
    config: ResolvedTrainConfig,
    dataset: ImageDataset,
    classes: Classes | None,
    run: Run | None = None,
    *,
    writing: bool = True,
    given: TrainConfig | None = None,
) -> tuple[Classes | None, np.ndarray | None]:
    """Divide the classes into clusters, if `--clusters` asks for it; a resumed run keeps the clusters it began with.

    Args:
        config: options of the run, of which `clusters` and `seed` decide.
        dataset: what the run is trained on.
        classes: what `training_classes` returned.
        run: where the clusters are kept; None to keep them nowhere.
        writing: whether this process writes the run directory.
        given: the options as they were given, for the command that an error names; by default `config`.

    Returns:
        The classes, and for each image the element of their class input, int64 (N,); None for an unconditional run.

    Raises:
        UserError: the clusters of a run that is resumed are lost, and the images are divided otherwise now.
    """
    labels = None if classes is None else dataset.labels
    count = num_clusters(config, classes, len(dataset))
    if not count:
        return classes, labels
    resumed = run is not None and run.checkpoints.exist()
    kept = _kept_classes(run) if run is not None and resumed else None
    clusters = run.clusters(len(dataset)) if run is not None and resumed else None
    if run is not None and clusters is not None:
        divided, inputs = divide_classes(classes, labels, clusters)
        if kept in (None, divided):
            return divided, inputs
        print(f"{run.clusters_file} is damaged: it does not fit {run.classes_file.name}. The images are divided again.")
    clusters = cluster_images(dataset.images, labels, count, config.seed)
    divided, inputs = divide_classes(classes, labels, clusters)
    if run is not None and kept not in (None, divided):
        raise UserError(
            f"{run.clusters_file} is missing or damaged, or the images are others: they can't be divided into the "
            "clusters of the run.",
            new_run_hint(given or config, run, "Restore both to resume, or choose another --run-dir to start afresh."),
        )
    if run is not None and writing and clusters.any():
        run.save_clusters(clusters)
    return divided, inputs


def _kept_classes(run: Run) -> Classes | None:
    """Return the classes in a run directory, which training writes again; None if they are missing or damaged."""
    try:
        return run.classes()
    except UserError as error:
        print(f"{error.problem} It is written again.")
        return None
