"""Real images for evaluation, in disjoint parts: classifier, real reference, validation and held-out images."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed
from dcgan.data import ImageDataset, load
from dcgan.data.image_dataset import dataset_from_arrays
from dcgan.data.load import check_options
from dcgan.data.mnist import STACKED_COUNT, stack_digits

MAX_PART_BYTES = 1 << 28
"""Maximum size of each part that is taken out of a dataset, in bytes of pixels; larger parts are subsampled."""

MAX_REFERENCE = 10_000
"""Maximum number of images of a training split for the real reference, and for validation: as many as in MNIST's and
CIFAR-10's test splits."""

MIN_IMAGES = 5
"""Minimum number of images of a split that is divided."""

STACKED_REFERENCE = 26_000
"""Number of images in the real reference of stacked MNIST: as many as its modes are counted in."""

CLASSIFIER, REFERENCE, VALIDATION, HELD_OUT = "classifier", "reference", "validation", "held_out"


@dataclass(frozen=True, eq=False)
class Splits:
    """A dataset in disjoint parts, the same ones on every call.

    Args:
        classifier: images that the classifier of the features is trained on, and nothing else is measured with; for
            stacked MNIST single digits.
        reference: the real reference: images that are evaluated beside the generated images.
        validation: images that generated images are compared with during training, to choose `best.keras`.
        held_out: images that both generated and reference images are compared with in the end.
        training: all training images that are not held out, for metrics that use no classifier; it includes the other
            parts.
        seen: every image that a run on this dataset is trained on: `training`, or all images where there is no test
            split.
        description: which part is which, their sizes, and whether a run is trained on the held-out images.
        digits: for stacked MNIST, the parts of the single digits that the parts are made of; None for other datasets.
    """

    classifier: ImageDataset
    reference: ImageDataset
    validation: ImageDataset
    held_out: ImageDataset
    training: ImageDataset
    seen: ImageDataset
    description: str
    digits: "Splits | None" = None

    @property
    def held_out_is_seen(self) -> bool:
        """Whether a run on this dataset is also trained on the held-out images."""
        return self.seen is not self.training


def load_splits(config: DataConfig) -> Splits:
    """Load the parts of a dataset.

    With a test split, the test split is held out, and the training split is divided at random. A run is trained on all
    of the training split, so also on the images for validation.

    A dataset without a test split is divided at random as a whole. A run on it is trained on all parts, which favors a
    generator that memorizes; the parts still give a fair reference for each other.

    No image is in two of the parts classifier, reference, validation and held out. If the classifier were trained on
    the reference, its features of the reference and of the held-out images would differ more than those of any two
    sets of new images do.

    Args:
        config: dataset and image size.

    Returns:
        All parts.

    Raises:
        UserError: as `dcgan.data.load`; or there are too few images to divide.
    """
    seen = load(config)
    test = _load_test_split(replace(config, channels=seen.channels))
    if config.dataset == "stacked_mnist":
        return _stacked_splits(seen, test, load_splits(digit_config(config)))
    _check_count(config, seen)
    indices = _divide(len(seen), with_test_split=test is not None)
    parts = {name: take_subset(seen, chosen[: part_limit(seen.images[0].nbytes)]) for name, chosen in indices.items()}
    if test is not None:
        parts[HELD_OUT], training = test, seen
    else:
        training = _all_but_held_out(seen, indices)
    description = _describe(seen, parts, test is not None)
    return Splits(parts[CLASSIFIER], parts[REFERENCE], parts[VALIDATION], parts[HELD_OUT], training, seen, description)


def _check_count(config: DataConfig, images: ImageDataset) -> None:
    """Refuse a dataset that has fewer images than parts."""
    if len(images) < MIN_IMAGES:
        raise UserError(
            f"{config.dataset} has {len(images)} training images, too few to evaluate with.",
            f"Use a dataset of {MIN_IMAGES} images or more: the classifier, the real reference, the validation and the "
            "held-out images must be different ones.",
        )


def part_sizes(count: int, *, with_test_split: bool) -> dict[str, int]:
    """Return the number of images in each part by its name; held-out ones only if there is no test split.

    The classifier has what the others leave: from a training split at least half of the images, and two fifths of a
    dataset without a test split.

    Args:
        count: number of images that are divided.
        with_test_split: whether the held-out images are others.
    """
    fifth = count // 5
    if with_test_split:
        sizes = {REFERENCE: min(MAX_REFERENCE, count // 3), VALIDATION: min(MAX_REFERENCE, fifth)}
    else:
        sizes = {HELD_OUT: fifth, REFERENCE: fifth, VALIDATION: fifth}
    return {**sizes, CLASSIFIER: count - sum(sizes.values())}


def _divide(count: int, *, with_test_split: bool) -> dict[str, np.ndarray]:
    """Return the indices of each part, random and disjoint."""
    sizes = part_sizes(count, with_test_split=with_test_split)
    parts = np.split(fixed_permutation(count, "splits"), np.cumsum(list(sizes.values()))[:-1])
    return dict(zip(sizes, parts, strict=True))


def part_limit(image_bytes: int) -> int:
    """Return the maximum number of images per part.

    Args:
        image_bytes: of one image.
    """
    return max(1, MAX_PART_BYTES // image_bytes)


def _all_but_held_out(images: ImageDataset, indices: dict[str, np.ndarray]) -> ImageDataset:
    """Return the images of a dataset without a test split that are not held out."""
    others = np.concatenate([chosen for name, chosen in indices.items() if name != HELD_OUT])
    return take_subset(images, others[: part_limit(images.images[0].nbytes)])


def _stacked_splits(seen: ImageDataset, test: ImageDataset | None, digits: Splits) -> Splits:
    """Stack the digits of each part, so that the classifier of digits knows none that it is to measure with."""
    part_counts = {REFERENCE: STACKED_REFERENCE, VALIDATION: STACKED_COUNT["test"]}
    parts = {name: _stack(seen, getattr(digits, name), count) for name, count in part_counts.items()}
    has_test_split = test is not None
    parts[HELD_OUT] = test if test is not None else _stack(seen, digits.held_out, STACKED_COUNT["test"])
    training = seen if has_test_split else _stack(seen, digits.training, STACKED_COUNT["train"])
    description = (
        f"{seen.name}: a run is trained on {len(seen)} triples of {len(digits.seen)} digits. "
        f"{len(parts[HELD_OUT])} triples of {len(digits.held_out)} {'test ' * has_test_split}digits are held out"
        f"{'' if has_test_split else ' (the run has been trained on these digits, in other triples)'}; "
        f"{len(parts[REFERENCE])} triples of {len(digits.reference)} other digits are the real reference, "
        f"{len(digits.classifier)} single digits train the classifier, and {len(parts[VALIDATION])} triples of "
        f"{len(digits.validation)} others serve for validation during training. No digit is in two of these parts; "
        f"all but the held-out ones are among those that the run has been trained on."
    )
    return Splits(
        digits.classifier,
        parts[REFERENCE],
        parts[VALIDATION],
        parts[HELD_OUT],
        training,
        seen,
        description,
        digits,
    )


def _stack(like: ImageDataset, digits: ImageDataset, count: int) -> ImageDataset:
    """Stack digits as stacked MNIST does."""
    assert digits.labels is not None
    return dataset_from_arrays(like.name, *stack_digits(digits.images, digits.labels, count), like.class_names)


def _describe(seen: ImageDataset, parts: dict[str, ImageDataset], has_test_split: bool) -> str:
    """Return which part is which, in one sentence."""
    sizes = {name: len(part) for name, part in parts.items()}
    others = (
        f"{sizes[REFERENCE]} are the real reference, {sizes[CLASSIFIER]} train the classifier, and "
        f"{sizes[VALIDATION]} serve for validation during training."
    )
    if has_test_split:
        return (
            f"{seen.name}: {sizes[HELD_OUT]} test images are held out, which a run has not been trained on. Of its "
            f"{len(seen)} training images, {others}"
        )
    return (
        f"{seen.name} has no test split: {sizes[HELD_OUT]} of its {len(seen)} images, chosen at random, are held out "
        f"(a run has been trained on them, as on all others), {others}"
    )


def digit_config(config: DataConfig) -> DataConfig:
    """Return the options of the single digits that stacked MNIST is made of, at the same size.

    Args:
        config: options of `stacked_mnist`.

    Returns:
        Options of `mnist`, or of `mnist10k` without a data directory.
    """
    name = "mnist" if config.data_dir else "mnist10k"
    return replace(config, dataset=name, channels=1)


def random_subset(images: ImageDataset, count: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Take a random subset of the images, the same one on every call.

    Neither the first images nor every n-th would be representative: a folder is sorted by class, MNIST's training
    images alternate between two populations of writers, and its test images come from one and then from the other.

    Args:
        images: dataset of at least `count` images.
        count: number of images.

    Returns:
        uint8 (count, H, W, C), and their labels, int64 (count,) or None.
    """
    chosen = random_indices(len(images), count)
    return images.images[chosen], None if images.labels is None else images.labels[chosen]


def random_indices(available: int, count: int) -> np.ndarray:
    """Return the indices that `random_subset` takes, sorted for sequential reads of a memory-mapped file.

    Args:
        available: number of images to choose from.
        count: number of images to take, at most `available`.

    Returns:
        int64 (count,), ascending.
    """
    return np.sort(fixed_permutation(available)[:count])


def fixed_permutation(count: int, purpose: str = "evaluation") -> np.ndarray:
    """Return a random permutation of 0 to `count` - 1, int64 (count,), the same one on every call.

    Args:
        count: number of elements.
        purpose: what it is for; another purpose gives an independent permutation.

    Returns:
        int64 (count,).
    """
    bits = np.random.Philox(key=derived_seed(0, purpose))
    return np.random.Generator(bits).permutation(count)


def take_subset(images: ImageDataset, chosen: np.ndarray) -> ImageDataset:
    """Return the chosen images as a dataset in memory with a fingerprint of its own.

    Args:
        images: dataset to take from.
        chosen: indices, int (N,), in any order; the subset keeps the order of `images`.

    Returns:
        The N images with their labels.
    """
    chosen = np.sort(chosen)
    labels = None if images.labels is None else images.labels[chosen]
    fingerprint = hashlib.sha256(f"{images.fingerprint} ".encode() + chosen.astype("<i8").tobytes()).hexdigest()
    return replace(images, images=images.images[chosen], labels=labels, fingerprint=fingerprint)


def _load_test_split(config: DataConfig) -> ImageDataset | None:
    """Load the test split, or return None where the dataset has none."""
    try:
        check_options(config, "test")
    except UserError:
        return None
    try:
        return load(config, "test")
    except UserError:
        if config.dataset not in ("celeba", "folder"):
            raise
        return None  # without list_eval_partition.txt or a folder of it, every image belongs to the training split
