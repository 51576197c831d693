"""The dataset cache: images cropped and resized once, in one memory-mapped file, and what they were made from.

A cache is a folder of two files: `images.npy`, uint8 (N, H, W, C), which `numpy.load` opens, and `manifest.json`, with
a checksum of each block of images and of itself.
"""

import contextlib
import errno
import functools
import hashlib
import json
import math
import os
import sys
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.core.atomic_io import atomic_folder
from dcgan.core.build_lock import build_lock, resolve_cache_dir
from dcgan.core.checksum import checksum_of_json
from dcgan.core.errors import UserError, first_line
from dcgan.core.npy import npy_header
from dcgan.core.wording import counted
from dcgan.data.decoding import SkippedImage
from dcgan.data.decoding_pool import Decoded
from dcgan.data.image_files import ImageFiles
from dcgan.data.preparation import (
    MAX_SKIPPED,
    Contradiction,
    assume,
    check_skipped,
    decode_checked,
    describe_skipped,
    limit_skipped,
)
from dcgan.data.transforms import CropResize

VERSION = 3
"""Version of the format and of the pixels: a change of the transform that changes pixels increases it."""

BLOCK_BYTES = 1 << 24
"""Images of so many bytes have one checksum (CRC-32)."""

_WRITE_BYTES = 1 << 20
_IMAGES, _MANIFEST = "images.npy", "manifest.json"


@dataclass(frozen=True, eq=False)
class DatasetCache:
    """An opened cache.

    Args:
        folder: its folder.
        images: uint8 (N, H, W, C), memory-mapped, read-only.
        digest: hexadecimal SHA-256 of the images' bytes.
        skipped: images of the source that are not in the cache.
        deep_white: the value of 16-bit images that is 255 in the cache; None where there are no such images.
        channels_decided: whether the images have one channel since all are gray, or three since not all are.
    """

    folder: Path
    images: np.ndarray
    digest: str
    skipped: tuple[SkippedImage, ...]
    deep_white: int | None = None
    channels_decided: bool = False


def cached_dataset(
    dataset: str,
    image_files: ImageFiles,
    transform: CropResize,
    cache_dir: Path | None,
    max_skipped: float = MAX_SKIPPED,
) -> DatasetCache:
    """Open the cache of a source's images, after preparing it where necessary.

    Of two processes that need the same cache at the same time, one prepares it and the other waits.

    Args:
        dataset: the dataset's name, with which the folder's name begins.
        image_files: the source.
        transform: crop, size and channels.
        cache_dir: folder of all caches; by default the user's cache folder.
        max_skipped: fraction of the images that may be unreadable.

    Returns:
        The opened cache.

    Raises:
        UserError: too many images can't be read, or the cache can't be written.
    """
    total, root = len(image_files.entries), image_files.root
    cache = find_cache(dataset, image_files, transform, cache_dir)
    if cache is not None:
        check_skipped(cache.skipped, total, root, max_skipped)
        return cache
    folder = cache_path(dataset, image_files, transform, cache_dir)
    with build_lock(folder, "preparing"):
        if find_cache(dataset, image_files, transform, cache_dir) is None:
            _prepare(dataset, image_files, transform, cache_dir, max_skipped, locked=folder)
    cache = find_cache(dataset, image_files, transform, cache_dir)
    if cache is None:
        raise UserError(f"{folder} could not be read back after it was written.", "Choose another --cache-dir.")
    return cache


def find_cache(
    dataset: str, image_files: ImageFiles, transform: CropResize, cache_dir: Path | None
) -> DatasetCache | None:
    """Open the cache, if there is one; where the images decide about the channels, one whose channels they decided.

    Args:
        dataset: as for `cached_dataset`, and so are the others.
        image_files: the source.
        transform: crop, size and channels.
        cache_dir: folder of all caches.
    """
    for channels in (transform.channels,) if transform.channels else (3, 1):
        settled = replace(transform, channels=channels)
        cache = open_cache(cache_path(dataset, image_files, settled, cache_dir), made_from(image_files, settled))
        if cache is not None and (transform.channels or cache.channels_decided):
            return cache
    return None


def _prepare(
    dataset: str,
    image_files: ImageFiles,
    transform: CropResize,
    cache_dir: Path | None,
    max_skipped: float,
    *,
    locked: Path,
) -> None:
    """Write a cache, and start again when an image contradicts what was assumed."""
    total, root, decides = len(image_files.entries), image_files.root, transform.channels is None
    transform = assume(image_files, transform)
    while True:
        settled = replace(transform, channels=transform.channels or 1)
        folder = cache_path(dataset, image_files, settled, cache_dir)
        results = limit_skipped(decode_checked(image_files, transform), total, root, max_skipped)
        extra = {"deep_white": transform.deep_white, "channels_decided": decides}
        try:
            with build_lock(folder, "preparing") if folder != locked else contextlib.nullcontext():
                return write_cache(folder, made_from(image_files, settled), settled.shape, results, extra)
        except Contradiction as found:
            transform = found.transform


def made_from(image_files: ImageFiles, transform: CropResize) -> dict[str, Any]:
    """Return what a cache is made from, as its manifest has it.

    Args:
        image_files: the source.
        transform: every option that changes a pixel; the range of 16-bit images follows from the source.

    Returns:
        Numbers, strings, lists and None by name.
    """
    return {"source": image_files.fingerprint, **_options(transform)}


def _options(transform: CropResize) -> dict[str, Any]:
    return {
        "size": list(transform.size),
        "crop": transform.crop,
        "channels": transform.channels or 3,
        "fit": transform.fit,
        "background": list(transform.background),
        "color_profile": transform.color_profile,
    }


_USUAL = _options(CropResize((1, 1), None, None))


def cache_path(dataset: str, image_files: ImageFiles, transform: CropResize, cache_dir: Path | None) -> Path:
    """Return the folder of a source's cache: `dataset-HxW-` and a hash of the root's path and the transform.

    The content of the source is not part of the name, so that a changed source replaces its older cache.

    Args:
        dataset: the dataset's name.
        image_files: the source.
        transform: crop, size and channels.
        cache_dir: folder of all caches; by default the user's cache folder.

    Returns:
        The folder's path.
    """
    options = _options(transform)
    parts = [str(image_files.root.resolve()), *options.pop("size"), options.pop("channels"), options.pop("crop")]
    parts += [value for name, value in options.items() if value != _USUAL[name]]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
    return resolve_cache_dir(cache_dir) / f"{dataset}-{transform.size[0]}x{transform.size[1]}-{key}"


def open_cache(folder: Path, made_from: dict[str, Any]) -> DatasetCache | None:
    """Open a cache if it exists, is undamaged, and was made from exactly this source with these options.

    Args:
        folder: its folder.
        made_from: the source's fingerprint and every option that changes a pixel (strings, numbers, None, lists).

    Returns:
        The cache; None where it has to be prepared. If it is damaged, a line says so.

    Raises:
        UserError: the images can't be mapped, since the address space is limited.
    """
    if not folder.is_dir():
        return None
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        if manifest["version"] in range(1, VERSION):
            return None
        if manifest.pop("checksum") != checksum_of_json(manifest):
            raise ValueError(f"{_MANIFEST} is not what was written")
        if manifest["version"] != VERSION or manifest["made_from"] != made_from:
            return None
        images = _map_images(folder / _IMAGES, tuple(manifest["shape"]))
        _check_blocks(folder / _IMAGES, images, tuple(manifest["blocks"]))
        skipped = tuple(SkippedImage(str(item["name"]), str(item["reason"])) for item in manifest["skipped"])
        white = manifest["deep_white"]
        white = None if white is None else int(white)
        return DatasetCache(folder, images, str(manifest["digest"]), skipped, white, bool(manifest["channels_decided"]))
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        print(f"{folder} is damaged and is prepared again: {first_line(error)}", file=sys.stderr)
        return None


def write_cache(
    folder: Path,
    made_from: dict[str, Any],
    shape: tuple[int, int, int],
    results: Iterable[Decoded],
    extra: dict[str, Any] | None = None,
) -> None:
    """Write a cache, all of it or nothing; the caller holds its build lock.

    Args:
        folder: its folder; an existing one is replaced.
        made_from: as for `open_cache`.
        shape: (H, W, C) of every image.
        results: uint8 (H, W, C) or a `SkippedImage` per file of the source; consumed one by one.
        extra: `deep_white` and `channels_decided` as in `DatasetCache`, where they are not None and False.

    Raises:
        UserError: the folder can't be written to, the disk is full, or `results` raises it.
    """
    with atomic_folder(folder, "--cache-dir") as temporary:
        manifest = {"version": VERSION, "made_from": made_from, "deep_white": None, "channels_decided": False}
        manifest |= extra or {}
        manifest |= _write_images(temporary / _IMAGES, shape, results)
        manifest["checksum"] = checksum_of_json(manifest)
        (temporary / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


@functools.cache  # an evaluation during training opens the same cache again
def report_skipped(source: str, skipped: tuple[SkippedImage, ...], total: int) -> None:
    """Print, once per process, which images of a source were skipped.

    Args:
        source: the source's folder or zip.
        skipped: the skipped images; nothing is printed without any.
        total: number of image files in the source.
    """
    if skipped:
        print(
            f"{source}: {len(skipped)} of {counted(total, 'image')} skipped: {describe_skipped(skipped)}",
            file=sys.stderr,
        )


@functools.cache
def report_pixels(source: str, gray: bool, deep_white: int | None) -> None:
    """Print, once per process, what was decided by looking at the images of a source.

    Args:
        source: the source's folder or zip.
        gray: whether all images are gray, and have one channel for that reason.
        deep_white: the value of 16-bit images that is 255; None where there are no such images.
    """
    if gray:
        print(f"{source}: all images are gray, so they have 1 channel; --channels 3 makes it 3.", file=sys.stderr)
    if deep_white is not None:
        print(f"{source}: values of 0 to {deep_white:,} in 16-bit images are scaled to 0 to 255.", file=sys.stderr)


def _write_images(path: Path, shape: tuple[int, int, int], results: Iterable[Decoded]) -> dict[str, Any]:
    """Write the images one by one, and return the manifest's entries about them."""
    count, skipped, digest, blocks = 0, [], hashlib.sha256(), []
    with path.open("wb", buffering=_WRITE_BYTES) as file:
        file.write(npy_header((0, *shape), np.uint8))
        for result in results:
            if isinstance(result, SkippedImage):
                skipped.append(vars(result))
                continue
            pixels = result.tobytes()
            file.write(pixels)
            digest.update(pixels)
            if count % _images_per_block(shape) == 0:
                blocks.append(0)
            blocks[-1] = zlib.crc32(pixels, blocks[-1])
            count += 1
        file.seek(0)
        file.write(npy_header((count, *shape), np.uint8))
    return {"shape": [count, *shape], "digest": digest.hexdigest(), "blocks": blocks, "skipped": skipped}


def _images_per_block(shape: tuple[int, ...]) -> int:
    return max(1, BLOCK_BYTES // math.prod(shape))


def _check_blocks(path: Path, images: np.ndarray, blocks: tuple[int, ...]) -> None:
    """Compare the images with their checksums, once per process; a difference is a ValueError."""
    status = path.stat()
    version = (path.resolve(), status.st_ino, status.st_size, status.st_mtime_ns, blocks)
    if version in _CHECKED:
        return
    size = _images_per_block(images.shape[1:])
    buffer = memoryview(bytearray(size * math.prod(images.shape[1:])))  # mapped pages would count as this process'
    with path.open("rb", buffering=0) as file:
        file.seek(-images.nbytes, os.SEEK_END)
        for first, checksum in zip(range(0, len(images), size), blocks, strict=True):
            if zlib.crc32(buffer[: file.readinto(buffer)]) != checksum:
                raise ValueError(f"the images from {first} on are not those that were written")
    _CHECKED.add(version)


_CHECKED: set[tuple[Any, ...]] = set()


def _map_images(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Map the images; a header or file size that does not match `shape` exactly is a ValueError."""
    if len(shape) != 4 or not all(type(side) is int and side > 0 for side in shape):
        raise ValueError("not a shape of images")
    header = npy_header(shape, np.uint8)
    with path.open("rb") as file:
        is_complete = os.fstat(file.fileno()).st_size == len(header) + math.prod(shape)
        if not is_complete or file.read(len(header)) != header:
            raise ValueError("not the images of this manifest")
    try:
        return np.memmap(path, np.uint8, "r", offset=len(header), shape=shape)
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        raise UserError(  # it is not damaged
            f"{path} can't be mapped: its {math.prod(shape) / 2**30:.1f} GiB exceed the limit of the address space.",
            "Raise the limit (ulimit -v unlimited); images that are mapped take no memory of their own.",
        ) from error
