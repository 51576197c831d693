"""What was written, loaded by its own runtime and compared with the generator it was made from."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from dcgan.core.errors import UserError
from dcgan.core.tensorflow_import import suppress_stderr
from dcgan.export.formats import INPUTS, OUTPUT
from dcgan.sampling.latents import latents

TOLERANCE = 1e-4
"""In the unit of [-1, 1]: a 78th of a grey level."""

BATCHES = (1, 7, 56)
"""The seeds 0 to 63 go through the runtime in batches of these sizes, since every size has to work."""

Inputs = dict[str, np.ndarray]
"""Arrays by the inputs' names."""

Forward = Callable[[Inputs], np.ndarray]
"""From inputs to float32 (N, H, W, C) in [-1, 1]."""


def max_difference(kind: str, path: Path, generator: keras.Model) -> float:
    """The largest difference between any pixel of the seeds 0 to 63 as an export and as the generator draws it.

    Args:
        kind: the export's format, a key of `RUNTIMES`.
        path: the export.
        generator: what it was made from; its pictures are in [-1, 1].

    Raises:
        UserError: it is above `TOLERANCE`.
    """
    batches = list(_batches(generator))
    with _full_float32():
        draw = RUNTIMES[kind](path)
        pairs = [(draw(batch), _draw_with(generator, batch)) for batch in batches]
    fits = all(drawn.shape == wanted.shape for drawn, wanted in pairs)
    difference = float(np.max([np.abs(drawn - wanted).max() for drawn, wanted in pairs])) if fits else np.nan
    if not difference <= TOLERANCE:  # nor is NaN
        raise UserError(
            f"As {kind}, the generator draws other pictures: in [-1, 1] they differ by up to {difference:.2g}.",
            "Nothing was written. Take another --format, or --weights.",
        )
    return difference


def open_saved_model(path: Path) -> Forward:
    """With TensorFlow."""
    loaded = tf.saved_model.load(str(path))

    def draw(inputs: Inputs) -> np.ndarray:
        serve = loaded.signatures["serving_default"]  # holds no variables: `loaded` does
        return serve(**{name: tf.constant(array) for name, array in inputs.items()})[OUTPUT].numpy()

    return draw


def open_onnx(path: Path) -> Forward:
    """With ONNX Runtime, on the CPU."""
    with suppress_stderr():
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run([OUTPUT], inputs)[0]


def open_litert(path: Path) -> Forward:
    """With LiteRT."""
    with suppress_stderr():
        from ai_edge_litert.interpreter import Interpreter

        runner = Interpreter(str(path)).get_signature_runner("serving_default")

    def draw(inputs: Inputs) -> np.ndarray:
        with suppress_stderr():
            return runner(**inputs)[OUTPUT]

    return draw


def open_keras(path: Path) -> Forward:
    """With Keras, in safe mode."""
    loaded = keras.models.load_model(path, compile=False, safe_mode=True)
    return lambda inputs: _draw_with(loaded, inputs)


def open_npz(path: Path) -> Forward:
    """With NumPy."""
    from dcgan.export import numpy_generator

    loaded = numpy_generator.load(path)
    return lambda inputs: numpy_generator.draw(loaded, *inputs.values())


RUNTIMES: dict[str, Callable[[Path], Forward]] = {
    "saved_model": open_saved_model,
    "onnx": open_onnx,
    "litert": open_litert,
    "keras": open_keras,
    "npz": open_npz,
}
"""What loads an export of each format."""


def _batches(generator: keras.Model) -> Iterator[Inputs]:
    """The latents of the seeds 0 to 63 and, in a conditional generator, the classes in turn."""
    widths, first = [tensor.shape[1] for tensor in generator.inputs], 0
    for size in BATCHES:
        seeds = range(first, first + size)
        arrays = [latents(seeds, widths[0])]
        arrays += [np.eye(classes, dtype=np.float32)[[seed % classes for seed in seeds]] for classes in widths[1:]]
        yield dict(zip(INPUTS, arrays, strict=False))
        first += size


def _draw_with(generator: keras.Model, inputs: Inputs) -> np.ndarray:
    """What a Keras model draws."""
    arrays = list(inputs.values())
    return np.asarray(generator(arrays if len(arrays) > 1 else arrays[0], training=False))


@contextlib.contextmanager
def _full_float32() -> Iterator[None]:
    """On GPUs that round the factors of products to 10 bits by default, don't."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
