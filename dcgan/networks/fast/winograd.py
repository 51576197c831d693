"""Stride-2 convolutions with fewer multiplications: Winograd's minimal filtering.

A 4×4 convolution of stride 2 with 'same' padding is, on the image cut into cells of 2×2 pixels, a 2×2 convolution of
stride 1 over those cells. For that, F(4×4, 2×2) computes 16 outputs from 25 products where the direct sum takes 64
(Winograd 1980, Arithmetic Complexity of Computations; Lavin and Gray 2016, section 4). In three linear steps:

    input_transform    each patch of 5×5 cells becomes 25 linear combinations of its cells, per channel
    kernel_transform   the kernel becomes 25 matrices (4·inputs, outputs); 25 matrix products follow
    output_transform   the 25 products become the patch's 4×4 outputs

The gradients are the adjoints of the same steps (`input_transform_adjoint`, `kernel_transform_adjoint`,
`output_transform_adjoint`), and the transposed convolution is one of these gradients. XLA compiles the linear
combinations, each output a loop of its own; the matrix products are oneDNN's. Forward and backward pass share what they
have in common: the backward pass repeats no transform that the forward pass has computed.

Linear combinations are computed in float32. With bfloat16 images, the factors of the products and the products are
rounded to bfloat16 as well; the transforms amplify this rounding, so that results differ from the exact ones by 2 % of
their root mean square, where a direct sum that is rounded once differs by 0.3 %.
"""

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache, reduce, wraps
from typing import Any

import numpy as np
import tensorflow as tf

from dcgan.core.sizes import Size
from dcgan.networks.fast.xla import Gradient, first_order_gradient, static_shape, xla_compiled

TILE = 4
"""Height and width of the outputs of one patch."""

TERMS = TILE + 1
"""Height and width of a patch in cells: F(m, 2) takes m + 1 products."""

POINTS = (0.0, 1.0, -1.0, 0.5)
"""Interpolation points, beside infinity; small, so that rounding errors stay small."""

Tensors = list[tf.Tensor]


def _in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compute a function of tensors in float32 and round its results to the type of the first argument's tensors."""

    @wraps(function)
    def rounded(tensors: Any, *arguments: Any) -> Any:
        dtype = tf.nest.flatten(tensors)[0].dtype
        results = function(tf.nest.map_structure(lambda tensor: tf.cast(tensor, tf.float32), tensors), *arguments)
        return tf.nest.map_structure(lambda tensor: tf.cast(tensor, dtype), results)

    return rounded


@first_order_gradient
def convolution(images: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """Compute `tf.nn.conv2d(images, kernel, 2, "SAME")`, up to rounding (in float32, about 1e-5 of the largest output).

    Args:
        images: (N, H, W, C), H and W even, all sizes but N known; float32 or bfloat16.
        kernel: (4, 4, C, O), of the same type.

    Returns:
        (N, H/2, W/2, O), of the same type.
    """
    _, height, width, _ = static_shape(images)
    inputs, weights = input_transform(images), kernel_transform(kernel)

    def gradient(upstream: tf.Tensor):
        outputs = output_transform_adjoint(upstream)
        kernel_gradient = kernel_transform_adjoint(_products(inputs, outputs, transpose_a=True))
        return input_transform_adjoint(_products(outputs, weights, transpose_b=True), (height, width)), kernel_gradient

    return output_transform(_products(inputs, weights), (height // 2, width // 2)), gradient


@first_order_gradient
def convolution_transpose(images: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """Compute `tf.nn.conv2d_transpose(images, kernel, …, 2, "SAME")` to twice the size, up to rounding.

    Args:
        images: (N, H, W, C), all sizes but N known; float32 or bfloat16.
        kernel: (4, 4, O, C), of the same type.

    Returns:
        (N, 2H, 2W, O), of the same type.
    """
    _, height, width, _ = static_shape(images)
    outputs, weights = output_transform_adjoint(images), kernel_transform(kernel)

    def gradient(upstream: tf.Tensor):
        inputs = input_transform(upstream)
        images_gradient = output_transform(_products(inputs, weights), (height, width))
        return images_gradient, kernel_transform_adjoint(_products(inputs, outputs, transpose_a=True))

    return input_transform_adjoint(_products(outputs, weights, transpose_b=True), (2 * height, 2 * width)), gradient


def input_transform(images: tf.Tensor) -> Tensors:
    """Transform images to the left factors of the products: (N, H, W, C) → 25 × (N·patches, 4C)."""
    return _transform_cells(_to_cells(images))


@xla_compiled
def _to_cells(images: tf.Tensor) -> tf.Tensor:
    """Pad by one pixel and cut into cells of 2×2: (N, H, W, C) → (N, 4p+1, 4q+1, 4C), p×q patches per image."""
    _, height, width, _ = static_shape(images)
    bottom, right = (2 * (TILE * _num_patches(side // 2) + 1) - 1 - side for side in (height, width))
    return tf.nn.space_to_depth(tf.pad(images, [[0, 0], [1, bottom], [1, right], [0, 0]]), 2)


@xla_compiled
@_in_float32
def _transform_cells(cells: tf.Tensor) -> Tensors:
    """The linear combinations of `input_transform`: cells → 25 × (N·patches, 4C)."""
    matrix = transform_matrices()["input"]
    down, across = ((side - 1) // TILE for side in static_shape(cells)[1:3])
    rows = [cells[:, i : i + TILE * (down - 1) + 1 : TILE] for i in range(TERMS)]
    rows = [_combine(weights, rows) for weights in matrix]
    columns = [[row[:, :, j : j + TILE * (across - 1) + 1 : TILE] for j in range(TERMS)] for row in rows]
    return [_flatten(_combine(weights, column)) for column in columns for weights in matrix]


def input_transform_adjoint(products: Tensors, size: Size) -> tf.Tensor:
    """Apply the adjoint of `input_transform`: 25 × (N·patches, 4C) → (N, *size, C).

    Args:
        products: gradients of the transformed patches.
        size: (H, W) of the images, even numbers.
    """
    return _overlap_patches(_transform_cells_adjoint(products), size)


@xla_compiled
@_in_float32
def _transform_cells_adjoint(products: Tensors) -> Tensors:
    """The adjoint of the linear combinations alone: 25 × (N·patches, 4C) → 25 × (N·patches, 4C), one per cell."""
    matrix = transform_matrices()["input"].T
    square = [products[i : i + TERMS] for i in range(0, TERMS**2, TERMS)]
    rows = [[_combine(weights, column) for column in zip(*square, strict=True)] for weights in matrix]
    return [_combine(weights, row) for row in rows for weights in matrix]


@xla_compiled
@_in_float32
def _overlap_patches(patches: Tensors, size: Size) -> tf.Tensor:
    """Sum patches, which overlap by one cell, to images: 25 × (N·patches, 4C) → (N, *size, C)."""
    height, width = size
    down, across = _num_patches(height // 2), _num_patches(width // 2)
    grid = [tf.reshape(patch, (-1, down, across, patch.shape[-1])) for patch in patches]
    square = [grid[i : i + TERMS] for i in range(0, TERMS**2, TERMS)]
    rows = [_overlap_add(row, axis=2) for row in square]
    cells = _overlap_add(rows, axis=1)[:, : height // 2 + 1, : width // 2 + 1]
    return tf.nn.depth_to_space(cells, 2)[:, 1:-1, 1:-1]


def _overlap_add(parts: Tensors, axis: int) -> tf.Tensor:
    """Concatenate patches along an axis, adding the last cell of each to the first of the next."""
    before, after = ([[1, 0] if a == axis else [0, 0] for a in range(4)] for _ in range(2))
    after[axis] = [0, 1]
    parts = [tf.pad(part, after) for part in parts[:TILE]] + [tf.pad(parts[TILE], before)]
    parts = [parts[0] + parts[TILE], *parts[1:TILE]]
    shape = [-1 if side is None else side for side in static_shape(parts[0])]
    stacked = tf.stack(parts, axis=axis + 1)
    shape[axis] *= TILE
    return tf.reshape(stacked, shape)


@xla_compiled
@_in_float32
def output_transform(products: Tensors, size: Size) -> tf.Tensor:
    """Transform the products to the outputs: 25 × (N·patches, O) → (N, *size, O).

    Args:
        products: products of transformed patches and kernel.
        size: (H, W) of the outputs.
    """
    height, width = size
    down, across = _num_patches(height), _num_patches(width)
    matrix = transform_matrices()["output"].T
    grid = [tf.reshape(product, (-1, down, across, product.shape[-1])) for product in products]
    square = [grid[i : i + TERMS] for i in range(0, TERMS**2, TERMS)]
    rows = [[_combine(weights, column) for column in zip(*square, strict=True)] for weights in matrix]
    outputs = tf.stack([tf.stack([_combine(w, row) for w in matrix], axis=3) for row in rows], axis=2)
    return tf.reshape(outputs, (-1, TILE * down, TILE * across, grid[0].shape[-1]))[:, :height, :width]


@xla_compiled
@_in_float32
def output_transform_adjoint(images: tf.Tensor) -> Tensors:
    """Apply the adjoint of `output_transform`: (N, H, W, O) → 25 × (N·patches, O)."""
    matrix = transform_matrices()["output"]
    _, height, width, _ = static_shape(images)
    down, across = _num_patches(height), _num_patches(width)
    images = tf.pad(images, [[0, 0], [0, TILE * down - height], [0, TILE * across - width], [0, 0]])
    rows = [images[:, i::TILE] for i in range(TILE)]
    rows = [_combine(weights, rows) for weights in matrix]
    columns = [[row[:, :, j::TILE] for j in range(TILE)] for row in rows]
    return [_flatten(_combine(weights, column)) for column in columns for weights in matrix]


@xla_compiled
@_in_float32
def kernel_transform(kernel: tf.Tensor) -> Tensors:
    """Transform a kernel to the right factors of the products: (4, 4, C, O) → 25 × (4C, O)."""
    matrix = transform_matrices()["kernel"]
    _, _, inputs, outputs = static_shape(kernel)
    taps = tf.reshape(kernel, (2, 2, 2, 2, inputs, outputs))  # cell row, pixel row, cell column, pixel column
    rows = [_combine(weights, [taps[0], taps[1]]) for weights in matrix]
    pairs = [_combine(weights, [row[:, 0], row[:, 1]]) for row in rows for weights in matrix]
    return [tf.reshape(pair, (4 * inputs, outputs)) for pair in pairs]


@xla_compiled
@_in_float32
def kernel_transform_adjoint(products: Tensors) -> tf.Tensor:
    """Apply the adjoint of `kernel_transform`: 25 × (4C, O) → (4, 4, C, O)."""
    matrix = transform_matrices()["kernel"].T
    rows, outputs = static_shape(products[0])
    taps = [tf.reshape(product, (2, 2, rows // 4, outputs)) for product in products]
    square = [taps[i : i + TERMS] for i in range(0, TERMS**2, TERMS)]
    down = [[_combine(weights, column) for column in zip(*square, strict=True)] for weights in matrix]
    both = [tf.stack([_combine(weights, row) for weights in matrix], axis=1) for row in down]
    return tf.reshape(tf.stack(both), (4, 4, rows // 4, outputs))


@lru_cache(maxsize=1)
def transform_matrices() -> dict[str, np.ndarray]:
    """Compute the three matrices of F(4, 2) by the transposed Cook-Toom construction.

    The product of two polynomials is determined by its values at five points. With V_n the Vandermonde matrix of n
    columns, the product of a (four coefficients) and g (two) is V_5⁻¹ (V_4 a ⊙ V_2 g). The transpose of that map
    filters d with g: y = V_4ᵀ (V_2 g ⊙ V_5⁻ᵀ d).

    Returns:
        float64 matrices "input" (5, 5), "kernel" (5, 2) and "output" (5, 4).
    """
    output, kernel, product = (_vandermonde(columns) for columns in (TILE, 2, TERMS))
    inputs = np.linalg.inv(product).T
    # Integers in the inputs' matrix, whose combinations are computed for every image; fractions in the kernel's.
    scale = np.array([np.abs(row[np.abs(row) > 1e-9]).min() for row in inputs])[:, None]
    inputs = np.where(np.abs(inputs) > 1e-9, inputs / scale, 0.0)
    return {"input": inputs, "kernel": kernel * scale, "output": output}


def _vandermonde(columns: int) -> np.ndarray:
    """Powers of the interpolation points, infinity last."""
    finite = [[point**power for power in range(columns)] for point in POINTS]
    return np.array([*finite, [0.0] * (columns - 1) + [1.0]])


def _products(left: Tensors, right: Tensors, transpose_a: bool = False, transpose_b: bool = False) -> Tensors:
    """The 25 matrix products."""
    pairs = zip(left, right, strict=True)
    return [tf.matmul(a, b, transpose_a=transpose_a, transpose_b=transpose_b) for a, b in pairs]


def _num_patches(outputs: int) -> int:
    """How many patches cover that many outputs."""
    return -(-outputs // TILE)


def _flatten(patches: tf.Tensor) -> tf.Tensor:
    """(N, p, q, C) → (N·p·q, C)."""
    return tf.reshape(patches, (-1, patches.shape[-1]))


def _combine(weights: np.ndarray, tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """The weighted sum of tensors, without terms of weight 0 and multiplications by ±1."""
    terms = [
        tensor if weight == 1 else -tensor if weight == -1 else tensor * np.float32(weight)
        for weight, tensor in zip(weights, tensors, strict=True)
        if weight
    ]
    return reduce(operator.add, terms)
