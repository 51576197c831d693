"""Every picture of a listing, decoded and cut, on all cores and in order."""

import contextlib
import io
import os
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from PIL import Image

from dcgan.data.listing import Entry, Listing
from dcgan.data.pixels import Cut, cut_picture
from dcgan.data.store import Skipped

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF")
_CHUNK = 32  # pictures a task: enough that handing over costs nothing, and few enough to hold many such tasks


def decode_all(listing: Listing, cut: Cut, workers: int | None = None) -> Iterator[np.ndarray | Skipped]:
    """Decode and cut every picture.

    Threads do it: Pillow and zlib let go of the interpreter while they unpack, decode and resize, which is nine
    tenths of the time, and threads, unlike processes, ask nothing of the program's main module.

    Args:
        listing: the pictures.
        cut: what to make of each.
        workers: threads; by default one a core.

    Yields:
        uint8 (H, W, C), or why there is none, in the listing's order. Only a few chunks are in memory at a time.
    """
    workers = workers or _cores()
    starts = range(0, len(listing.entries), _CHUNK)
    running: deque[Future] = deque()
    with _warnings_settled(), ThreadPoolExecutor(workers, "decode") as pool:
        try:
            for start in starts:
                running.append(pool.submit(_decode_chunk, listing, start, cut))
                if len(running) > 3 * workers:
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()
        finally:  # whoever stops listening does not wait for what is queued
            for future in running:
                future.cancel()


def decode(data: bytes, cut: Cut) -> np.ndarray:
    """Decode one picture file and cut it.

    Args:
        data: a file of one of the `FORMATS`; which one is judged by its content.
        cut: what to make of it.

    Returns:
        uint8 (H, W, C).

    Raises:
        Exception: of any kind; Pillow's decoders do not agree on what a damaged file raises.
    """
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        return cut_picture(picture, cut)


def _decode_chunk(listing: Listing, start: int, cut: Cut) -> list[np.ndarray | Skipped]:
    return [_decode_entry(listing, entry, cut) for entry in listing.entries[start : start + _CHUNK]]


def _decode_entry(listing: Listing, entry: Entry, cut: Cut) -> np.ndarray | Skipped:
    """One picture; no file, however broken, may stop the others."""
    try:
        return decode(listing.read(entry), cut)
    except Exception as error:
        return Skipped(entry.name, _reason(error))


def _reason(error: Exception) -> str:
    """Why a picture is skipped, in a few words."""
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "it has more pixels than is sane"
    if isinstance(error, Image.UnidentifiedImageError):
        return "it is no picture of a known format"
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    return text[:120] or type(error).__name__


@contextlib.contextmanager
def _warnings_settled() -> Iterator[None]:
    """A picture too large to be true is an error; what else Pillow remarks on (Exif, palettes) does not matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
