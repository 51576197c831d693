"""The lines of a card that load an export and draw from it, with nothing of this program."""

from importlib import resources

_START = """\
import numpy as np
from PIL import Image
{imports}
{load}

# Picture n is the one that `generate.py --seeds n` draws{in_class}.
seeds = range(8)
keys = [np.random.Philox(key=[seed, 1]) for seed in seeds]
latent = np.stack([np.random.Generator(key).standard_normal({dim}, dtype=np.float32) for key in keys])
{classes}
{draw}
pixels = np.round(np.clip((image + 1) * 127.5, 0, 255)).astype(np.uint8)  # {shape}
Image.fromarray(np.hstack(pixels).squeeze()).save("pictures.png")
"""

_CLASSES = "labels = [seed % {classes} for seed in seeds]\nkind = np.eye({classes}, dtype=np.float32)[labels]\n"

_IMPORTS = {
    "saved_model": "import tensorflow as tf\n",
    "onnx": "import onnxruntime\n",
    "litert": "from ai_edge_litert.interpreter import Interpreter\n",
    "keras": "import keras\n",
    "npz": "",
}

_LOAD = {
    "saved_model": 'loaded = tf.saved_model.load("{name}")',
    "onnx": 'session = onnxruntime.InferenceSession("{name}")',
    "litert": 'generator = Interpreter("{name}").get_signature_runner()',
    "keras": 'generator = keras.models.load_model("{name}", compile=False)',
    "npz": 'generator = load("{name}")',
}

_DRAW = {
    "saved_model": 'image = loaded.signatures["serving_default"](**{by_tensor})["image"].numpy()',
    "onnx": 'image = session.run(["image"], {by_name})[0]',
    "litert": 'image = generator(**{by_name})["image"]',
    "keras": "image = np.asarray(generator({in_order}, training=False))",
    "npz": "image = draw(generator, {arguments})",
}

PACKAGES = {"saved_model": "tensorflow", "onnx": "onnxruntime", "litert": "ai-edge-litert", "keras": "tensorflow keras"}
"""What to install for each, beside NumPy and Pillow."""


def code(kind: str, name: str, dim: int, shape: tuple[int, ...], classes: int) -> str:
    """Python that draws the pictures of the seeds 0 to 7 and saves them in a row.

    Args:
        kind: the export's format.
        name: of its file or folder, in the folder where the code is run.
        dim: length of a latent.
        shape: (H, W, C) of a picture.
        classes: how many there are; 0 for none.
    """
    inputs = {"latent": "latent"} | ({"class": "kind"} if classes else {})
    given = {
        "by_name": _dictionary(inputs, "{}"),
        "by_tensor": _dictionary(inputs, "tf.constant({})"),
        "in_order": "[latent, kind]" if classes else "latent",
        "arguments": ", ".join(inputs.values()),
    }
    lines = _START.format(
        imports=_IMPORTS[kind],
        load=_LOAD[kind].format(name=name),
        dim=dim,
        in_class=" for the class" if classes else "",
        classes=_CLASSES.format(classes=classes) if classes else "",
        draw=_DRAW[kind].format(**given),
        shape=(8, *shape),
    )
    return _numpy_generator() + "\n\n" + lines.replace("import numpy as np\n", "", 1) if kind == "npz" else lines


def _dictionary(inputs: dict[str, str], value: str) -> str:
    """A dictionary of inputs, as it is written in Python."""
    return "{" + ", ".join(f'"{name}": {value.format(variable)}' for name, variable in inputs.items()) + "}"


def _numpy_generator() -> str:
    """The module that draws with NumPy alone, without what stands above its first import."""
    text = (resources.files("dcgan.export") / "numpy_generator.py").read_text(encoding="utf-8")
    return text[text.index("import numpy as np") :]
