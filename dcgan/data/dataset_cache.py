"""The packed store: pictures cut to size once, in one memory-mapped file, and what they were made from.

A store is a folder of two files: `images.npy`, uint8 (N, H, W, C), which `numpy.load` opens, and `manifest.json`.
It is written beside its place and moved there when it is whole.
"""

import contextlib
import errno
import functools
import hashlib
import io
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from dcgan.core.build_lock import build_lock, resolve_cache_dir
from dcgan.core.errors import UserError
from dcgan.data.decoding import SkippedImage
from dcgan.data.decoding_pool import decode_all
from dcgan.data.image_files import ImageFiles
from dcgan.data.transforms import CropResize

VERSION = 1
"""Of the format and of the pixels: whoever changes the cutting so that pixels change counts it up."""

_IMAGES, _MANIFEST = "images.npy", "manifest.json"


@dataclass(frozen=True, eq=False)
class DatasetCache:
    """An opened store.

    Args:
        folder: where it lies.
        images: uint8 (N, H, W, C), memory-mapped, read-only.
        digest: sha256 of the images' bytes.
        skipped: the source's pictures that are missing here.
    """

    folder: Path
    images: np.ndarray
    digest: str
    skipped: tuple[SkippedImage, ...]


def open_cache(folder: Path, made_from: dict[str, Any]) -> DatasetCache | None:
    """Open a store if it is there, whole, and made from exactly this.

    Args:
        folder: its place.
        made_from: the source's fingerprint and every option that changes a pixel (strings, numbers, None, lists).

    Returns:
        The store, or None where it has to be made (anew); damage is no error.
    """
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        if manifest["version"] != VERSION or manifest["made_from"] != made_from:
            return None
        images = _map(folder / _IMAGES, tuple(manifest["shape"]))
        skipped = tuple(SkippedImage(str(item["name"]), str(item["reason"])) for item in manifest["skipped"])
        return DatasetCache(folder, images, str(manifest["digest"]), skipped)
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def write_cache(
    folder: Path, made_from: dict[str, Any], shape: tuple[int, int, int], results: Iterable[np.ndarray | SkippedImage]
) -> None:
    """Write a store and move it into its place; whoever calls this holds the store's lock.

    Args:
        folder: its place; what lies there is replaced.
        made_from: as for `open_cache`.
        shape: (H, W, C) of every picture.
        results: uint8 (H, W, C), or why there is none, in the source's order; they are taken one by one.

    Raises:
        UserError: the folder can't be written to, the disk is full, or `results` raises it. Nothing is left behind.
    """
    temporary, old = folder.with_name(f".{folder.name}.writing"), folder.with_name(f".{folder.name}.old")
    with _cleared(temporary, old):
        temporary.mkdir()
        manifest = {"version": VERSION, "made_from": made_from} | _write_images(temporary / _IMAGES, shape, results)
        with (temporary / _MANIFEST).open("w", encoding="utf-8") as file:
            json.dump(manifest, file, indent=1)
            _flush(file)
        if folder.exists():
            folder.rename(old)
        temporary.rename(folder)


def _write_images(
    path: Path, shape: tuple[int, int, int], results: Iterable[np.ndarray | SkippedImage]
) -> dict[str, Any]:
    """Append the pictures to the file, and give the manifest's part about them."""
    count, skipped, digest = 0, [], hashlib.sha256()
    with path.open("wb") as file:
        file.write(_header((0, *shape)))
        for result in results:
            if isinstance(result, SkippedImage):
                skipped.append(vars(result))
                continue
            pixels = result.tobytes()
            file.write(pixels)
            digest.update(pixels)
            count += 1
        file.seek(0)
        file.write(_header((count, *shape)))
        _flush(file)
    return {"shape": [count, *shape], "digest": digest.hexdigest(), "skipped": skipped}


def _header(shape: tuple[int, ...]) -> bytes:
    """The start of an `.npy` file; NumPy pads it so that it keeps its length while the first dimension grows."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


def _map(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Map the images; a file whose header or size is not exactly what `shape` asks for is a ValueError."""
    if len(shape) != 4 or not all(type(side) is int and side > 0 for side in shape):
        raise ValueError("no shape of images")
    header = _header(shape)
    with path.open("rb") as file:
        whole = os.fstat(file.fileno()).st_size == len(header) + math.prod(shape)
        if not whole or file.read(len(header)) != header:
            raise ValueError("not the images of this manifest")
    return np.memmap(path, np.uint8, "r", offset=len(header), shape=shape)


def _flush(file: Any) -> None:
    """Have the file on the disk before its folder is moved into place."""
    file.flush()
    os.fsync(file.fileno())


@contextlib.contextmanager
def _cleared(*leftovers: Path) -> Iterator[None]:
    """Remove what a killed process left, and what this one leaves; tell errors in writing as a UserError."""
    place = leftovers[0].parent
    try:
        place.mkdir(parents=True, exist_ok=True)
        for path in leftovers:
            _remove(path)
        yield
    except OSError as error:
        hint = "Free some space, or choose another place with --cache-dir." if error.errno == errno.ENOSPC else ""
        raise UserError(
            f"{place} can't be written to: {error.strerror or error}.",
            hint or "Choose a place you may write to with --cache-dir.",
        ) from error
    finally:
        for path in leftovers:
            _remove(path)


def _remove(path: Path) -> None:
    """Remove a folder or file, if it is there; what can't be removed now is tried again the next time."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


MAX_SKIPPED = 0.1
"""Part of the pictures that may be unreadable; more than that is a mistake somewhere."""

_SECONDS_A_LINE = 20


def cached_dataset(dataset: str, listing: ImageFiles, cut: CropResize, cache_dir: Path | None) -> DatasetCache:
    """The pictures of a listing, cut; the work is done once and kept.

    Two processes that ask for the same store at once make it once: the second waits.

    Args:
        dataset: the first part of the store's name.
        listing: the pictures.
        cut: what to make of each.
        cache_dir: the folder of all stores; by default the user's cache folder.

    Returns:
        The opened store.

    Raises:
        UserError: too many pictures can't be read, or the store can't be written.
    """
    folder = cache_path(dataset, listing, cut, cache_dir)
    made_from = {"source": listing.fingerprint, "size": list(cut.size), "crop": cut.crop, "channels": cut.channels}
    store = open_cache(folder, made_from)
    if store is not None:
        return store
    with build_lock(folder, "preparing"):
        if open_cache(folder, made_from) is None:
            total = len(listing.entries)
            results = _some_skipped(_shown(decode_all(listing, cut), total, listing.root), total, listing.root)
            write_cache(folder, made_from, cut.shape, results)
    store = open_cache(folder, made_from)
    if store is None:
        raise UserError(f"{folder} could not be read back after it was written.", "Try another --cache-dir.")
    return store


def cache_path(dataset: str, listing: ImageFiles, cut: CropResize, cache_dir: Path | None) -> Path:
    """Where the store of a listing lies: `dataset-HxW-` and a hash of the root's path and the options.

    A changed source takes the place of its older self, so that the cache does not fill up with stores of the past.
    """
    parts = [str(listing.root.resolve()), *cut.shape, cut.crop]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
    return resolve_cache_dir(cache_dir) / f"{dataset}-{cut.size[0]}x{cut.size[1]}-{key}"


def _some_skipped(
    results: Iterable[np.ndarray | SkippedImage], total: int, root: Path
) -> Iterator[np.ndarray | SkippedImage]:
    """Pass everything on, and stop as soon as too many of `total` are skipped."""
    skipped = []
    for result in results:
        if isinstance(result, SkippedImage):
            skipped.append(result)
            if len(skipped) > MAX_SKIPPED * total:
                raise UserError(
                    f"More than 1 in {round(1 / MAX_SKIPPED)} of the {total} pictures in {root} can't be used.",
                    f"The first: {describe(skipped)}.",
                )
        yield result


def describe(skipped: Sequence[SkippedImage], most: int = 3) -> str:
    """The first few skipped pictures and why, in one line that any terminal can show."""
    first = [f"{item.name} ({item.reason})" for item in skipped[:most]]
    text = "; ".join(first).encode("utf-8", "backslashreplace").decode()
    return f"{text}{' …' * (len(skipped) > most)}"


@functools.cache  # an evaluation during training opens the store again, which is no news
def report_skipped(root: Path, skipped: tuple[SkippedImage, ...], total: int) -> None:
    """Say once which pictures of `total` are missing, if any."""
    if skipped:
        print(f"{root}: {len(skipped)} of {total} pictures skipped: {describe(skipped)}", file=sys.stderr)


def _shown(results: Iterable[np.ndarray | SkippedImage], total: int, root: Path) -> Iterator[np.ndarray | SkippedImage]:
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
