"""Python code for a model card that loads an export and generates images without this package."""

from importlib import resources

from dcgan.export.format import Format

_TEMPLATE = """\
from PIL import Image
{imports}
{load}

# Image n equals that of `generate.py --seeds n`{same_class}.
seeds = range(8)
keys = [np.random.Philox(key=[seed, 1]) for seed in seeds]
latent = np.stack([np.random.Generator(key).standard_normal({latent_dim}, dtype=np.float32) for key in keys])
{classes}
{generate}
pixels = np.round(np.clip((image + 1) * 127.5, 0, 255)).astype(np.uint8)  # {shape}
Image.fromarray(np.hstack(pixels).squeeze()).save("images.png")
"""

_CLASSES = """\
class_labels = [seed % {classes} for seed in seeds]
class_one_hot = np.eye({classes}, dtype=np.float32)[class_labels]
"""


def usage_code(target: Format, name: str, latent_dim: int, shape: tuple[int, ...], classes: int) -> str:
    """Return Python code that generates the images of the seeds 0 to 7 and saves them side by side.

    Args:
        target: the format of the export.
        name: name of its file or folder, in the folder where the code runs.
        latent_dim: length of a latent vector.
        shape: (H, W, C) of an image.
        classes: number of classes; 0 for an unconditional generator.
    """
    inputs = {"latent": "latent"} | ({"class": "class_one_hot"} if classes else {})
    usage = target.usage
    code = _TEMPLATE.format(
        imports=f"{usage.imports}\n" if usage.imports else "",
        load=usage.load.format(name=name),
        latent_dim=latent_dim,
        same_class=" with the same `--class`" if classes else "",
        classes=_CLASSES.format(classes=classes) if classes else "",
        generate=usage.generate.format(
            arrays=_dictionary(inputs, "{}"),
            tensors=_dictionary(inputs, "tf.constant({})"),
            model_input="[latent, class_one_hot]" if classes else "latent",
            arguments=", ".join(inputs.values()),
        ),
        shape=(8, *shape),
    )
    return f"{_source(usage.module)}\n\n{code}" if usage.module else f"import numpy as np\n{code}"


def _dictionary(inputs: dict[str, str], value: str) -> str:
    """Return the source code of a dictionary of inputs."""
    return "{" + ", ".join(f'"{name}": {value.format(variable)}' for name, variable in inputs.items()) + "}"


def _source(module: str) -> str:
    """Return the source code of a module of this package, from its import of NumPy on."""
    text = (resources.files("dcgan.export") / module).read_text(encoding="utf-8")
    return text[text.index("import numpy as np") :]
