"""The formats: what writes each, what reads it back, and the packages both need.

Whatever the format, the inputs are called `latent` and, in a conditional generator, `class`, the output is `image`,
and the number of pictures a call is free.
"""

import importlib.util
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dcgan.core.errors import UserError
from dcgan.core.tensorflow_import import suppress_stderr

if TYPE_CHECKING:
    import keras

INPUTS = ("latent", "class")
OUTPUT = "image"

REQUIREMENTS = "requirements-export.txt"
"""Lists what the formats need beyond the core."""


@dataclass(frozen=True)
class Format:
    """One way to write a generator.

    Args:
        words: its name, for people.
        ending: of the file's name; empty where a folder is written.
        write: takes a float32 generator and the path.
        packages: modules that have to be there.
    """

    words: str
    ending: str
    write: Callable[["keras.Model", Path], None]
    packages: tuple[str, ...] = ()

    def check_packages(self) -> None:
        """Stop before any work if something is missing.

        Raises:
            UserError: naming it, and the file that lists it.
        """
        missing = [package for package in self.packages if not _is_installed(package)]
        if missing:
            *several, last = missing
            names = f"{', '.join(several)} and {last}" if several else last
            raise UserError(
                f"Writing {self.words} needs {names}, which {'are' if several else 'is'} not installed.",
                f"`pip install -r {REQUIREMENTS}` installs {'them' if several else 'it'}.",
            )


def _named(generator: "keras.Model") -> list[tuple[str, "keras.KerasTensor"]]:
    """The generator's inputs with the names they have in every format."""
    return list(zip(INPUTS, generator.inputs, strict=False))


def _is_installed(package: str) -> bool:
    """Whether a module can be found, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # not even the package that it is part of
        return False


def _write_saved_model(generator: "keras.Model", path: Path) -> None:
    """A folder for TensorFlow: `serve`, and the signature `serving_default` by names."""
    import tensorflow as tf

    names = {"class": "class_"}  # a keyword of Python's, which can be no argument's name while a function is traced
    specs = [tf.TensorSpec(tensor.shape, tf.float32, names.get(name, name)) for name, tensor in _named(generator)]
    module = tf.Module()
    module.weights = [weight.value for weight in generator.variables]
    module.serve = tf.function(
        lambda inputs: {OUTPUT: generator(inputs, training=False)},
        input_signature=[specs if len(specs) > 1 else specs[0]],
        autograph=False,
    )
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    _rename_arguments(path / "saved_model.pb", {new: old for old, new in names.items()})


def _rename_arguments(file: Path, names: dict[str, str]) -> None:
    """Give a SavedModel's inputs the names they should have had: in its signatures, and where its functions load."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    (graph,) = saved.meta_graphs
    for signature in graph.signature_def.values():
        for old in names.keys() & signature.inputs.keys():
            signature.inputs[names[old]].CopyFrom(signature.inputs.pop(old))
    functions = (node.bare_concrete_function for node in graph.object_graph_def.nodes)
    for function in functions:
        if names.keys() & set(function.argument_keywords):
            function.argument_keywords[:] = [names.get(name, name) for name in function.argument_keywords]
            function.ClearField("function_spec")  # repeats them; without it, loading goes by the keywords
    file.write_bytes(saved.SerializeToString(deterministic=True))
    file.with_name("fingerprint.pb").unlink(missing_ok=True)  # of the file as it was; nothing needs it


def _write_onnx(generator: "keras.Model", path: Path) -> None:
    """One file for ONNX Runtime and whatever else reads ONNX; the batch's axis is called `batch`."""
    import keras
    import onnx

    inputs = [keras.Input(tensor.shape[1:], name=name) for name, tensor in _named(generator)]
    specs = [keras.InputSpec(dtype="float32", shape=tensor.shape, name=name) for name, tensor in _named(generator)]
    several = len(inputs) > 1
    named = keras.Model(inputs, {OUTPUT: generator(inputs if several else inputs[0])})
    with warnings.catch_warnings(), suppress_stderr():
        warnings.simplefilter("ignore", FutureWarning)  # Keras asks NumPy for names that tf2onnx still uses
        named.export(path, format="onnx", verbose=False, input_signature=[specs if several else specs[0]])
    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _write_litert(generator: "keras.Model", path: Path) -> None:
    """One file for LiteRT, once TensorFlow Lite; of its built-in operations only."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder, suppress_stderr():
        _write_saved_model(generator, Path(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        path.write_bytes(converter.convert())


def _write_keras(generator: "keras.Model", path: Path) -> None:
    """One file that plain `keras.models.load_model` reads, as `generator.keras` is one."""
    from dcgan.core.keras_archive import make_reproducible

    generator.save(path)
    make_reproducible(path)


def _write_npz(generator: "keras.Model", path: Path) -> None:
    """One file for NumPy; see `dcgan.export.generator_arrays`."""
    from dcgan.export.generator_arrays import write_generator_arrays

    write_generator_arrays(generator, path)


FORMATS = {
    "saved_model": Format("SavedModel", "", _write_saved_model),
    "onnx": Format("ONNX", ".onnx", _write_onnx, ("onnx", "tf2onnx", "onnxruntime")),
    "litert": Format("LiteRT", ".tflite", _write_litert, ("ai_edge_litert",)),
    "keras": Format("Keras", ".keras", _write_keras),
    "npz": Format("NumPy arrays", ".npz", _write_npz),
}
"""What `--format` chooses from."""
