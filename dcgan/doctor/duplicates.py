"""Images that occur twice: the same bytes, the same pixels, or nearly the same pixels."""

import hashlib
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dcgan.data.image_files import ImageFile, ImageFiles

MAX_IMAGES = 100_000
"""Number of images that are compared at most; their hashes take 8 bytes each."""

NEAR_BITS = 3
"""Bits of 64 in which the hashes of two nearly equal images differ at most."""

NEAR_DIFFERENCE = 10.0
"""Root mean square of the differences of two nearly equal images, in gray levels of 255."""

BLANK_CONTRAST = 3.0
"""Standard deviation of the gray levels below which an image is blank: its hash says nothing."""

_CHUNK = 2048
_NEIGHBORS = 16  # in the order of a quarter of the hash; more are alike only where hundreds of images are
_MAX_PAIRS = 200_000
_MAX_BYTES = 1 << 29  # of files that are read to compare their bytes
_MAX_SECONDS = 20.0


@dataclass(frozen=True)
class Duplicates:
    """Images that occur more than once among those that were compared.

    Args:
        compared: number of images that were compared.
        equal: number of images whose pixels another image before them has.
        near: number of further images that are nearly equal to another one.
        blank: number of images of one color.
        equal_pairs: indices of some pairs with equal pixels.
        near_pairs: indices of some pairs that are nearly equal.
    """

    compared: int
    equal: int
    near: int
    blank: int
    equal_pairs: tuple[tuple[int, int], ...]
    near_pairs: tuple[tuple[int, int], ...]


def find_duplicates(images: np.ndarray) -> Duplicates:
    """Compare all images with each other by their pixels.

    Nearly equal are images whose difference hashes (Krawetz 2013, "Kind of Like That") differ in at most `NEAR_BITS`
    bits and whose pixels differ by at most `NEAR_DIFFERENCE`. Hashes that differ in three bits agree in one quarter at
    least, so it suffices to compare neighbors in the order of each quarter. Where more than 16 images share a quarter,
    some pairs are not seen.

    Args:
        images: uint8 (N, H, W, C); the first `MAX_IMAGES` are compared.
    """
    images = images[:MAX_IMAGES]
    first_of: dict[bytes, int] = {}
    equal: list[tuple[int, int]] = []
    hashes, contrast = np.empty(len(images), np.uint64), np.empty(len(images), np.float32)
    for start in range(0, len(images), _CHUNK):
        chunk = np.ascontiguousarray(images[start : start + _CHUNK])
        hashes[start : start + _CHUNK], contrast[start : start + _CHUNK] = difference_hashes(chunk)
        for index, image in enumerate(chunk, start):
            digest = hashlib.blake2b(image.data, digest_size=16).digest()
            before = first_of.setdefault(digest, index)
            if before != index:
                equal.append((before, index))
    distinct = np.setdiff1d(np.flatnonzero(contrast >= BLANK_CONTRAST), [later for _, later in equal])
    near = _near_pairs(images, hashes, distinct)
    later = {pair[1] for pair in near}
    blank = int((contrast < BLANK_CONTRAST).sum())
    return Duplicates(len(images), len(equal), len(later), blank, tuple(equal[:20]), tuple(near[:20]))


def difference_hashes(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hash images by the signs of the differences between neighbors in rows of 9 gray levels, 8 rows.

    Args:
        images: uint8 (N, H, W, C).

    Returns:
        uint64 (N,) hashes, and float32 (N,) standard deviations of the gray levels.
    """
    gray = images[..., :3].mean(axis=3, dtype=np.float32)
    small = _block_means(_block_means(gray, 8, axis=1), 9, axis=2)
    bits = (small[:, :, 1:] > small[:, :, :-1] + 0.5).reshape(len(images), 64)
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0], gray.std(axis=(1, 2))


def _block_means(values: np.ndarray, count: int, axis: int) -> np.ndarray:
    """Average an axis over `count` blocks of nearly equal length."""
    edges = np.arange(count) * values.shape[axis] // count
    lengths = np.maximum(np.diff([*edges, values.shape[axis]]), 1)
    shape = [1, 1, 1]
    shape[axis] = count
    return np.add.reduceat(values, edges, axis=axis) / lengths.reshape(shape)


def _near_pairs(images: np.ndarray, hashes: np.ndarray, candidates: np.ndarray) -> list[tuple[int, int]]:
    """Return pairs of candidates that are nearly equal, each once, ascending."""
    found: set[tuple[int, int]] = set()
    quarters = hashes[candidates].view(np.uint16).reshape(len(candidates), 4)
    for quarter in quarters.T:
        order = candidates[np.argsort(quarter, kind="stable")]
        for offset in range(1, min(_NEIGHBORS + 1, len(order))):
            one, other = order[:-offset], order[offset:]
            alike = np.bitwise_count(hashes[one] ^ hashes[other]) <= NEAR_BITS
            pairs = zip(one[alike].tolist(), other[alike].tolist(), strict=True)
            found.update((min(pair), max(pair)) for pair in pairs)
            if len(found) > _MAX_PAIRS:
                break
    return [pair for pair in sorted(found) if _difference(images, *pair) <= NEAR_DIFFERENCE]


def _difference(images: np.ndarray, one: int, other: int) -> float:
    return float(np.sqrt(np.mean((images[one].astype(np.float32) - images[other]) ** 2)))


def find_equal_files(files: ImageFiles) -> tuple[list[tuple[str, str]], int]:
    """Find files of the same bytes among all that have a size in common; up to half a gigabyte of them is read.

    Args:
        files: the listing.

    Returns:
        Pairs of names, the first file and one that is equal to it; and the number of files that were not compared, as
        it would have taken too long.
    """
    by_size: dict[int, list[ImageFile]] = defaultdict(list)
    for entry in files.entries:
        by_size[entry.size].append(entry)
    groups = sorted((group for group in by_size.values() if len(group) > 1), key=lambda group: group[0].size)
    pairs: list[tuple[str, str]] = []
    left, give_up = _MAX_BYTES, time.monotonic() + _MAX_SECONDS
    for index, group in enumerate(groups):
        left -= group[0].size * len(group)
        if left < 0 or time.monotonic() > give_up:
            return pairs, sum(map(len, groups[index:]))
        pairs += _equal_in_group(files, group)
    return pairs, 0


def _equal_in_group(files: ImageFiles, group: Sequence[ImageFile]) -> list[tuple[str, str]]:
    """Return the pairs of equal files of one size."""
    first_of: dict[bytes, str] = {}
    pairs = []
    for entry in group:
        try:
            content = files.read(entry)
        except Exception:  # of a decompressor or the system; decoding reports the file
            continue
        if not isinstance(content, bytes):
            content = content.tobytes()
        before = first_of.setdefault(hashlib.blake2b(content, digest_size=16).digest(), entry.name)
        if before != entry.name:
            pairs.append((before, entry.name))
    return pairs
