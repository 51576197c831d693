"""From a listing to its store: opened if it is there, made if it isn't."""

import functools
import hashlib
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dcgan.cache import cache_folder, only_maker
from dcgan.data.listing import Listing
from dcgan.data.parallel import decode_all
from dcgan.data.pixels import Cut
from dcgan.data.store import Skipped, Store, open_store, write_store
from dcgan.errors import UserError

MOST_SKIPPED = 0.1
"""Part of the pictures that may be unreadable; more than that is a mistake somewhere."""

_SECONDS_A_LINE = 20


def packed(dataset: str, listing: Listing, cut: Cut, store_dir: Path | None) -> Store:
    """The pictures of a listing, cut; the work is done once and kept.

    Two processes that ask for the same store at once make it once: the second waits.

    Args:
        dataset: the first part of the store's name.
        listing: the pictures.
        cut: what to make of each.
        store_dir: the folder of all stores; by default the user's cache folder.

    Returns:
        The opened store.

    Raises:
        UserError: too many pictures can't be read, or the store can't be written.
    """
    folder = place_of(dataset, listing, cut, store_dir)
    made_from = {"source": listing.fingerprint, "size": list(cut.size), "crop": cut.crop, "channels": cut.channels}
    store = open_store(folder, made_from)
    if store is not None:
        return store
    with only_maker(folder, "preparing"):
        if open_store(folder, made_from) is None:
            total = len(listing.entries)
            results = _some_skipped(_shown(decode_all(listing, cut), total, listing.root), total, listing.root)
            write_store(folder, made_from, cut.shape, results)
    store = open_store(folder, made_from)
    if store is None:
        raise UserError(f"{folder} could not be read back after it was written.", "Try another --store-dir.")
    return store


def place_of(dataset: str, listing: Listing, cut: Cut, store_dir: Path | None) -> Path:
    """Where the store of a listing lies: `dataset-HxW-` and a hash of the root's path and the options.

    A changed source takes the place of its older self, so that the cache does not fill up with stores of the past.
    """
    parts = [str(listing.root.resolve()), *cut.shape, cut.crop]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
    return cache_folder(store_dir) / f"{dataset}-{cut.size[0]}x{cut.size[1]}-{key}"


def _some_skipped(results: Iterable[np.ndarray | Skipped], total: int, root: Path) -> Iterator[np.ndarray | Skipped]:
    """Pass everything on, and stop as soon as too many of `total` are skipped."""
    skipped = []
    for result in results:
        if isinstance(result, Skipped):
            skipped.append(result)
            if len(skipped) > MOST_SKIPPED * total:
                raise UserError(
                    f"More than 1 in {round(1 / MOST_SKIPPED)} of the {total} pictures in {root} can't be used.",
                    f"The first: {describe(skipped)}.",
                )
        yield result


def describe(skipped: Sequence[Skipped], most: int = 3) -> str:
    """The first few skipped pictures and why, in one line that any terminal can show."""
    first = [f"{item.name} ({item.reason})" for item in skipped[:most]]
    text = "; ".join(first).encode("utf-8", "backslashreplace").decode()
    return f"{text}{' …' * (len(skipped) > most)}"


@functools.cache  # an evaluation during training opens the store again, which is no news
def tell_skipped(root: Path, skipped: tuple[Skipped, ...], total: int) -> None:
    """Say once which pictures of `total` are missing, if any."""
    if skipped:
        print(f"{root}: {len(skipped)} of {total} pictures skipped: {describe(skipped)}", file=sys.stderr)


def _shown(results: Iterable[np.ndarray | Skipped], total: int, root: Path) -> Iterator[np.ndarray | Skipped]:
    """Pass everything on and show how far it is: a bar in a terminal, a line now and then in a log."""
    if sys.stderr.isatty():
        yield from tqdm(results, f"Preparing {root}", total, unit=" images")
        return
    print(f"Preparing {root}: {total} pictures, once.", file=sys.stderr)
    told = time.monotonic()
    for done, result in enumerate(results):
        if time.monotonic() - told > _SECONDS_A_LINE:
            told = time.monotonic()
            print(f"Preparing {root}: {done} of {total}.", file=sys.stderr)
        yield result
