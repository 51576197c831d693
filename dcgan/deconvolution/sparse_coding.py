"""Convolutional sparse coding by a deconvolutional network of one layer, whose output is a transposed convolution.

Zeiler, Krishnan, Taylor and Fergus 2010 ("Deconvolutional Networks", the cost of one layer with p = 1): given images y,
find filters f_k and codes z_k, one map per filter, that minimize

    C(z, f) = λ/2 · ‖Σ_k z_k * f_k − y‖² + Σ_k |z_k|

The sum is `tf.nn.conv2d_transpose`, the layer of a DCGAN's generator. With the filters fixed the problem is convex, and
is solved here by FISTA (Beck and Teboulle 2009, section 4) in place of the paper's continuation method; with the codes
fixed, projected gradient steps move the filters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed
from dcgan.deconvolution.arithmetic import output_length, pair


@dataclass(frozen=True, eq=False, init=False)
class SparseCoding:
    """Filters for images of one size, and the sparse codes that they give.

    A code has one value per filter at every stride-th pixel; an atom is a filter at one such position, clipped at the
    image's border ("same" padding).

    Args:
        filters: float32 (kh, kw, C, K); by convention each of the K filters has norm 1.
        weight: λ, positive: the larger, the better the reconstruction and the denser the code.
        size: (H, W) of the images.
        stride: pixels between neighboring codes, one number or (vertical, horizontal).

    Raises:
        UserError: `filters` does not have four axes, or a number is not positive.
    """

    filters: np.ndarray
    weight: float
    size: tuple[int, int]
    stride: tuple[int, int]

    def __init__(self, filters: np.ndarray, weight: float, size: Sequence[int], stride: int | Sequence[int] = 1):
        if np.ndim(filters) != 4 or not np.size(filters):
            raise UserError(f"The filters have the shape {np.shape(filters)}.", "Use (kh, kw, channels, filters).")
        if not weight > 0:
            raise UserError(f"The weight of the reconstruction is {weight}.", "Use a positive number.")
        values = {"size": pair(size, "The image size"), "stride": pair(stride, "The stride")}
        for name, value in {"filters": filters, "weight": weight, **values}.items():
            object.__setattr__(self, name, value)

    def decode(self, codes: Any) -> tf.Tensor:
        """Compute Σ_k z_k * f_k.

        Args:
            codes: (N, h, w, K), h = ⌈H / stride⌉.

        Returns:
            Images (N, H, W, C).
        """
        return _decode(codes, self.filters, self.size, self.stride)

    def correlate(self, images: Any) -> tf.Tensor:
        """Compute the correlation of every atom with the images, the adjoint of `decode`.

        Args:
            images: (N, H, W, C).

        Returns:
            Correlations (N, h, w, K).
        """
        return tf.nn.conv2d(images, self.filters, self.stride, "SAME")

    def objective(self, images: Any, codes: Any) -> float:
        """Compute C(z, f).

        Args:
            images: (N, H, W, C).
            codes: (N, h, w, K).

        Returns:
            The sum over the images.
        """
        error = tf.reduce_sum(tf.square(self.decode(codes) - images))
        return float(self.weight / 2 * error + tf.reduce_sum(tf.abs(codes)))

    def encode(self, images: Any, steps: int = 200, start: Any = None, accelerated: bool = True) -> tf.Tensor:
        """Minimize C over the codes.

        At the minimum, an atom's correlation with the residual is ±1/λ where its code is not 0, and no larger anywhere;
        if no correlation with the image itself exceeds 1/λ, the code is 0.

        Args:
            images: float32 (N, H, W, C), with 0 as background.
            steps: number of iterations; the excess of FISTA over the minimum falls with their square.
            start: initial codes; by default 0.
            accelerated: whether to use FISTA; otherwise ISTA, which is slower but never increases C.

        Returns:
            Codes (N, h, w, K), most of them exactly 0.

        Raises:
            UserError: the images have another shape, or `steps` is negative.
        """
        images = tf.convert_to_tensor(images, tf.float32)
        if images.shape[1:] != (*self.size, self.filters.shape[2]) or steps < 0:
            raise UserError(
                f"Can't encode images {tuple(images.shape)} in {steps} steps.",
                f"Use images {(*self.size, self.filters.shape[2])} and at least 0 steps.",
            )
        start = tf.zeros(self.code_shape(len(images))) if start is None else tf.convert_to_tensor(start, tf.float32)
        return _minimize(self, images, start, steps, accelerated)

    def code_shape(self, count: int) -> tuple[int, int, int, int]:
        """Return the shape of the codes of a number of images.

        Args:
            count: number of images.

        Returns:
            (count, h, w, K).
        """
        height, width = (output_length(*axis, "same") for axis in zip(self.size, (1, 1), self.stride, strict=True))
        return count, height, width, self.filters.shape[3]

    def norm_bound(self) -> float:
        """Return an upper bound of the squared norm of `decode`, tight for images much larger than a filter.

        A convolution is part of a sufficiently large circular one, which is diagonal in frequency up to a small matrix
        per frequency. With a stride, each of the stride² phases of a filter is a filter of its own.
        """
        rows, columns = self.stride
        height, width, channels, count = self.filters.shape
        padded = np.pad(self.filters, ((0, -height % rows), (0, -width % columns), (0, 0), (0, 0)))
        phases = padded.reshape(len(padded) // rows, rows, -1, columns, channels, count).transpose(0, 2, 1, 3, 4, 5)
        kernel = phases.reshape(*phases.shape[:2], rows * columns * channels, count)
        grid = [h + k - 1 for h, k in zip(self.code_shape(1)[1:3], kernel.shape[:2], strict=True)]
        return _squared_norm(kernel, grid)


def learn_sparse_coding(
    images: Any,
    filters: int,
    kernel: int | Sequence[int],
    weight: float,
    stride: int | Sequence[int] = 1,
    rounds: int = 40,
    steps: int = 20,
    seed: int = 0,
) -> tuple[SparseCoding, tf.Tensor]:
    """Learn filters from images by alternating between the codes for the filters and the filters for the codes.

    Args:
        images: float32 (N, H, W, C), with 0 as background; a few dozen patches are enough.
        filters: number of filters, K.
        kernel: size of the filters, one number or (vertical, horizontal).
        weight: λ, as for `SparseCoding`. A small one finds filters in fewer rounds, since it leaves the codes little
            room to explain an image with wrong filters; encode with a larger one later (`dataclasses.replace`).
        stride: as for `SparseCoding`.
        rounds: number of alternations.
        steps: iterations of FISTA per round, starting from the codes of the previous one.
        seed: seed of the normal noise that the filters are initialized with.

    Returns:
        The coding, with filters of norm 1 at most, and the codes of the images.

    Raises:
        UserError: a number is not positive, or `images` does not have four axes.
    """
    images = tf.convert_to_tensor(images, tf.float32)
    if images.shape.rank != 4 or filters < 1:
        raise UserError(
            f"Can't learn {filters} filters from images {tuple(images.shape)}.", "Use (N, H, W, C) and at least 1."
        )
    random = np.random.default_rng(derived_seed(seed, "sparse coding/filters"))
    noise = random.standard_normal((*pair(kernel, "The kernel"), images.shape[3], filters))
    coding = SparseCoding(_project(noise, minimum=1), weight, tuple(images.shape[1:3]), stride)
    codes = coding.encode(images, steps)
    for _ in range(rounds):
        coding = update_filters(coding, images, codes)
        codes = coding.encode(images, steps, codes)
    return coding, codes


def update_filters(coding: SparseCoding, images: Any, codes: Any, steps: int = 5) -> SparseCoding:
    """Move the filters so that C decreases, or stays, at the given codes.

    Each step follows the gradient by a safe step size and projects onto the balls ‖f_k‖ ≤ 1: without a bound, filters
    would grow so that codes could shrink.

    Args:
        coding: the filters to start from.
        images: float32 (N, H, W, C).
        codes: (N, h, w, K).
        steps: number of gradient steps.

    Returns:
        A coding with the new filters.
    """
    height, width, _, _ = coding.filters.shape
    rows, columns = coding.stride
    grid = codes.shape[1] + -(-height // rows) - 1, codes.shape[2] + -(-width // columns) - 1
    bound = _squared_norm(np.moveaxis(np.asarray(codes), 0, 2), grid)
    for _ in range(steps if bound > 0 else 0):
        with tf.GradientTape() as tape:
            filters = tf.constant(coding.filters)
            tape.watch(filters)
            error = tf.reduce_sum(tf.square(_decode(codes, filters, coding.size, coding.stride) - images)) / 2
        gradient: Any = tape.gradient(error, filters)
        coding = replace(coding, filters=_project(coding.filters - gradient.numpy() / bound))
    return coding


def _decode(codes: Any, filters: Any, size: tuple[int, int], strides: tuple[int, int]) -> tf.Tensor:
    """The transposed convolution of codes with filters, to images (height, width)."""
    shape = tf.stack([tf.shape(codes)[0], *size, filters.shape[2]])
    return tf.nn.conv2d_transpose(codes, filters, shape, strides, "SAME")


def _minimize(coding: SparseCoding, images: tf.Tensor, codes: tf.Tensor, steps: int, accelerated: bool) -> tf.Tensor:
    """Beck and Teboulle 2009, equations 4.1 to 4.3; without acceleration, ISTA of equation 3.1."""
    bound = coding.norm_bound()
    if bound == 0:
        return codes
    step_size, threshold = (tf.constant(value, tf.float32) for value in (1 / bound, 1 / (coding.weight * bound)))
    filters = tf.constant(coding.filters)
    return _iterate(images, codes, filters, step_size, threshold, tf.constant(steps), coding.stride, accelerated)


@tf.function
def _iterate(images, codes, filters, step_size, threshold, steps, strides, accelerated):
    """The loop of `_minimize` as one graph."""
    extrapolated, time = codes, tf.ones(())
    for _ in tf.range(steps):
        error = tf.nn.conv2d_transpose(extrapolated, filters, tf.shape(images), strides, "SAME") - images
        moved = extrapolated - tf.nn.conv2d(error, filters, strides, "SAME") * step_size
        shrunk = tf.sign(moved) * tf.maximum(tf.abs(moved) - threshold, 0)
        next_time = (1 + tf.sqrt(1 + 4 * time**2)) / 2 if accelerated else time
        extrapolated = shrunk + (time - 1) / next_time * (shrunk - codes)
        codes, time = shrunk, next_time
    return codes


def _project(filters: np.ndarray, minimum: float = 0) -> np.ndarray:
    """Project every filter, (kh, kw, C, K), to the nearest one with a norm between `minimum` and 1."""
    norms = np.sqrt(np.sum(np.square(filters), axis=(0, 1, 2)))
    return (filters * np.clip(norms, minimum, 1) / np.maximum(norms, np.finfo(np.float32).tiny)).astype(np.float32)


def _squared_norm(kernel: np.ndarray, grid: Sequence[int]) -> float:
    """The squared norm of a circular convolution on a grid, whose kernel (h, w, rows, columns) consists of matrices."""
    spectrum = np.fft.rfft2(kernel, grid, axes=(0, 1))
    return float(np.linalg.norm(spectrum, 2, axis=(2, 3)).max() ** 2)
