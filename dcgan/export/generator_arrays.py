"""A generator as NumPy arrays: its weights by the paths of their variables, and the values that rebuild it.

Beside the weights (`project/kernel`, `norm_0/gamma`, `up_0/kernel`, …) the file holds the arguments of
`dcgan.networks.build_generator`: `image_size`, `channels`, `width`, `latent_dim`, `kernel`, `classes` (0 for an
unconditional generator) and `upsampling`; and `epsilon`, which BatchNorm adds to a variance.
`dcgan.export.numpy_generator` computes images from it.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from dcgan.core.errors import UserError


def write_generator_arrays(generator: keras.Model, path: Path) -> None:
    """Write a generator as an uncompressed `.npz` file without pickled objects.

    Args:
        generator: a generator of `dcgan.networks.build_generator`.
        path: file to write.

    Raises:
        UserError: the generator has other layers.
    """
    arrays = generator_sizes(generator)
    arrays |= {weight.path.removeprefix("generator/"): np.asarray(weight) for weight in generator.variables}
    with path.open("wb") as file:
        np.savez(file, **arrays)


def generator_sizes(generator: keras.Model) -> dict[str, Any]:
    """Return the arguments of `build_generator` that rebuild a generator, and BatchNorm's `epsilon`.

    Args:
        generator: a generator of `dcgan.networks.build_generator`.

    Raises:
        UserError: the generator has other layers.
    """
    try:
        layers: dict[str, Any] = {layer.name: layer for layer in generator.layers}
        norms = [layer for name, layer in layers.items() if name.startswith("norm_")]
        return {
            "image_size": np.array(generator.output_shape[1:3]),
            "channels": generator.output_shape[3],
            "width": norms[-1].gamma.shape[0],
            "latent_dim": generator.inputs[0].shape[1],
            "kernel": layers["up_0"].kernel_size[0],
            "classes": generator.inputs[1].shape[1] if len(generator.inputs) > 1 else 0,
            "upsampling": _upsampling(layers),
            "epsilon": np.float32(norms[0].epsilon),
        }
    except (ValueError, IndexError, AttributeError, KeyError) as error:
        raise UserError("This generator was not built by `dcgan train`.", "Choose another --format.") from error


def _upsampling(layers: dict[str, Any]) -> str:
    """The generator's upsampling method; nearest upsampling is saved as a transposed convolution."""
    if isinstance(layers["up_0"], keras.layers.Conv2DTranspose):
        return "transposed"
    if "shuffle_0" in layers:
        return "subpixel"
    if "unpool_0" in layers:
        return "unpool"
    if layers["upsample_0"].interpolation != "bilinear":
        raise ValueError("a separate upsampling layer has to be bilinear")
    return "bilinear"


def fold_batch_norm(generator: keras.Model) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return a generator as a projection and transposed convolutions with biases, without BatchNorm.

    BatchNorm is linear after training, so it scales the weights of the layer before it. Sub-pixel convolution and
    unpooling are transposed convolutions with another kernel.

    Args:
        generator: a generator of `dcgan.networks.build_generator`.

    Returns:
        The sizes `latent`, `classes`, `maps` ([height, width, channels] of the base, of each stage and of the image)
        and `kernels` (of each stage); and the float32 weights `project` (latent, base), `project_class`
        (classes, base), `project_bias` (base,), `up_0` (kernel, kernel, out, in), `bias_0` (out,), ….

    Raises:
        UserError: the generator has other layers, or upsamples by bilinear interpolation.
    """
    sizes = generator_sizes(generator)
    weights = {weight.path.removeprefix("generator/"): np.asarray(weight) for weight in generator.variables}
    stages = sum(name.endswith("/gamma") for name in weights)
    kernels = [_transposed_kernel(weights[f"up_{stage}/kernel"], sizes["upsampling"]) for stage in range(stages)]
    norms = [_scale_and_shift(weights, f"norm_{stage}", sizes["epsilon"]) for stage in range(stages)]
    height, width = (int(side) >> stages for side in sizes["image_size"])
    repeated = [np.tile(values, height * width) for values in norms[0]]
    folded = {"project": weights["project/kernel"] * repeated[0], "project_bias": repeated[1]}
    if sizes["classes"]:
        folded["project_class"] = weights["project_class/kernel"] * repeated[0]
    else:
        folded["project_class"] = np.zeros((0, len(repeated[0])), np.float32)
    maps = [[height, width, len(norms[0][0])]]
    for stage, kernel in enumerate(kernels):
        outputs = kernel.shape[2]
        scale, shift = norms[stage + 1] if stage + 1 < stages else (np.ones(outputs), np.zeros(outputs))
        folded[f"up_{stage}"] = kernel * scale[:, None]
        folded[f"bias_{stage}"] = shift
        maps.append([2 * maps[-1][0], 2 * maps[-1][1], outputs])
    described = {"latent": int(sizes["latent_dim"]), "classes": int(sizes["classes"]), "maps": maps}
    described["kernels"] = [len(kernel) for kernel in kernels]
    return described, {name: np.ascontiguousarray(array, np.float32) for name, array in folded.items()}


def _scale_and_shift(weights: dict[str, np.ndarray], name: str, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    gamma, beta, mean, variance = (
        weights[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance + epsilon)
    return scale, beta - mean * scale


def _transposed_kernel(kernel: np.ndarray, upsampling: str) -> np.ndarray:
    """Return the kernel of the transposed convolution of stride 2 that computes the same, (kernel, kernel, out, in)."""
    if upsampling == "transposed":
        return kernel
    flipped = kernel[::-1, ::-1]
    if upsampling == "unpool":
        return flipped.transpose(0, 1, 3, 2)
    if upsampling == "subpixel":
        size, _, inputs, outputs = kernel.shape
        blocks = flipped.reshape(size, size, inputs, 2, 2, outputs // 4)
        return blocks.transpose(0, 3, 1, 4, 5, 2).reshape(2 * size, 2 * size, outputs // 4, inputs)
    raise UserError("Bilinear upsampling is not a transposed convolution.", "Choose another --format.")
