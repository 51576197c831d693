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
