"""Decode the images of a source for the dataset cache, and find out on the way what the options leave open.

Whether all images are gray, and which range the images of 16 bits per channel use, is known when all of them have been
looked at. So a few images decide first. If a later one contradicts them, preparation begins again, once or twice.
"""

import functools
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.printable import printable
from dcgan.core.streams import shows_progress
from dcgan.core.wording import counted
from dcgan.data.decoding import SkippedImage, UnknownRange, decode_file, measure_file, pillow_warnings
from dcgan.data.decoding_pool import Decoded, Result, map_files, read_file
from dcgan.data.deep_images import covering_range
from dcgan.data.image_dataset import evenly_spaced
from dcgan.data.image_files import ImageFiles
from dcgan.data.transforms import CropResize

MAX_SKIPPED = 0.1
"""Fraction of the images that may be unreadable; more than that is taken for a mistake."""

PROBES = 8
"""Number of images, evenly spaced, that are decoded first."""

_SECONDS_PER_LINE = 20


class Contradiction(Exception):
    """An image does not fit what was assumed.

    Args:
        transform: what to go on with.
    """

    def __init__(self, transform: CropResize):
        super().__init__()
        self.transform = transform


def assume(image_files: ImageFiles, transform: CropResize) -> CropResize:
    """Settle the channels and the range of 16-bit images as a few images suggest.

    Args:
        image_files: the source.
        transform: how its images are decoded; `channels` or `deep_white` may be None.

    Returns:
        The transform with color, where one of the images has color, and with the range of all images, where one has 16
        bits per channel.
    """
    entries = image_files.entries
    for index in evenly_spaced(len(entries), min(PROBES, len(entries))):
        with pillow_warnings():
            result = decode_file(read_file(image_files.read, entries[index]), transform)
        if isinstance(result, UnknownRange):
            transform = replace(transform, deep_white=_measure_range(image_files, transform))
        elif isinstance(result, np.ndarray) and transform.channels is None and result.shape[2] == 3:
            transform = replace(transform, channels=3)
    return transform


def decode_checked(image_files: ImageFiles, transform: CropResize) -> Iterator[Decoded]:
    """Decode every image, and show progress.

    Args:
        image_files: the source.
        transform: what `assume` returned.

    Yields:
        uint8 (H, W, C) or a `SkippedImage` per file, in order; C is 1 where `transform.channels` is None.

    Raises:
        Contradiction: an image has color or 16 bits per channel, which was not assumed.
    """
    results = map_files(image_files, functools.partial(decode_file, transform=transform), transform)
    for result in _show_progress(results, "Preparing", image_files):
        if isinstance(result, UnknownRange):
            raise Contradiction(replace(transform, deep_white=_measure_range(image_files, transform)))
        if isinstance(result, np.ndarray) and transform.channels is None and result.shape[2] == 3:
            raise Contradiction(replace(transform, channels=3))
        yield result


def check_skipped(skipped: Sequence[SkippedImage], total: int, root: Path, limit: float) -> None:
    """Refuse a source of which too many images can't be used.

    Args:
        skipped: those images.
        total: number of files.
        root: the source.
        limit: fraction of the files that may be skipped.

    Raises:
        UserError: more of them are skipped.
    """
    if len(skipped) > limit * total:
        raise UserError(
            f"More than 1 in {round(1 / limit)} of the {total} images in {root} can't be used.",
            f"The first ones: {describe_skipped(skipped)}. --skip-unreadable continues with the others.",
        )


def describe_skipped(skipped: Sequence[SkippedImage], limit: int = 3) -> str:
    """Return why images were skipped, and which, as one line that any terminal can show.

    Args:
        skipped: the skipped images.
        limit: number of reasons to give.

    Returns:
        `name (reason); name and 7 more (reason) …`: the most frequent reasons first, each with the first image that it
        applies to.
    """
    by_reason: dict[str, list[str]] = {}
    for item in skipped:
        by_reason.setdefault(item.reason, []).append(item.name)
    groups = sorted(by_reason.items(), key=lambda group: -len(group[1]))
    texts = [
        printable(f"{names[0]}{f' and {len(names) - 1:,} more' if len(names) > 1 else ''} ({reason})")
        for reason, names in groups[:limit]
    ]
    text = "; ".join(texts).encode("utf-8", "backslashreplace").decode()
    return f"{text}{' …' * (len(groups) > limit)}"


def limit_skipped(results: Iterable[Decoded], total: int, root: Path, limit: float) -> Iterator[Decoded]:
    """Pass the results on.

    Args:
        results: images and skipped images.
        total: number of files.
        root: the source.
        limit: fraction of the files that may be skipped.

    Raises:
        UserError: more of them are skipped.
    """
    skipped = []
    for result in results:
        if isinstance(result, SkippedImage):
            skipped.append(result)
            check_skipped(skipped, total, root, limit)
        yield result
    if len(skipped) == total:
        raise UserError(f"None of the {total} images in {root} can be used.", f"{describe_skipped(skipped)}.")


def _measure_range(image_files: ImageFiles, transform: CropResize) -> int:
    """Return the range that covers the images of 16 bits per channel."""
    results = map_files(image_files, measure_file, transform)
    maxima = [result for result in _show_progress(results, "Measuring 16-bit images of", image_files) if result]
    return covering_range(max((number for number in maxima if isinstance(number, int)), default=0))


def _show_progress(results: Iterable[Result], doing: str, image_files: ImageFiles) -> Iterator[Result]:
    """Pass the results on and show progress: a bar in a terminal, a line now and then in a log."""
    total, root = len(image_files.entries), image_files.root
    if shows_progress():
        from tqdm import tqdm  # here, so that the worker processes of the decoding pool start faster

        yield from tqdm(results, f"{doing} {root}", total, unit=" images")
        return
    print(f"{doing} {root}: {counted(total, 'image')}, once.", file=sys.stderr)
    last_line = time.monotonic()
    for done, result in enumerate(results):
        if time.monotonic() - last_line > _SECONDS_PER_LINE:
            last_line = time.monotonic()
            print(f"{doing} {root}: {done} of {total}.", file=sys.stderr)
        yield result
