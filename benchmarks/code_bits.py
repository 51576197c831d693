"""Count the bits of codes of images, and encode images as PCA coefficients and as JPEG for comparison.

Bits that are the same for every image belong to the decoder and are not counted: filters, weights, the mean, the basis
and the ranges of values, and the header of a JPEG with its standard tables.
"""

import io
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.special import gammaln


class Bits(NamedTuple):
    """Mean number of bits of an image's code."""

    values: float = 0.0
    """Numbers of fixed length, those of active coefficients alone in a sparse code; class labels; data of a JPEG."""
    positions: float = 0.0
    """Which coefficients are active."""
    switches: float = 0.0
    """Positions of the maxima in the pooling windows that the decoder writes to."""

    @property
    def total(self) -> float:
        """All bits."""
        return sum(self)


class Quantizer(NamedTuple):
    """Rounds numbers to one of 2^bits equally spaced levels.

    Args:
        low: smallest level, or one per column.
        high: largest level, or one per column.
        bits: bits of a number, 1 to 32.
    """

    low: np.ndarray | float
    high: np.ndarray | float
    bits: int

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return the nearest levels, float32 of the shape of `values`."""
        low, high = np.asarray(self.low, np.float64), np.asarray(self.high, np.float64)
        step = (high - low) / (2**self.bits - 1)
        levels = np.rint((np.clip(values, low, high) - low) / np.where(step, step, 1.0))
        return (low + levels * step).astype(np.float32)

    def sparse(self, codes: np.ndarray) -> np.ndarray:
        """Return the nearest levels of the coefficients that are not 0; the others stay 0."""
        return np.where(codes != 0, self(codes), np.float32(0))


def quantizer_of(values: np.ndarray, bits: int, per_column: bool = False) -> Quantizer:
    """Return a quantizer of the range of some values.

    Args:
        values: (N, …), of training images.
        bits: as for `Quantizer`.
        per_column: whether each column of `values`, (N, D), has a range of its own.
    """
    axis = 0 if per_column else None
    return Quantizer(values.min(axis=axis), values.max(axis=axis), bits)


def position_bits(codes: np.ndarray) -> float:
    """Return the mean number of bits that state which coefficients of a code are active.

    An enumerative code: the number k of active coefficients, log2(n + 1) bits, and which of the (n choose k) sets of as
    many it is. No code of fixed length per image is shorter without knowledge of which sets are likelier.

    Args:
        codes: (N, …) with n coefficients each.
    """
    flat = codes.reshape(len(codes), -1)
    size, active = flat.shape[1], np.count_nonzero(flat, axis=1)
    sets = (gammaln(size + 1) - gammaln(active + 1) - gammaln(size - active + 1)) / math.log(2)
    return float(np.mean(sets) + math.log2(size + 1))


def switch_bits(unpooled: Sequence[np.ndarray], windows: Sequence[int]) -> float:
    """Return the mean number of bits of the switches, log2 of the window's pixels each.

    Only the switches of values that are not 0 count: the decoder knows which these are before it reads the switch.

    Args:
        unpooled: per layer, the values that the decoder writes to the switches, (N, h, w, K).
        windows: per layer, pixels of a pooling window.
    """
    counted = zip(unpooled, windows, strict=True)
    return sum(np.count_nonzero(values) / len(values) * math.log2(pixels) for values, pixels in counted)


def choice_entropy(choices: np.ndarray, size: int) -> float:
    """Return the empirical entropy in bits of integers below `size`: what a code without context could save."""
    frequencies = np.bincount(choices.ravel(), minlength=size) / choices.size
    used = frequencies[frequencies > 0]
    return float(-np.sum(used * np.log2(used)))


def pca_coder(training: np.ndarray, value_bits: int) -> Callable[[np.ndarray, float], tuple[np.ndarray, Bits]]:
    """Return an encoder by principal components of the training images.

    Args:
        training: float32 (N, H, W, C).
        value_bits: bits of a coefficient, of a range of its own.

    Returns:
        A function from images and a budget of bits to the images decoded from as many coefficients as come nearest to
        the budget, and their bits.
    """
    flat = training.reshape(len(training), -1).astype(np.float64)
    mean = flat.mean(axis=0)
    basis = np.linalg.svd(np.cov(flat, rowvar=False))[2]

    def encode(images: np.ndarray, budget: float) -> tuple[np.ndarray, Bits]:
        count = min(len(basis), max(1, round(budget / value_bits)))
        quantize = quantizer_of((flat - mean) @ basis[:count].T, value_bits, per_column=True)
        coefficients = (images.reshape(len(images), -1) - mean) @ basis[:count].T
        decoded = mean + quantize(coefficients) @ basis[:count]
        return decoded.reshape(images.shape).astype(np.float32), Bits(count * value_bits)

    return encode


class Jpeg(NamedTuple):
    """Images as JPEG files of one quality."""

    quality: int
    images: np.ndarray
    """The decoded images, uint8 (N, H, W, C)."""
    bits: Bits
    """Of the data behind the header, up to the end marker."""
    header: float
    """Mean number of bytes of the rest of a file."""


def nearest_jpeg(images: np.ndarray, budget: float) -> Jpeg:
    """Encode images with the JPEG quality whose mean number of bits comes nearest to a budget.

    The Huffman tables are the standard's, not optimized for each image, so that the header is the same for all images.

    Args:
        images: uint8 (N, H, W, C), C being 1 or 3.
        budget: bits of an image.
    """
    return min((jpeg(images, quality) for quality in range(1, 101)), key=lambda each: abs(each.bits.total - budget))


def jpeg(images: np.ndarray, quality: int) -> Jpeg:
    """Encode images as JPEG with Pillow, and decode them.

    Args:
        images: as for `nearest_jpeg`.
        quality: 1 to 100.
    """
    decoded, payloads, headers = [], [], []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(file, "JPEG", quality=quality)
        payload = payload_bytes(file.getvalue())
        payloads.append(payload)
        headers.append(len(file.getvalue()) - payload)
        decoded.append(np.asarray(Image.open(file)).reshape(image.shape))
    return Jpeg(quality, np.stack(decoded), Bits(8 * float(np.mean(payloads))), float(np.mean(headers)))


def payload_bytes(file: bytes) -> int:
    """Return the number of bytes between the header of a baseline JPEG's only scan and the end marker.

    Args:
        file: a JPEG file as Pillow writes it (ITU T.81, annex B): segments of a marker and a length, the last of them
            the start of scan, FF DA.
    """
    position = 2  # behind the start-of-image marker
    while file[position : position + 2] != b"\xff\xda":
        position += 2 + int.from_bytes(file[position + 2 : position + 4], "big")
    start = position + 2 + int.from_bytes(file[position + 2 : position + 4], "big")
    return len(file) - start - 2
