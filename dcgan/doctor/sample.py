"""The images that the doctor looks at: all of a small dataset, a random sample of a large one, decoded as for training.

The dataset cache is used where it is there, and never written.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from dcgan.config import TrainConfig
from dcgan.core.rng import derived_seed
from dcgan.data import ImageDataset, load
from dcgan.data.dataset_cache import find_cache
from dcgan.data.decoding import (
    SkippedImage,
    UnknownRange,
    decode,
    deep_maximum,
    open_image,
    pillow_warnings,
    skip_reason,
)
from dcgan.data.deep_images import UnknownRangeError, covering_range, is_deep
from dcgan.data.image_files import ImageFile, ImageFiles
from dcgan.data.load import check_options, image_transform
from dcgan.data.sources import ArraySource, ImageFileSource
from dcgan.data.transforms import CropResize, upright_size
from dcgan.doctor.duplicates import find_equal_files

_CORES_AT_MOST = 8


@dataclass(frozen=True)
class FileFacts:
    """What an image file says of itself.

    Args:
        width: in pixels, upright.
        height: in pixels, upright.
        format: Pillow's name, for example `JPEG`; empty for an array.
        mode: Pillow's name of the pixels' type, for example `RGB`.
        has_alpha: whether it has transparency.
        is_deep: whether it has 16 bits per channel.
    """

    width: int
    height: int
    format: str
    mode: str
    has_alpha: bool
    is_deep: bool


@dataclass(frozen=True, eq=False)
class Sample:
    """The images that the doctor looks at.

    Args:
        total: number of images of the dataset, broken ones included.
        images: uint8 (n, H, W, C), as the networks will see them.
        labels: int64 (n,); None without labels.
        class_names: one per class, empty without labels.
        class_counts: images per class, of the whole dataset.
        names: of the images; empty for a dataset that is not made of files.
        facts: of the files that were decoded for this; empty where the images come from arrays.
        skipped: files that can't be used, of those that were tried.
        tried: number of files that were tried.
        description: what the listing found, in one line.
        transform: how the images are prepared; None for a dataset that is not made of files.
        equal_files: pairs of files with equal bytes, of all files that are not known to be broken.
        not_compared: number of files whose bytes were not compared.
        seconds_per_image: time to prepare one on this machine; 0 where nothing is left to prepare.
        load_seconds: time to list the files or to read the arrays.
        is_cached: whether the dataset cache is ready.
        dataset: the dataset, where it is not made of files.
    """

    total: int
    images: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    class_counts: np.ndarray
    names: tuple[str, ...] = ()
    facts: tuple[FileFacts, ...] = ()
    skipped: tuple[SkippedImage, ...] = ()
    tried: int = 0
    description: str = ""
    transform: CropResize | None = None
    equal_files: tuple[tuple[str, str], ...] = ()
    not_compared: int = 0
    seconds_per_image: float = 0.0
    load_seconds: float = 0.0
    is_cached: bool = False
    dataset: ImageDataset | None = None

    @property
    def is_complete(self) -> bool:
        """Whether it is the whole dataset."""
        return len(self.images) + len(self.skipped) >= self.total


def take_sample(config: TrainConfig, most: int) -> Sample:
    """Read a dataset, or decode some of its files.

    Args:
        config: options of the training that is planned.
        most: number of files that are decoded, at most.

    Raises:
        UserError: as `dcgan.data.load`, except for broken images, which are counted.
    """
    source = check_options(config, "train")
    started = time.monotonic()
    if isinstance(source, ArraySource):
        dataset = load(config)
        return Sample(
            total=len(dataset),
            images=dataset.images,
            labels=dataset.labels,
            class_names=dataset.class_names,
            class_counts=_count(dataset.labels, len(dataset.class_names)),
            description=f"{len(dataset)} images of {config.dataset}",
            load_seconds=time.monotonic() - started,
            dataset=dataset,
        )
    return _sample_files(config, source, most)


def choose(total: int, most: int, seed: int, labels: np.ndarray | None = None) -> np.ndarray:
    """Choose images at random, at least one of each class where there is room for it.

    Args:
        total: number of images.
        most: number of images to choose, at most.
        seed: of the choice.
        labels: integers (total,), the class of each image; None without classes.

    Returns:
        int64 indices, ascending.
    """
    if total <= most:
        return np.arange(total)
    order = np.random.Generator(np.random.Philox(key=derived_seed(seed, "doctor"))).permutation(total)
    if labels is not None:
        firsts = np.unique(labels[order], return_index=True)[1]
        order = np.concatenate([order[firsts], np.delete(order, firsts)])
    return np.sort(order[:most])


def _sample_files(config: TrainConfig, source: ImageFileSource, most: int) -> Sample:
    started = time.monotonic()
    transform = image_transform(config, source.image_size, source.channels)
    with source.open_files(config, "train") as files:
        load_seconds = time.monotonic() - started
        chosen = choose(len(files.entries), most, config.seed, files.labels)
        cache = find_cache(config.dataset, files, transform, config.cache_dir)
        started = time.monotonic()
        results, transform = _decode_all(files, [files.entries[index] for index in chosen], transform)
        seconds = (time.monotonic() - started) / max(1, len(chosen))
        equal_files, not_compared = find_equal_files(files)
    pairs = [(index, *result) for index, result in enumerate(results) if not isinstance(result, SkippedImage)]
    good = [index for index, _, _ in pairs]
    images = np.empty((len(good), *transform.shape), np.uint8)
    for row, (_, _, pixels) in zip(images, pairs, strict=True):
        row[:] = pixels  # a gray image has one channel, where others have three
    labels = None if files.labels is None else files.labels[chosen[good]]
    names = tuple(files.entries[index].name for index in chosen[good])
    skipped = tuple(result for result in results if isinstance(result, SkippedImage))
    if cache is not None:  # all images are there, at no cost
        images, skipped = cache.images, cache.skipped
        broken = {item.name for item in skipped}
        kept = [index for index, entry in enumerate(files.entries) if entry.name not in broken]
        names = tuple(files.entries[index].name for index in kept)
        labels = None if files.labels is None else files.labels[kept]
    unusable = {item.name for item in skipped}
    return Sample(
        total=len(files.entries),
        images=images,
        labels=labels,
        class_names=files.class_names,
        class_counts=_count(files.labels, len(files.class_names)),
        names=names,
        facts=tuple(fact for _, fact, _ in pairs),
        skipped=skipped,
        tried=len(chosen) if cache is None else len(files.entries),
        description=files.describe(),
        transform=transform,
        equal_files=tuple(pair for pair in equal_files if pair[1] not in unusable),
        not_compared=not_compared,
        seconds_per_image=0.0 if cache is not None else seconds,
        load_seconds=load_seconds,
        is_cached=cache is not None,
    )


def _decode_all(
    files: ImageFiles, entries: Sequence[ImageFile], transform: CropResize
) -> tuple[list[tuple[FileFacts, np.ndarray] | SkippedImage], CropResize]:
    """Decode files on all cores; channels and the range of 16-bit images are those that these files suggest.

    Returns:
        Facts and pixels, or a `SkippedImage`, per file; and the transform with what was found out.
    """
    with pillow_warnings(), ThreadPoolExecutor(_CORES_AT_MOST, "doctor") as threads:
        results = [*threads.map(lambda entry: _decode_one(files, entry, transform), entries)]
        deep = [index for index, result in enumerate(results) if isinstance(result, UnknownRange)]
        if deep:
            maxima = threads.map(lambda index: _maximum(files, entries[index]), deep)
            transform = replace(transform, deep_white=covering_range(max(maxima)))
            again = threads.map(lambda index: _decode_one(files, entries[index], transform), deep)
            for index, result in zip(deep, again, strict=True):
                results[index] = result
    if transform.channels is None:
        shapes = {result[1].shape[2] for result in results if not isinstance(result, SkippedImage)}
        transform = replace(transform, channels=max(shapes, default=3))
    return results, transform


def _decode_one(
    files: ImageFiles, entry: ImageFile, transform: CropResize
) -> tuple[FileFacts, np.ndarray] | SkippedImage:
    try:
        content = files.read(entry)
        with open_image(content) as image:
            width, height = upright_size(image)
            deep, alpha = is_deep(image), image.has_transparency_data
            facts = FileFacts(width, height, image.format or "", image.mode, alpha, deep)
        return facts, decode(content, transform)
    except UnknownRangeError:
        return UnknownRange(entry.name, "")
    except Exception as error:  # Pillow's decoders raise many types
        return skip_reason(entry.name, error)


def _maximum(files: ImageFiles, entry: ImageFile) -> int:
    """Return the largest value of a 16-bit image; 0 for one that can't be read."""
    try:
        return deep_maximum(files.read(entry)) or 0
    except Exception:  # decoding it again says why
        return 0


def _count(labels: np.ndarray | None, classes: int) -> np.ndarray:
    """Return the number of images per class, int64 (classes,)."""
    return np.zeros(0, np.int64) if labels is None else np.bincount(labels, minlength=classes)
