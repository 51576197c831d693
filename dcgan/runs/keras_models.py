"""Keras files of a run: written whole and alike, read without running what they may hold."""

from pathlib import Path

import numpy as np

from dcgan.core.atomic_io import atomic_write
from dcgan.core.errors import UserError
from dcgan.core.keras_archive import make_reproducible


def save_model(model, file: Path) -> None:
    """Write a model in Keras' format, whole; the same weights give the same bytes."""
    with atomic_write(file) as path:
        model.save(path)
        make_reproducible(path)


def load_model(file: Path, what: str):
    """Load a model, `what` by name, and run no code that its file may hold."""
    import keras

    try:
        return keras.models.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # whatever a damaged or hostile file makes Keras raise
        raise UserError(f"{file} is no {what}: {_first_line(error)}") from error


def assign_weights(network, state: dict[str, np.ndarray]) -> None:
    """Give a network, a `keras.Model`, the weights that training left in `state` under its name.

    Raises:
        ValueError: they are not there, or of other shapes.
    """
    import keras

    from dcgan.networks.fused_upsampling import to_inference_kernel

    try:
        for layer in network.layers:
            for variable in layer.variables:
                weight = state[f"{network.name}/{variable.path.removeprefix(f'{network.name}/')}"]
                transposed = isinstance(layer, keras.layers.Conv2DTranspose)
                variable.assign(to_inference_kernel(weight, variable.shape) if transposed else weight)
    except KeyError as error:
        raise ValueError(f"The state has no {error.args[0]}.") from error


def is_generator(model) -> bool:
    """Whether a model goes from (None, dim), and perhaps (None, classes), to (None, height, width, 1 or 3)."""
    try:
        (output,) = model.outputs
        shapes = [tuple(tensor.shape) for tensor in (*model.inputs, output)]
    except (AttributeError, TypeError, ValueError):  # not built, or several outputs
        return False
    known = all(shape and shape[0] is None and all(type(side) is int for side in shape[1:]) for shape in shapes)
    *inputs, picture = shapes
    return (
        known
        and 1 <= len(inputs) <= 2
        and {len(s) for s in inputs} == {2}
        and len(picture) == 4
        and picture[3] in (1, 3)
    )


def _first_line(error: Exception) -> str:
    """What an exception says, cut to a line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
