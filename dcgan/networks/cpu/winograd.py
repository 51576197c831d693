"""Stride-2 convolutions with fewer multiplications: Winograd's minimal filtering.

A 4×4 convolution of stride 2 with 'same' padding is, once the image is cut into cells of 2×2 pixels, a 2×2 convolution
of stride 1 over those cells. For that, F(4×4, 2×2) makes 16 outputs from 25 products where the sum over the kernel
takes 64 (Winograd 1980, Arithmetic Complexity of Computations; Lavin and Gray 2016, section 4). In words:

    analyse   each patch of 5×5 cells becomes 25 numbers a channel, sums of its cells
    multiply  each of the 25 meets its own matrix, a sum of the kernel's taps
    collect   the 25 products become the patch's 4×4 outputs, sums again

Every part is linear, so the gradients are the adjoints of the same parts, and the transposed convolution is one of
them. The sums are compiled by XLA, each output a loop of its own; the products are oneDNN's. Both directions share
what they have in common: the backward pass analyses nothing that the forward pass has analysed.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import tensorflow as tf

from dcgan.core.sizes import Size
from dcgan.networks.cpu.xla import first_order_only, stop_gradients, xla_compiled

TILE = 4
"""Outputs a side that one patch of cells makes."""

TERMS = TILE + 1
"""Products a side: F(m, 2) takes m + 1."""

POINTS = (0.0, 1.0, -1.0, 0.5)
"""Where the polynomials behind it are evaluated, infinity beside them; small, so that rounding stays small."""

Tensors = list[tf.Tensor]


@tf.custom_gradient
def convolution(images: tf.Tensor, kernel: tf.Tensor):
    """`tf.nn.conv2d(images, kernel, 2, "SAME")`, to rounding (about 1e-5 of the largest output).

    Args:
        images: float32 (N, H, W, C), H and W even, all sizes known.
        kernel: float32 (4, 4, C, O).

    Returns:
        float32 (N, H/2, W/2, O).
    """
    images, kernel = stop_gradients(images, kernel)
    size = tuple(images.shape[1:3])
    data, taps = input_transform(images), kernel_transform(kernel)

    def gradient(upstream: tf.Tensor):
        spread = output_transform_adjoint(upstream)
        of_kernel = kernel_transform_adjoint(_products(data, spread, transpose_a=True))
        return input_transform_adjoint(_products(spread, taps, transpose_b=True), size), of_kernel

    return output_transform(_products(data, taps), tuple(side // 2 for side in size)), first_order_only(gradient)


@tf.custom_gradient
def convolution_transpose(images: tf.Tensor, kernel: tf.Tensor):
    """`tf.nn.conv2d_transpose(images, kernel, …, 2, "SAME")` to twice the size, to rounding.

    Args:
        images: float32 (N, H, W, C), all sizes known.
        kernel: float32 (4, 4, O, C).

    Returns:
        float32 (N, 2H, 2W, O).
    """
    images, kernel = stop_gradients(images, kernel)
    size = tuple(images.shape[1:3])
    spread, taps = output_transform_adjoint(images), kernel_transform(kernel)

    def gradient(upstream: tf.Tensor):
        data = input_transform(upstream)
        return output_transform(_products(data, taps), size), kernel_transform_adjoint(
            _products(data, spread, transpose_a=True)
        )

    return input_transform_adjoint(
        _products(spread, taps, transpose_b=True), tuple(2 * side for side in size)
    ), first_order_only(gradient)


def input_transform(images: tf.Tensor) -> Tensors:
    """Images (N, H, W, C) → 25 × (N·patches, 4C): the data side of the products."""
    return _analyse_cells(_cells(images))


@xla_compiled
def _cells(images: tf.Tensor) -> tf.Tensor:
    """Pad by one pixel and cut into cells of 2×2: (N, H, W, C) → (N, 4p+1, 4q+1, 4C), p×q patches an image."""
    _, height, width, _ = images.shape
    down, across = (2 * (TILE * _patches(side // 2) + 1) - 1 - side for side in (height, width))
    return tf.nn.space_to_depth(tf.pad(images, [[0, 0], [1, down], [1, across], [0, 0]]), 2)


@xla_compiled
def _analyse_cells(cells: tf.Tensor) -> Tensors:
    """Cells → 25 × (N·patches, 4C)."""
    matrix = _matrices()["data"]
    down, across = ((side - 1) // TILE for side in cells.shape[1:3])
    rows = [cells[:, i : i + TILE * (down - 1) + 1 : TILE] for i in range(TERMS)]
    rows = [_combine(weights, rows) for weights in matrix]
    columns = [[row[:, :, j : j + TILE * (across - 1) + 1 : TILE] for j in range(TERMS)] for row in rows]
    return [_flat(_combine(weights, column)) for column in columns for weights in matrix]


def input_transform_adjoint(products: Tensors, size: Size) -> tf.Tensor:
    """The adjoint of `input_transform`: 25 × (N·patches, 4C) → (N, *size, C)."""
    return _from_cells(_patches_from(products), size)


@xla_compiled
def _patches_from(products: Tensors) -> Tensors:
    """The adjoint of the sums alone: 25 × (N·patches, 4C) → 25 × (N·patches, 4C), cell by cell of a patch."""
    matrix = _matrices()["data"].T
    square = [products[i : i + TERMS] for i in range(0, TERMS**2, TERMS)]
    rows = [[_combine(weights, column) for column in zip(*square, strict=True)] for weights in matrix]
    return [_combine(weights, row) for row in rows for weights in matrix]


@xla_compiled
def _from_cells(patches: Tensors, size: Size) -> tf.Tensor:
    """Patches, which overlap by one cell, → the image they are of."""
    height, width = size
    down, across = _patches(height // 2), _patches(width // 2)
    grid = [tf.reshape(patch, (-1, down, across, patch.shape[-1])) for patch in patches]
    square = [grid[i : i + TERMS] for i in range(0, TERMS**2, TERMS)]
    rows = [_lap(row, axis=2) for row in square]
    cells = _lap(rows, axis=1)[:, : height // 2 + 1, : width // 2 + 1]
    return tf.nn.depth_to_space(cells, 2)[:, 1:-1, 1:-1]


def _lap(parts: Tensors, axis: int) -> tf.Tensor:
    """Lay patches side by side along an axis, the last cell of each on the first of the next."""
    before, after = ([[1, 0] if a == axis else [0, 0] for a in range(4)] for _ in range(2))
    after[axis] = [0, 1]
    parts = [tf.pad(part, after) for part in parts[:TILE]] + [tf.pad(parts[TILE], before)]
    parts = [parts[0] + parts[TILE], *parts[1:TILE]]
    shape = parts[0].shape.as_list()
    laid = tf.stack(parts, axis=axis + 1)
    shape = [-1 if side is None else side for side in shape]
    shape[axis] *= TILE
    return tf.reshape(laid, shape)


@xla_compiled
def output_transform(products: Tensors, size: Size) -> tf.Tensor:
    """25 × (N·patches, O) → (N, *size, O): the outputs."""
    height, width = size
    down, across = _patches(height), _patches(width)
    matrix = _matrices()["output"].T
    grid = [tf.reshape(product, (-1, down, across, product.shape[-1])) for product in products]
    square = [grid[i : i + TERMS] for i in range(0, TERMS**2, TERMS)]
    rows = [[_combine(weights, column) for column in zip(*square, strict=True)] for weights in matrix]
    outputs = tf.stack([tf.stack([_combine(w, row) for w in matrix], axis=3) for row in rows], axis=2)
    return tf.reshape(outputs, (-1, TILE * down, TILE * across, grid[0].shape[-1]))[:, :height, :width]


@xla_compiled
def output_transform_adjoint(images: tf.Tensor) -> Tensors:
    """The adjoint of `output_transform`: (N, H, W, O) → 25 × (N·patches, O)."""
    matrix = _matrices()["output"]
    _, height, width, _ = images.shape
    down, across = _patches(height), _patches(width)
    images = tf.pad(images, [[0, 0], [0, TILE * down - height], [0, TILE * across - width], [0, 0]])
    rows = [images[:, i::TILE] for i in range(TILE)]
    rows = [_combine(weights, rows) for weights in matrix]
    columns = [[row[:, :, j::TILE] for j in range(TILE)] for row in rows]
    return [_flat(_combine(weights, column)) for column in columns for weights in matrix]


@xla_compiled
def kernel_transform(kernel: tf.Tensor) -> Tensors:
    """A kernel (4, 4, C, O) → 25 × (4C, O): the kernel side of the products."""
    matrix = _matrices()["kernel"]
    _, _, inputs, outputs = kernel.shape
    taps = tf.reshape(kernel, (2, 2, 2, 2, inputs, outputs))  # cell row, pixel row, cell column, pixel column
    rows = [_combine(weights, [taps[0], taps[1]]) for weights in matrix]
    pairs = [_combine(weights, [row[:, 0], row[:, 1]]) for row in rows for weights in matrix]
    return [tf.reshape(pair, (4 * inputs, outputs)) for pair in pairs]


@xla_compiled
def kernel_transform_adjoint(products: Tensors) -> tf.Tensor:
    """The adjoint of `kernel_transform`: 25 × (4C, O) → (4, 4, C, O)."""
    matrix = _matrices()["kernel"].T
    rows, outputs = products[0].shape
    taps = [tf.reshape(product, (2, 2, rows // 4, outputs)) for product in products]
    square = [taps[i : i + TERMS] for i in range(0, TERMS**2, TERMS)]
    down = [[_combine(weights, column) for column in zip(*square, strict=True)] for weights in matrix]
    both = [tf.stack([_combine(weights, row) for weights in matrix], axis=1) for row in down]
    return tf.reshape(tf.stack(both), (4, 4, rows // 4, outputs))


def _products(left: Tensors, right: Tensors, **transposed: bool) -> Tensors:
    """The 25 matrix products, `transposed` as in `tf.matmul`."""
    return [tf.matmul(a, b, **transposed) for a, b in zip(left, right, strict=True)]


def _patches(outputs: int) -> int:
    """How many patches cover so many outputs."""
    return -(-outputs // TILE)


def _flat(patches: tf.Tensor) -> tf.Tensor:
    """(N, p, q, C) → (N·p·q, C)."""
    return tf.reshape(patches, (-1, patches.shape[-1]))


def _combine(weights: np.ndarray, tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """The weighted sum of some tensors, leaving out zeros and products with one."""
    total = None
    for weight, tensor in zip(weights, tensors, strict=True):
        if weight:
            term = tensor if weight == 1 else -tensor if weight == -1 else tensor * np.float32(weight)
            total = term if total is None else total + term
    return total


@lru_cache(maxsize=1)
def _matrices() -> dict[str, np.ndarray]:
    """The three matrices of F(4, 2), by the construction of Cook and Toom, transposed.

    The product of two polynomials is known from its values at five points. As a matrix, with V_n the Vandermonde matrix
    of n columns: s = V_5⁻¹ (V_4 a ⊙ V_2 g). Its transpose filters: y = V_4ᵀ (V_2 g ⊙ V_5⁻ᵀ d).
    """
    output, kernel, product = (_vandermonde(columns) for columns in (TILE, 2, TERMS))
    data = np.linalg.inv(product).T
    scale = np.array([np.abs(row[np.abs(row) > 1e-9]).min() for row in data])[:, None]
    data = np.where(np.abs(data) > 1e-9, data / scale, 0.0)  # whole numbers, the fractions in the kernel's matrix
    return {"data": data, "kernel": kernel * scale, "output": output}


def _vandermonde(columns: int) -> np.ndarray:
    """Powers of the points, infinity last."""
    finite = [[point**power for power in range(columns)] for point in POINTS]
    return np.array([*finite, [0.0] * (columns - 1) + [1.0]])
