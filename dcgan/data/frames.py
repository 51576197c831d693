"""Every frame of an animation, and every page of a TIFF, as an image of its own (`--frames all`)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dcgan.data.decoding import SkippedImage, open_image, pillow_warnings
from dcgan.data.decoding_pool import read_file
from dcgan.data.image_files import ImageFile, ImageFiles, Reader
from dcgan.data.transforms import check_memory

ENDINGS = (".gif", ".webp", ".png", ".apng", ".avif", ".tif", ".tiff", ".mpo")
"""Endings of files that may have several frames; others are not opened to count them."""

MAX_FRAMES = 10_000
"""Most frames of a file that are used, 7 minutes of a video."""

_MARK = "#frame="


@dataclass(frozen=True)
class FrameReader:
    """Reads frames, and other files as they are.

    Args:
        read: reads a file.
    """

    read: Reader

    def __call__(self, entry: ImageFile) -> bytes | np.ndarray:
        """Return the pixels of a frame, uint8 (H, W, C) or uint16 (H, W), or the content of another file."""
        name, mark, number = entry.name.rpartition(_MARK)
        if not mark:
            return self.read(entry)
        content = self.read(replace(entry, name=name))
        with open_image(content, pages=True) as image:  # in several threads, which share the filters of warnings
            image.seek(int(number))
            check_memory(image)
            return np.asarray(image if image.mode.startswith("I;16") else image.convert("RGBA"))


def split_into_frames(image_files: ImageFiles) -> ImageFiles:
    """Replace every file of several frames by its frames; they have the file's label.

    Args:
        image_files: the files, of which those that may have several frames are read.

    Returns:
        The images; a frame is called `name#frame=3`, counted from 0.
    """
    entries, origins = [], []
    for index, entry in enumerate(image_files.entries):
        for frame in _frames_of(image_files, entry):
            entries.append(frame)
            origins.append(index)
    labels = None if image_files.labels is None else image_files.labels[origins]
    return replace(image_files, entries=tuple(entries), labels=labels, read=FrameReader(image_files.read))


def _frames_of(image_files: ImageFiles, entry: ImageFile) -> Iterator[ImageFile]:
    count = _count_frames(image_files, entry) if entry.name.lower().endswith(ENDINGS) else 1
    if count == 1:
        yield entry
        return
    for number in range(count):
        yield replace(entry, name=f"{entry.name}{_MARK}{number}")


def _count_frames(image_files: ImageFiles, entry: ImageFile) -> int:
    """Return the number of frames; 1 for a file that can't be read, which preparing reports."""
    file = read_file(image_files.read, entry)
    if isinstance(file, SkippedImage):
        return 1
    try:
        with pillow_warnings(), open_image(file.data, pages=True) as image:
            return min(getattr(image, "n_frames", 1), MAX_FRAMES)
    except Exception:  # Pillow's decoders raise many types
        return 1
