"""From the data options to a dataset: `load` for every command, `prepare` for the dataset cache alone."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dcgan.core.colors import parse_color
from dcgan.core.errors import UserError
from dcgan.core.sizes import Size, format_shape, num_stages, parse_size
from dcgan.core.system_errors import remedy
from dcgan.core.wording import counted
from dcgan.data.dataset_cache import DatasetCache, cached_dataset, report_pixels, report_skipped
from dcgan.data.frames import split_into_frames
from dcgan.data.image_dataset import ImageDataset, check_dataset_size, content_fingerprint, dataset_from_arrays
from dcgan.data.preparation import MAX_SKIPPED, describe_skipped
from dcgan.data.source_size import enlargement_warning
from dcgan.data.sources import SOURCES, SPLITS, ArraySource, ImageFileSource, Source
from dcgan.data.transforms import WHITE, CropResize, crop_and_resize_array

if TYPE_CHECKING:  # every worker process of the decoding pool imports this package, and needs no options
    from dcgan.config import DataConfig, PrepareConfig


def load(config: DataConfig, split: str = "train") -> ImageDataset:
    """Load a dataset; one of image files is prepared in the dataset cache first, unless it is there already.

    Args:
        config: dataset, its location, and the crop, size and channels of its images.
        split: `train`, or `test` for the datasets that have it: `mnist`, `fashion_mnist`, `cifar10`, `stacked_mnist`
            made of `mnist`, `celeba` beside its `list_eval_partition.txt`, and `folder` with folders for the splits.

    Returns:
        The images, uint8 (N, H, W, C), their labels and their fingerprint.

    Raises:
        UserError: two options contradict each other, or the source is missing, damaged, or not what it should be.
    """
    source = check_options(config, split)
    with _explain_os_errors(config):
        if isinstance(source, ArraySource):
            return _load_arrays(config, source, split)
        dataset, cache = _load_image_files(config, source, split)
    report_skipped(str(config.data_dir), cache.skipped, len(dataset) + len(cache.skipped))
    report_pixels(str(config.data_dir), config.channels is None and dataset.channels == 1, cache.deep_white)
    return dataset


def prepare(config: PrepareConfig) -> ImageDataset:
    """Prepare the dataset cache, and print its location and content.

    Args:
        config: as for `load`.

    Returns:
        The training split.

    Raises:
        UserError: as `load`.
    """
    source = check_options(config, "train")
    if isinstance(source, ArraySource):
        dataset = load(config)
        print(f"{config.dataset} needs no preparation: its {len(dataset)} images are read in a moment.")
        return dataset
    with _explain_os_errors(config):
        dataset, cache = _load_image_files(config, source, "train")
    print(f"{cache.folder}: {counted(len(dataset), 'image')} of {format_shape(dataset.images.shape[1:])}.")
    if cache.skipped:
        print(f"{len(cache.skipped)} skipped: {describe_skipped(cache.skipped)}")
    report_pixels(str(config.data_dir), config.channels is None and dataset.channels == 1, cache.deep_white)
    return dataset


def check_options(config: DataConfig, split: str) -> ArraySource | ImageFileSource:
    """Check the data options before anything is read.

    Args:
        config: the options.
        split: `train` or `test`.

    Returns:
        The dataset's source.

    Raises:
        UserError: the dataset or the split does not exist, an option is missing, or two contradict each other.
    """
    dataset, data_dir = config.dataset, config.data_dir
    source = SOURCES.get(dataset)
    if source is None:
        raise UserError(f"There is no dataset {dataset!r}.", f"Datasets: {', '.join(SOURCES)}.")
    if split not in SPLITS:
        raise UserError(f"There is no split {split!r}.", f"Splits: {', '.join(SPLITS)}.")
    if config.attribute is not None and not source.has_attributes:
        owners = _names_of(lambda source: source.has_attributes)
        raise UserError(f"--attribute belongs to --dataset {owners}, not to {dataset}.", "Leave --attribute out.")
    if data_dir is None and not source.default_splits:
        raise UserError(f"--dataset {dataset} needs --data-dir.", source.data_dir_hint)
    if data_dir is not None and not source.splits:
        raise UserError(
            f"{dataset} is part of the package and reads no --data-dir.", "Leave it out, or choose another --dataset."
        )
    if isinstance(source, ArraySource) and source.channels not in (None, config.channels or source.channels):
        raise UserError(
            f"--channels {config.channels} does not fit {dataset}, which has {source.channels} channels.",
            "Leave --channels out.",
        )
    if split not in (source.default_splits if data_dir is None else source.splits):
        others = _names_of(lambda source: split in source.splits)
        raise UserError(f"{dataset} has no {split} split.", f"With --data-dir, {others} have one.")
    _check_size(config)
    return source


def image_transform(config: DataConfig, size: Size, channels: int | None) -> CropResize:
    """Return what the options make of every image.

    Args:
        config: the data options.
        size: (height, width) of the source's images, where the options name no size.
        channels: of the source, likewise; None where its images decide.

    Raises:
        UserError: no network has that size.
    """
    background = WHITE if config.background is None else parse_color(config.background)
    return CropResize(
        _image_size(config, size),
        config.crop,
        config.channels or channels,
        config.fit or "crop",
        background,
        config.color_profile or "ignore",
    )


def _names_of(wanted: Callable[[Source], bool]) -> str:
    """Return the names of the datasets whose source is wanted."""
    return ", ".join(name for name, source in SOURCES.items() if wanted(source))


def _check_size(config: DataConfig) -> None:
    """Refuse a crop, which is square, with an image size that is not; and other options that exclude each other."""
    if config.image_size is not None:
        size = parse_size(config.image_size)
        if config.crop is not None and size[0] != size[1]:
            raise UserError(
                f"--crop {config.crop} crops a square, which --image-size {format_shape(size)} would distort.",
                "Choose a square --image-size, or leave --crop out.",
            )
    if config.crop is not None and config.fit in ("pad", "stretch"):
        raise UserError(
            f"--crop {config.crop} uses a part of every image, and --fit {config.fit} all of it.",
            "Leave one of them out.",
        )
    if config.channels == 4 and config.background is not None:
        raise UserError(
            f"--background {config.background} hides the transparency that --channels 4 keeps.",
            "Leave one of them out.",
        )


def _image_size(config: DataConfig, default: Size) -> Size:
    """Return the image size of the options, or the source's own."""
    size = parse_size(config.image_size) if config.image_size is not None else default
    num_stages(size)
    return size


@contextlib.contextmanager
def _explain_os_errors(config: DataConfig) -> Iterator[None]:
    """Turn an error that no reader expects of a path (a folder without permission, a long name) into a UserError."""
    try:
        yield
    except OSError as error:
        path = error.filename or config.data_dir  # it may also be that of the cache
        problem = f"{path} can't be read: {error.strerror or error}."
        raise UserError(problem, remedy(error, "--data-dir or --cache-dir", writing=None)) from error


def _load_arrays(config: DataConfig, source: ArraySource, split: str) -> ImageDataset:
    """Read a dataset into memory, crop and resize it."""
    images, labels = source.read(config.data_dir, split)
    height, width, channels = images.shape[1:]
    transform = image_transform(config, (height, width), channels)
    check_dataset_size(len(images), transform.shape)
    images = crop_and_resize_array(images, transform)
    if source.combine is not None:
        images, labels = source.combine(images, labels, split)
    return dataset_from_arrays(config.dataset, images, labels, source.class_names)


def _load_image_files(config: DataConfig, source: ImageFileSource, split: str) -> tuple[ImageDataset, DatasetCache]:
    """Open the dataset cache of image files, and label its images."""
    transform = image_transform(config, source.image_size, source.channels)
    name = config.dataset if split == "train" else f"{config.dataset}-{split}"
    with source.open_files(config, split) as image_files:
        if config.frames == "all":
            image_files = split_into_frames(image_files)
        shown = "" if split == "train" else f" ({split} split)"
        report_line(f"{config.data_dir}{shown}: {image_files.describe()}")
        if line := enlargement_warning(image_files, transform):
            report_line(line)
        limit = 1 if config.skip_unreadable else MAX_SKIPPED
        cache = cached_dataset(name, image_files, transform, config.cache_dir, limit)
    labels = image_files.labels
    if labels is not None and cache.skipped:
        skipped = {item.name for item in cache.skipped}
        labels = labels[[entry.name not in skipped for entry in image_files.entries]]
    fingerprint = content_fingerprint(cache.digest, cache.images.shape, labels)
    return ImageDataset(config.dataset, cache.images, labels, image_files.class_names, fingerprint), cache


@functools.cache  # an evaluation during training lists the same files again
def report_line(line: str) -> None:
    """Print a line on standard error, once per process."""
    print(line, file=sys.stderr)
