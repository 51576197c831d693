"""A generator as plain arrays: its weights by the paths of their variables, and the sizes that rebuild it.

Beside the weights (`project/kernel`, `norm_0/gamma`, `up_0/kernel`, …) the file has the arguments of
`dcgan.networks.build_generator`: `image_size`, `channels`, `width`, `latent_dim`, `kernel`, `classes` (0 for none) and
`upsampling`; and `epsilon`, which BatchNorm adds to a variance. `dcgan.export.numpy_generator` draws from it.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from dcgan.core.errors import UserError


def write_generator_arrays(generator: keras.Model, path: Path) -> None:
    """Write `.npz`, without pickles and uncompressed.

    Raises:
        UserError: the generator is not one of `build_generator`.
    """
    weights = {weight.path.removeprefix("generator/"): np.asarray(weight) for weight in generator.variables}
    with path.open("wb") as file:
        np.savez(file, **generator_sizes(generator), **weights)


def generator_sizes(generator: keras.Model) -> dict[str, Any]:
    """What rebuilds a generator, from its layers: the arguments of `build_generator`, and BatchNorm's `epsilon`.

    Raises:
        UserError: it is not one of those.
    """
    try:
        norms = [layer for layer in generator.layers if layer.name.startswith("norm_")]
        grown = generator.get_layer("up_0")
        return {
            "image_size": np.array(generator.output_shape[1:3]),
            "channels": generator.output_shape[3],
            "width": norms[-1].gamma.shape[0],
            "latent_dim": generator.inputs[0].shape[1],
            "kernel": grown.kernel_size[0],
            "classes": generator.inputs[1].shape[1] if len(generator.inputs) > 1 else 0,
            "upsampling": _upsampling({layer.name: layer for layer in generator.layers}),
            "epsilon": np.float32(norms[0].epsilon),
        }
    except (ValueError, IndexError, AttributeError, KeyError) as error:
        raise UserError("This generator is not one that `train.py` makes.", "Take another --format.") from error


def _upsampling(layers: dict[str, keras.Layer]) -> str:
    """How the generator's stages double their maps; see `dcgan.networks.upsampling`. Nearest enlargement is drawn from
    as a transposed convolution."""
    if isinstance(layers["up_0"], keras.layers.Conv2DTranspose):
        return "transposed"
    if "shuffle_0" in layers:
        return "subpixel"
    if "unpool_0" in layers:
        return "unpool"
    if layers["upsample_0"].interpolation != "bilinear":
        raise ValueError("only bilinear enlargement is a layer of its own")
    return "bilinear"
