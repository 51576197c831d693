"""What drawn pictures are compared with: images a training may see, and held-out ones that it doesn't."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed
from dcgan.data import ImageDataset, load
from dcgan.data.load import check

MOST_BYTES = 1 << 29
"""Of pixels that half of a data set without a test split may have; of a larger one, so much of each half is used."""


@dataclass(frozen=True)
class Splits:
    """A data set in two disjoint parts.

    Args:
        training: what the classifier learns from, and the real images that are measured beside the drawn ones.
        held_out: what both are compared with.
        words: which part is which, in one line.
        seen: all that a run on this data set learns from: `training`, or where there is no test split every image.
    """

    training: ImageDataset
    held_out: ImageDataset
    words: str
    seen: ImageDataset

    @property
    def halved(self) -> bool:
        """Whether a run on this data set learns from the held-out images, too."""
        return self.seen is not self.training


def load_splits(config: DataConfig) -> Splits:
    """Load the two parts of a data set.

    Where there is no test split, the images are halved at random. A run was then trained on both halves, which favours
    a generator that memorises; the two halves are still a fair measure of each other.

    Args:
        config: which data set, and how its images are cut.

    Raises:
        UserError: as `dcgan.data.load`; or there are fewer than two images.
    """
    training = load(config)
    held_out = _test_split(config)
    if held_out is not None:
        words = f"{config.dataset}: {len(held_out)} images of its test split are held out"
        return Splits(training, held_out, f"{words}, {len(training)} are for training.", training)
    if len(training) < 2:
        raise UserError(f"{config.dataset} has a single image, and nothing to compare it with.")
    half = min(len(training) // 2, MOST_BYTES // training.images[0].nbytes)
    shuffled = fixed_permutation(len(training))
    one, other = _part(training, shuffled[:half]), _part(training, shuffled[half : 2 * half])
    words = f"{config.dataset} has no test split: {half} of its images, chosen at random, are held out, though a run"
    return Splits(one, other, f"{words} saw them; {half} others are for training.", training)


def digit_config(config: DataConfig) -> DataConfig:
    """The single digits that stacked MNIST is made of, cut to the same size."""
    name = "mnist" if config.data_dir else "mnist10k"
    return replace(config, dataset=name, channels=1)


def random_subset(images: ImageDataset, count: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Take some of the images, chosen at random, the same ones every time.

    Neither the first ones nor every n-th would do: a folder is sorted by class, MNIST's training images alternate
    between two populations of writers, and its test images are first all of one and then all of the other.

    Args:
        images: at least `count` of them.
        count: how many.

    Returns:
        uint8 (count, H, W, C), and their labels, int64 (count,) or None.
    """
    chosen = random_indices(len(images), count)
    return images.images[chosen], None if images.labels is None else images.labels[chosen]


def random_indices(available: int, count: int) -> np.ndarray:
    """Which ones `random_subset` takes, int64 (count,): in the order of the file they may be mapped from."""
    return np.sort(fixed_permutation(available)[:count])


def _test_split(config: DataConfig) -> ImageDataset | None:
    """The test split, or None where the data set has none."""
    try:
        check(config, "test")
    except UserError:
        return None
    try:
        return load(config, "test")
    except UserError:
        if config.dataset != "celeba":
            raise
        return None  # without the file that tells its splits apart, everything was for training


def fixed_permutation(count: int) -> np.ndarray:
    """The numbers below `count` in a random order, int64 (count,): the same one every time."""
    bits = np.random.Philox(key=derived_seed(0, "evaluation"))
    return np.random.Generator(bits).permutation(count)


def _part(images: ImageDataset, chosen: np.ndarray) -> ImageDataset:
    """The chosen images, in memory."""
    chosen = np.sort(chosen)
    labels = None if images.labels is None else images.labels[chosen]
    fingerprint = hashlib.sha256(f"{images.fingerprint} ".encode() + chosen.astype("<i8").tobytes()).hexdigest()
    return replace(images, images=images.images[chosen], labels=labels, fingerprint=fingerprint)
