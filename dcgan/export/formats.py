"""The export formats: functions that write and load each one, and the table `FORMATS`.

To add a format, write a pair of functions (`write_…`, `load_…`), add an entry to `FORMATS`, and add its key to
`dcgan.config.ExportConfig.format`.
"""

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dcgan.core.imports import suppress_stderr
from dcgan.export.format import OUTPUT, Format, Forward, Inputs, Usage, call_generator, named_inputs

if TYPE_CHECKING:
    import keras

    from dcgan.config.fields import Weights
    from dcgan.runs import Run


def write_saved_model(generator: "keras.Model", path: Path) -> None:
    """Write a TensorFlow SavedModel folder with the endpoint `serve` and the signature `serving_default`.

    Args:
        generator: a generator in float32.
        path: folder to write.
    """
    import tensorflow as tf

    names = {"class": "class_"}  # `class` is a Python keyword, so no traced function can have an argument of that name
    specs = [tf.TensorSpec(tensor.shape, tf.float32, names.get(name, name)) for name, tensor in named_inputs(generator)]
    module: Any = tf.Module()
    module.weights = [weight.value for weight in generator.variables]
    module.serve = tf.function(
        lambda inputs: {OUTPUT: generator(inputs, training=False)},
        input_signature=[specs if len(specs) > 1 else specs[0]],
        autograph=False,
    )
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    _rename_arguments(path / "saved_model.pb", {new: old for old, new in names.items()})


def _rename_arguments(file: Path, names: dict[str, str]) -> None:
    """Rename inputs of a SavedModel, both in its signatures and in its restored functions."""
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
            function.ClearField("function_spec")  # repeats the names; without it, loading uses the keywords
    file.write_bytes(saved.SerializeToString(deterministic=True))
    file.with_name("fingerprint.pb").unlink(missing_ok=True)  # optional, and of the file before the renaming


def load_saved_model(path: Path) -> Forward:
    """Load a SavedModel with TensorFlow.

    Args:
        path: the folder.

    Returns:
        A function from inputs to images.
    """
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))

    def forward(inputs: Inputs) -> np.ndarray:
        serve = loaded.signatures["serving_default"]  # `loaded` has to stay referenced: it holds the variables
        return serve(**{name: tf.constant(array) for name, array in inputs.items()})[OUTPUT].numpy()

    return forward


def write_onnx(generator: "keras.Model", path: Path) -> None:
    """Write an ONNX file; the batch axis is called `batch`.

    Args:
        generator: a generator in float32.
        path: file to write.
    """
    import keras
    import onnx

    inputs = [keras.Input(tensor.shape[1:], name=name) for name, tensor in named_inputs(generator)]
    specs = [
        keras.InputSpec(dtype="float32", shape=tensor.shape, name=name) for name, tensor in named_inputs(generator)
    ]
    several = len(inputs) > 1
    named = keras.Model(inputs, {OUTPUT: generator(inputs if several else inputs[0])})
    with warnings.catch_warnings(), suppress_stderr():
        warnings.simplefilter("ignore", FutureWarning)  # tf2onnx uses NumPy names that Keras requests for it
        named.export(path, format="onnx", verbose=False, input_signature=[specs if several else specs[0]])
    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(model)
    onnx.save(model, path)


def load_onnx(path: Path) -> Forward:
    """Load an ONNX file with ONNX Runtime, on the CPU.

    Args:
        path: the file.

    Returns:
        A function from inputs to images.
    """
    with suppress_stderr():
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda inputs: np.asarray(session.run([OUTPUT], inputs)[0])


def write_litert(generator: "keras.Model", path: Path) -> None:
    """Write a LiteRT (formerly TensorFlow Lite) file that uses built-in operations only.

    Args:
        generator: a generator in float32.
        path: file to write.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder, suppress_stderr():
        write_saved_model(generator, Path(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        path.write_bytes(converter.convert())


def load_litert(path: Path) -> Forward:
    """Load a LiteRT file with its interpreter.

    Args:
        path: the file.

    Returns:
        A function from inputs to images.
    """
    with suppress_stderr():
        from ai_edge_litert.interpreter import Interpreter

        runner = Interpreter(str(path)).get_signature_runner("serving_default")

    def forward(inputs: Inputs) -> np.ndarray:
        with suppress_stderr():
            return runner(**inputs)[OUTPUT]

    return forward


def write_keras(generator: "keras.Model", path: Path) -> None:
    """Write a Keras archive that `keras.models.load_model` reads, as `generator.keras` is one.

    Args:
        generator: a generator in float32.
        path: file to write.
    """
    from dcgan.runs.keras_models import make_reproducible

    generator.save(path)
    make_reproducible(path)


def write_keras_float16(generator: "keras.Model", path: Path) -> None:
    """Write a Keras archive of half the size, whose weights are stored in float16 and loaded as float32.

    Args:
        generator: a generator in float32.
        path: file to write.
    """
    from dcgan.runs.keras_models import store_in_float16

    write_keras(generator, path)
    store_in_float16(path)


def load_keras(path: Path) -> Forward:
    """Load a Keras archive in safe mode.

    Args:
        path: the file.

    Returns:
        A function from inputs to images.
    """
    from dcgan.runs.keras_models import load_model

    loaded = load_model(path, "generator")
    return lambda inputs: call_generator(loaded, inputs)


def write_npz(generator: "keras.Model", path: Path) -> None:
    """Write the weights and sizes as NumPy arrays; see `dcgan.export.generator_arrays`.

    Args:
        generator: a generator in float32.
        path: file to write.

    Raises:
        UserError: the generator was not built by `dcgan.networks.build_generator`.
    """
    from dcgan.export.generator_arrays import write_generator_arrays

    write_generator_arrays(generator, path)


def load_npz(path: Path) -> Forward:
    """Load the arrays for the generator in NumPy, `dcgan.export.numpy_generator`.

    Args:
        path: the file.

    Returns:
        A function from inputs to images.
    """
    from dcgan.export import numpy_generator

    loaded = numpy_generator.load(path)
    return lambda inputs: numpy_generator.generate(loaded, *inputs.values())


def write_html(generator: "keras.Model", path: Path, run: "Run") -> None:
    """Write a page that generates images in a browser; see `dcgan.export.web_page`.

    Args:
        generator: a generator in float32.
        path: file to write.
        run: its name and classes are on the page.

    Raises:
        UserError: the generator was not built by `dcgan.networks.build_generator`, or upsamples bilinearly.
    """
    from dcgan.export.web_page import write_web_page

    write_web_page(generator, path, run)


def load_html(path: Path) -> Forward:
    """Load the weights of a page, and compute its images with NumPy.

    Args:
        path: the file.

    Returns:
        A function from inputs to images.
    """
    from dcgan.export.web_page import load_web_page

    return load_web_page(path)


def write_hub(generator: "keras.Model", path: Path, run: "Run", weights: "Weights") -> None:
    """Write the folder of a repository of Hugging Face; see `dcgan.export.hub_folder`.

    Args:
        generator: a generator in float32.
        path: folder to write.
        run: the run of the generator.
        weights: the weights of the generator.
    """
    from dcgan.export.hub_folder import write_hub_folder

    write_hub_folder(generator, path, run, weights)


def load_hub(path: Path) -> Forward:
    """Load the generator of a folder for Hugging Face in safe mode.

    Args:
        path: the folder.

    Returns:
        A function from inputs to images.
    """
    return load_keras(path / "generator.keras")


_KERAS_USAGE = Usage(
    imports="import keras",
    load='generator = keras.models.load_model("{name}", compile=False)',
    generate="image = np.asarray(generator({model_input}, training=False))",
    packages=("tensorflow", "keras"),
)

FORMATS = {
    "saved_model": Format(
        name="SavedModel",
        suffix="",
        write=write_saved_model,
        load=load_saved_model,
        usage=Usage(
            imports="import tensorflow as tf",
            load='loaded = tf.saved_model.load("{name}")',
            generate='image = loaded.signatures["serving_default"](**{tensors})["image"].numpy()',
            packages=("tensorflow",),
        ),
        folder="saved-model",
        entries=frozenset({"saved_model.pb", "fingerprint.pb", "variables", "assets"}),
    ),
    "onnx": Format(
        name="ONNX",
        suffix=".onnx",
        write=write_onnx,
        load=load_onnx,
        usage=Usage(
            imports="import onnxruntime",
            load='session = onnxruntime.InferenceSession("{name}")',
            generate='image = session.run(["image"], {arrays})[0]',
            packages=("onnxruntime",),
        ),
        packages=("onnx", "tf2onnx", "onnxruntime"),
    ),
    "litert": Format(
        name="LiteRT",
        suffix=".tflite",
        write=write_litert,
        load=load_litert,
        usage=Usage(
            imports="from ai_edge_litert.interpreter import Interpreter",
            load='generator = Interpreter("{name}").get_signature_runner()',
            generate='image = generator(**{arrays})["image"]',
            packages=("ai-edge-litert",),
        ),
        packages=("ai_edge_litert",),
    ),
    "keras": Format(
        name="Keras",
        suffix=".keras",
        write=write_keras,
        load=load_keras,
        usage=_KERAS_USAGE,
        library="keras",
    ),
    "keras_float16": Format(
        name="Keras with float16 weights",
        suffix=".keras",
        write=write_keras_float16,
        load=load_keras,
        usage=_KERAS_USAGE,
        notes=(
            "The weights are stored in float16, half the size, and loaded as float32. Rounding them changes the images "
            "slightly; the largest difference is stated below."
        ),
        library="keras",
        tolerance=0.05,  # six gray levels; 0.0046 was measured with the pretrained digits
    ),
    "npz": Format(
        name="NumPy arrays",
        suffix=".npz",
        write=write_npz,
        load=load_npz,
        usage=Usage(
            load='generator = load("{name}")',
            generate="image = generate(generator, {arguments})",
            module="numpy_generator.py",
        ),
        notes=(
            "The file holds every weight under the path of its variable (`project/kernel`, `norm_0/gamma`, …), and the "
            "values that rebuild the network: `image_size`, `channels`, `width`, `latent_dim`, `kernel`, `classes` and "
            "`upsampling` are arguments of `dcgan.networks.build_generator`; `epsilon` is that of BatchNorm. Kernels "
            "of transposed convolutions have the shape (height, width, out, in), all others (height, width, in, out)."
        ),
    ),
    "html": Format(
        name="HTML page",
        suffix=".html",
        write=write_html,
        takes_run=True,
        load=load_html,
        usage=None,
        notes=(
            "Open the file in a browser; it needs no network. The page generates images with weights in float16, with "
            "BatchNorm folded into them, and compares some of them with those of the Keras generator when it opens."
        ),
        tolerance=0.05,  # as for weights in float16
    ),
    "hub": Format(
        name="a repository of Hugging Face",
        suffix="",
        write=write_hub,
        takes_run=True,
        takes_weights=True,
        named_after_run=True,
        load=load_hub,
        usage=_KERAS_USAGE,
        library="keras",
        notes=(
            "![Images of the seeds 0 to 63](samples.png)\n\n"
            "From the hub, after `pip install huggingface_hub`, Keras loads the generator with "
            '`keras.saving.load_model("hf://USER/NAME", compile=False)`. The folder is also a run directory of the '
            "program that trained it: `dcgan generate --run-dir hf://USER/NAME`."
        ),
        folder="hub",
        entries=frozenset(
            {
                "generator.keras",
                "discriminator.keras",
                "config.json",
                "metadata.json",
                "model.weights.h5",
                "config.yaml",
                "classes.json",
                "evaluation.json",
                "log.jsonl",
                "samples.png",
                ".gitattributes",
            }
        ),
    ),
}
"""The formats by their `--format` key."""
