"""Every picture of a listing, decoded and cut, on all cores and in order."""

import math
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from dcgan.data.decoding import PictureFile, skipped, warnings_settled
from dcgan.data.helpers import Helpers
from dcgan.data.listing import Entry, Listing
from dcgan.data.pixels import Cut
from dcgan.data.store import Skipped

MANY = 2000
"""Pictures from which on helper processes pay for their start, about as long as 200 of CelebA's take."""

_CHUNK = 32  # pictures a task: enough that handing over costs little
_CHUNK_BYTES = 1 << 22  # of files or pixels a task, so that large pictures do not fill the memory


def decode_all(listing: Listing, cut: Cut, workers: int | None = None) -> Iterator[np.ndarray | Skipped]:
    """Decode and cut every picture.

    Args:
        listing: the pictures.
        cut: what to make of each.
        workers: how many at once; by default one a core.

    Yields:
        uint8 (H, W, C), or why there is none, in the listing's order. Only a few chunks are in memory at a time.
    """
    workers = workers or _cores()
    helpers = Helpers()
    start = helpers.start if workers > 1 and len(listing.entries) >= MANY else None
    running: deque[Future] = deque()
    with warnings_settled(), ThreadPoolExecutor(workers, "decode", start) as pool:
        try:
            for chunk in _chunks(listing.entries, cut):
                running.append(pool.submit(_decode_chunk, helpers, listing, chunk, cut))
                if len(running) > 3 * workers:
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()
        finally:  # whoever stops listening does not wait for what is queued
            for future in running:
                future.cancel()
            pool.shutdown()
            helpers.dismiss()


def _chunks(entries: Sequence[Entry], cut: Cut) -> Iterator[list[Entry]]:
    """Part the entries into tasks of some pictures or some bytes, whatever is reached first."""
    most = max(1, min(_CHUNK, _CHUNK_BYTES // math.prod(cut.shape)))
    chunk, size = [], 0
    for entry in entries:
        if len(chunk) == most or (chunk and size + entry.size > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(entry)
        size += entry.size
    yield chunk


def _decode_chunk(helpers: Helpers, listing: Listing, chunk: Sequence[Entry], cut: Cut) -> list[np.ndarray | Skipped]:
    return helpers.decode([_read(listing, entry) for entry in chunk], cut)


def _read(listing: Listing, entry: Entry) -> PictureFile | Skipped:
    """One file's bytes; `zipfile` and its decompressors raise many kinds of error on damage."""
    try:
        return PictureFile(entry.name, listing.read(entry))
    except Exception as error:
        return skipped(entry.name, error)


def _cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
