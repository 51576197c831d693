"""Real images for evaluation: a training part, which a run may have seen, and a held-out part."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed
from dcgan.data import ImageDataset, load
from dcgan.data.load import check_options

MAX_HALF_BYTES = 1 << 29
"""Maximum size of each half of a dataset without a test split, in bytes of pixels; larger datasets are subsampled."""


@dataclass(frozen=True)
class Splits:
    """A dataset in two disjoint parts.

    Args:
        training: images that the classifier is trained on and that are evaluated beside the generated images.
        held_out: images that both the generated and the training images are compared with.
        description: which part is which, in one sentence.
        seen: every image that a run on this dataset is trained on: `training`, or all images where there is no test
            split.
    """

    training: ImageDataset
    held_out: ImageDataset
    description: str
    seen: ImageDataset

    @property
    def held_out_is_seen(self) -> bool:
        """Whether a run on this dataset is also trained on the held-out images."""
        return self.seen is not self.training


def load_splits(config: DataConfig) -> Splits:
    """Load the training and the held-out part of a dataset.

    A dataset without a test split is halved at random. A run on it was trained on both halves, which favors a
    generator that memorizes; the halves still give a fair reference for each other.

    Args:
        config: dataset and image size.

    Returns:
        Both parts.

    Raises:
        UserError: as `dcgan.data.load`; or the dataset has fewer than two images.
    """
    training = load(config)
    held_out = _load_test_split(config)
    if held_out is not None:
        description = f"{config.dataset}: {len(held_out)} test images held out, {len(training)} training images."
        return Splits(training, held_out, description, training)
    if len(training) < 2:
        raise UserError(
            f"{config.dataset} has a single image, so none can be held out.", "Add at least one image to it."
        )
    half = min(len(training) // 2, MAX_HALF_BYTES // training.images[0].nbytes)
    shuffled = fixed_permutation(len(training))
    one, other = take_subset(training, shuffled[:half]), take_subset(training, shuffled[half : 2 * half])
    description = (
        f"{config.dataset} has no test split: {half} of its images, chosen at random, are held out (a run has seen "
        f"them in training), and {half} others are training images."
    )
    return Splits(one, other, description, training)


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


def fixed_permutation(count: int) -> np.ndarray:
    """Return a random permutation of 0 to `count` - 1, int64 (count,), the same one on every call.

    Args:
        count: number of elements.

    Returns:
        int64 (count,).
    """
    bits = np.random.Philox(key=derived_seed(0, "evaluation"))
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
        if config.dataset != "celeba":
            raise
        return None  # without list_eval_partition.txt, every image belongs to the training split
