"""Deconvolutional networks, one layer: an image as the transposed convolution of a sparse code.

Zeiler, Krishnan, Taylor and Fergus 2010 ("Deconvolutional Networks", the cost of one layer with p = 1): given images y,
find filters f_k and codes z_k, one map a filter, that make

    C(z, f) = λ/2 · ‖Σ_k z_k * f_k − y‖² + Σ_k |z_k|

small. The sum is `tf.nn.conv2d_transpose`, what a DCGAN's generator is made of. With the filters fixed the problem is
convex, and is solved here by FISTA (Beck and Teboulle 2009, section 4) instead of the paper's continuation method; with
the codes fixed, projected gradient steps move the filters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.core.rng import derived_seed
from dcgan.deconvolution.arithmetic import outputs, pair


@dataclass(frozen=True, eq=False)
class SparseCoding:
    """Filters, and what they say about images of one size.

    Codes lie on a grid of every stride-th pixel; an atom is a filter at one place of it, cut off at the image's border
    ("same" padding).

    Args:
        filters: float32 (kh, kw, C, K); the convention is that each of the K has norm 1.
        weight: λ, positive: the larger, the better the reconstruction and the denser the code.
        size: (H, W) of the images.
        stride: pixels between neighbouring codes, one number or (vertical, horizontal).

    Raises:
        UserError: `filters` has not four axes, or a number is not positive.
    """

    filters: np.ndarray
    weight: float
    size: tuple[int, int]
    stride: int | Sequence[int] = 1

    def __post_init__(self):
        object.__setattr__(self, "size", pair(self.size, "The image size"))
        object.__setattr__(self, "stride", pair(self.stride, "The stride"))
        if np.ndim(self.filters) != 4 or not np.size(self.filters):
            raise UserError(
                f"The filters have the shape {np.shape(self.filters)}.", "It is (kh, kw, channels, filters)."
            )
        if not self.weight > 0:
            raise UserError(f"The weight of the reconstruction is {self.weight}.", "It is a positive number.")

    def decode(self, codes: tf.Tensor) -> tf.Tensor:
        """Σ_k z_k * f_k: from codes (N, h, w, K), h = ⌈H / stride⌉, to images (N, H, W, C)."""
        return _decode(codes, self.filters, self.size, self.stride)

    def correlate(self, images: tf.Tensor) -> tf.Tensor:
        """The adjoint of `decode`: how well every atom matches images (N, H, W, C), as (N, h, w, K)."""
        return tf.nn.conv2d(images, self.filters, self.stride, "SAME")

    def objective(self, images: tf.Tensor, codes: tf.Tensor) -> float:
        """C(z, f), summed over the images."""
        error = tf.reduce_sum(tf.square(self.decode(codes) - images))
        return float(self.weight / 2 * error + tf.reduce_sum(tf.abs(codes)))

    def encode(
        self, images: tf.Tensor, steps: int = 200, start: tf.Tensor | None = None, accelerated: bool = True
    ) -> tf.Tensor:
        """Minimise C over the codes.

        At the minimum, an atom's correlation with what is left of the image is ±1/λ where its code is not 0, and no
        larger anywhere; if no correlation with the image itself is larger, the code is 0.

        Args:
            images: float32 (N, H, W, C), around 0 where there is nothing to see.
            steps: of the iteration; FISTA's excess over the minimum falls with their square.
            start: codes to begin with; by default 0.
            accelerated: FISTA; otherwise ISTA, slower, but no step of it ever raises C.

        Returns:
            Codes (N, h, w, K), most of them exactly 0.

        Raises:
            UserError: the images have another shape, or `steps` is negative.
        """
        images = tf.convert_to_tensor(images, tf.float32)
        if images.shape[1:] != (*self.size, self.filters.shape[2]) or steps < 0:
            raise UserError(
                f"Images {tuple(images.shape)} can't be encoded in {steps} steps by filters for {self.size}."
            )
        start = tf.zeros(self.code_shape(len(images))) if start is None else tf.convert_to_tensor(start, tf.float32)
        return _minimise(self, images, start, steps, accelerated)

    def code_shape(self, count: int) -> tuple[int, int, int, int]:
        """Shape of the codes of `count` images."""
        grid = [outputs(side, 1, step, "same") for side, step in zip(self.size, self.stride, strict=True)]
        return (count, *grid, self.filters.shape[3])

    def norm_bound(self) -> float:
        """An upper bound, close for images much larger than a filter, of `decode`'s squared norm.

        A convolution is part of a circular one that is large enough, and that one is diagonal, a small matrix a
        frequency. With a stride, each of the stride² phases of a filter is a filter of its own.
        """
        rows, columns = self.stride
        tall, wide, channels, count = self.filters.shape
        padded = np.pad(self.filters, ((0, -tall % rows), (0, -wide % columns), (0, 0), (0, 0)))
        phases = padded.reshape(len(padded) // rows, rows, -1, columns, channels, count).transpose(0, 2, 1, 3, 4, 5)
        kernel = phases.reshape(*phases.shape[:2], rows * columns * channels, count)
        grid = [h + k - 1 for h, k in zip(self.code_shape(1)[1:3], kernel.shape[:2], strict=True)]
        return _largest_square(kernel, grid)


def learn_sparse_coding(
    images: np.ndarray,
    filters: int,
    kernel: int | Sequence[int],
    weight: float,
    stride: int | Sequence[int] = 1,
    rounds: int = 40,
    steps: int = 20,
    seed: int = 0,
) -> tuple[SparseCoding, tf.Tensor]:
    """Learn filters from images: by turns, better codes for the filters and better filters for the codes.

    Args:
        images: float32 (N, H, W, C), around 0 where there is nothing to see; a few dozen patches are enough.
        filters: how many, K.
        kernel: side of the filters, one number or (vertical, horizontal).
        weight: λ, as for `SparseCoding`. Filters are found in fewer rounds with a small one, which leaves codes no room
            to explain an image by wrong filters; encode with a larger one later (`dataclasses.replace`).
        stride: as for `SparseCoding`.
        rounds: turns.
        steps: of FISTA in each turn, going on from the codes of the last.
        seed: the filters begin as normal noise that follows from it.

    Returns:
        The coding, its filters of norm 1 at most, and the images' codes.

    Raises:
        UserError: a number is not positive, or `images` has not four axes.
    """
    images = tf.convert_to_tensor(images, tf.float32)
    if images.shape.rank != 4 or filters < 1:
        raise UserError(f"{filters} filters can't be learned from images {tuple(images.shape)}.")
    random = np.random.default_rng(derived_seed(seed, "sparse coding/filters"))
    noise = random.standard_normal((*pair(kernel, "The kernel"), images.shape[3], filters))
    coding = SparseCoding(_projected(noise, least=1), weight, tuple(images.shape[1:3]), stride)
    codes = coding.encode(images, steps)
    for _ in range(rounds):
        coding = update_filters(coding, images, codes)
        codes = coding.encode(images, steps, codes)
    return coding, codes


def update_filters(coding: SparseCoding, images: tf.Tensor, codes: tf.Tensor, steps: int = 5) -> SparseCoding:
    """Move the filters so that C falls, or stays, at these codes.

    Each step goes down the gradient, as far as is safe, and back into the balls ‖f_k‖ ≤ 1: without a bound, filters
    would grow so that codes could shrink.

    Args:
        coding: the filters to begin with.
        images: float32 (N, H, W, C).
        codes: (N, h, w, K).
        steps: how many.

    Returns:
        A coding with other filters.
    """
    tall, wide, _, _ = coding.filters.shape
    rows, columns = coding.stride
    grid = codes.shape[1] + -(-tall // rows) - 1, codes.shape[2] + -(-wide // columns) - 1
    bound = _largest_square(np.moveaxis(np.asarray(codes), 0, 2), grid)
    for _ in range(steps if bound > 0 else 0):
        with tf.GradientTape() as tape:
            filters = tf.constant(coding.filters)
            tape.watch(filters)
            error = tf.reduce_sum(tf.square(_decode(codes, filters, coding.size, (rows, columns)) - images)) / 2
        coding = replace(coding, filters=_projected(coding.filters - tape.gradient(error, filters).numpy() / bound))
    return coding


def _decode(codes: tf.Tensor, filters, size: tuple[int, int], strides: tuple[int, int]) -> tf.Tensor:
    shape = tf.stack([tf.shape(codes)[0], *size, filters.shape[2]])
    return tf.nn.conv2d_transpose(codes, filters, shape, strides, "SAME")


def _minimise(coding: SparseCoding, images: tf.Tensor, codes: tf.Tensor, steps: int, accelerated: bool) -> tf.Tensor:
    """Beck and Teboulle 2009, equations 4.1 to 4.3; without acceleration, equation 3.1's ISTA."""
    bound = coding.norm_bound()
    if bound == 0:
        return codes
    safe_step, threshold = (tf.constant(value, tf.float32) for value in (1 / bound, 1 / (coding.weight * bound)))
    filters = tf.constant(coding.filters)
    return _iterate(images, codes, filters, safe_step, threshold, tf.constant(steps), coding.stride, accelerated)


@tf.function
def _iterate(images, codes, filters, safe_step, threshold, steps, strides, accelerated):
    """The loop of `_minimise`, in one graph."""
    ahead, time = codes, tf.ones(())
    for _ in tf.range(steps):
        error = tf.nn.conv2d_transpose(ahead, filters, tf.shape(images), strides, "SAME") - images
        moved = ahead - tf.nn.conv2d(error, filters, strides, "SAME") * safe_step
        shrunk = tf.sign(moved) * tf.maximum(tf.abs(moved) - threshold, 0)
        later = (1 + tf.sqrt(1 + 4 * time**2)) / 2 if accelerated else time
        ahead, codes, time = shrunk + (time - 1) / later * (shrunk - codes), shrunk, later
    return codes


def _projected(filters: np.ndarray, least: float = 0) -> np.ndarray:
    """Every filter, (kh, kw, C, K), at the nearest point with a norm between `least` and 1."""
    norms = np.sqrt(np.sum(np.square(filters), axis=(0, 1, 2)))
    return (filters * np.clip(norms, least, 1) / np.maximum(norms, np.finfo(np.float32).tiny)).astype(np.float32)


def _largest_square(kernel: np.ndarray, grid: Sequence[int]) -> float:
    """The squared norm of a circular convolution on a grid, its kernel (h, w, rows, columns) of matrices."""
    spectrum = np.fft.rfft2(kernel, grid, axes=(0, 1))
    return float(np.linalg.norm(spectrum, 2, axis=(2, 3)).max() ** 2)
