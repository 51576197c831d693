"""The model card of an export: inputs and outputs, usage, origin, evaluation and license of the data."""

import importlib.metadata
import json
import re
from collections.abc import Iterable
from importlib import resources
from typing import Any

import keras
import yaml

from dcgan.config import TrainConfig, result_options
from dcgan.config.fields import Weights
from dcgan.core.classes import Classes
from dcgan.core.printable import printable
from dcgan.core.wording import counted
from dcgan.export.card_metadata import card_metadata, front_matter
from dcgan.export.format import Format
from dcgan.export.public_files import public_config, read_report
from dcgan.runs import Run

WEIGHTS = {
    "ema": "the EMA weights (`ema`)",
    "raw": "the weights without averaging (`raw`)",
    "best": "the EMA weights with the best evaluation during training (`best`)",
}

_MNIST = (
    "MNIST is the work of Yann LeCun and Corinna Cortes, under CC BY-SA 3.0 "
    "(https://creativecommons.org/licenses/by-sa/3.0/)."
)

LICENSES = {
    "mnist10k": f"{_MNIST} The data set is its first 10,000 training images.",
    "mnist": _MNIST,
    "stacked_mnist": f"{_MNIST} Every image consists of three of its digits, one per color channel.",
    "fashion_mnist": "Fashion-MNIST is the work of Zalando SE, under the MIT license.",
    "cifar10": "CIFAR-10 (Alex Krizhevsky, 2009) is published without a stated license.",
    "celeba": "CelebA (Liu et al. 2015) may be used for non-commercial research only, by the terms of its authors.",
    "folder": "The images are from a folder of the person who trained the generator; ask that person for the license.",
}
"""License of the training images, by the name of the data set."""

_TEMPLATE = """\
from PIL import Image
{imports}
{load}

{comment}
seeds = range({count})
keys = [np.random.Philox(key=[seed, 1]) for seed in seeds]
latent = np.stack([np.random.Generator(key).standard_normal({latent_dim}, dtype=np.float32) for key in keys])
{classes}
{generate}
pixels = np.round(np.clip((image + 1) * 127.5, 0, 255)).astype(np.uint8)  # {shape}
{straight}Image.fromarray(np.hstack(pixels).squeeze()).save("images.png")
"""

_STRAIGHT = """\
pixels[..., :3] = np.clip(pixels[..., :3] * 255.0 / np.maximum(pixels[..., 3:], 1), 0, 255)  # not premultiplied
"""

_CLASSES = """\
class_indices = {indices}  # one per seed
class_one_hot = np.eye({classes}, dtype=np.float32)[class_indices]
"""

_KINDS = {1: "grayscale", 3: "color", 4: "transparent"}
_CHANNELS = {1: "gray", 3: "red-green-blue", 4: "red-green-blue-transparency, premultiplied"}

_SEEDS = range(8)
"""Seeds of the images that the code on a card generates."""


def model_card(run: Run, weights: Weights, generator: keras.Model, target: Format, name: str, difference: float) -> str:
    """Return a description of an export in Markdown.

    Args:
        run: the run that was exported.
        weights: the weights that were exported.
        generator: generator of that run with these weights, in float32.
        target: the format of the export.
        name: name of the file or folder that was written.
        difference: largest difference from the images of `generator`, for pixels in [-1, 1].

    Raises:
        UserError: the config or the classes of the run are damaged.
    """
    trained = public_config(run.config()) if run.config_file.exists() else None
    height, width, channels = generator.output_shape[1:]
    title = run.name.rpartition("/")[2] if target.named_after_run else name
    parts = [
        front_matter(card_metadata(run, weights, trained, target.library, title)),
        f"# {_text(title)}",
        f"Generates {height}×{width} {_KINDS[channels]} images: the generator of a DCGAN as {target.name}.",
        *_usage(target, run, generator, name),
        *_origin(run, weights, trained),
        *_evaluation(run, weights),
        f"Over 64 seeds, the images differ by at most {difference:.1e}, for pixels in [-1, 1], from those of the Keras "
        "generator that was exported.",
        "## License of the data",
        _data_license(trained),
    ]
    return "\n\n".join(parts) + "\n"


def usage_code(
    target: Format, name: str, latent_dim: int, shape: tuple[int, ...], num_classes: int, classes: Classes | None = None
) -> str:
    """Return Python code that generates the images of the seeds 0 to 7 and saves them side by side.

    Args:
        target: the format of the export.
        name: name of its file or folder, in the folder where the code runs.
        latent_dim: length of a latent vector.
        shape: (H, W, C) of an image.
        num_classes: length of the class input; 0 for an unconditional generator.
        classes: the classes of the run, if they are known; the images are in the classes and clusters of their seeds.
    """
    inputs = {"latent": "latent"} | ({"class": "class_one_hot"} if num_classes else {})
    usage = target.usage
    assert usage is not None  # only called for formats that Python reads
    comment = "# Image n equals that of `generate.py --seeds n`."
    indices = [seed % num_classes for seed in _SEEDS] if num_classes else []
    if num_classes and classes is not None:
        pairs = zip(_SEEDS, classes.labels_for(_SEEDS), strict=True)
        indices = [classes.input_for(seed, label) for seed, label in pairs]
    elif num_classes:
        comment = "# The run does not record its classes: those of these images are arbitrary."
    code = _TEMPLATE.format(
        imports=f"{usage.imports}\n" if usage.imports else "",
        load=usage.load.format(name=_in_quotes(name)),
        latent_dim=latent_dim,
        comment=comment,
        count=len(_SEEDS),
        classes=_CLASSES.format(indices=indices, classes=num_classes) if num_classes else "",
        generate=usage.generate.format(
            arrays=_dictionary(inputs, "{}"),
            tensors=_dictionary(inputs, "tf.constant({})"),
            model_input="[latent, class_one_hot]" if num_classes else "latent",
            arguments=", ".join(inputs.values()),
        ),
        shape=(len(_SEEDS), *shape),
        straight=_STRAIGHT if shape[2] == 4 else "",
    )
    return f"{_source(usage.module)}\n\n{code}" if usage.module else f"import numpy as np\n{code}"


def _usage(target: Format, run: Run, generator: keras.Model, name: str) -> Iterable[str]:
    """Describe inputs and outputs, with code that generates images."""
    latent_dim, shape = generator.inputs[0].shape[1], generator.output_shape[1:]
    num_classes = generator.inputs[1].shape[1] if len(generator.inputs) > 1 else 0
    classes = run.classes()
    if classes is not None and len(classes.input_names) != num_classes:
        classes = None
    rows = ["| | name | float32 of shape | values |", "| --- | --- | --- | --- |"]
    rows += [f"| input | `latent` | (N, {latent_dim}) | standard normal |"]
    rows += [f"| input | `class` | (N, {num_classes}) | one-hot, or a mixture with sum 1 |"] if num_classes else []
    rows += [f"| output | `image` | (N, {', '.join(map(str, shape))}) | in [-1, 1], black to white; {_axes(shape)} |"]
    return [
        "## Usage",
        "\n".join(rows),
        "N is any batch size.",
        *([f"Classes, in order: {_class_names(classes, num_classes)}."] if num_classes else []),
        *_example(target, name, latent_dim, shape, num_classes, classes),
        *([target.notes] if target.notes else []),
    ]


def _example(target: Format, name: str, *described: Any) -> Iterable[str]:
    """Describe how to generate images with Python."""
    if target.usage is not None:
        packages = " ".join(["numpy", "pillow", *target.usage.packages])
        yield f"After `pip install {packages}`, in the folder that holds {_code(name)}:"
        yield _code_block("python", usage_code(target, name, *described))


def _axes(shape: tuple[int, ...]) -> str:
    return f"height, width, {_CHANNELS[shape[2]]}"


def _class_names(classes: Classes | None, count: int) -> str:
    """List the elements of the class input in order: classes by name, the clusters of a class by their range."""
    if classes is None or not classes.clusters:
        return ", ".join(_code(name) for name in (classes.names if classes else map(str, range(count))))
    described = []
    for label, name in enumerate(classes.names):
        inputs = classes.inputs_of(label)
        several = f"{inputs[0]} to {inputs[-1]} (clusters of similar images)"
        described.append(f"{_code(name)} {several if len(inputs) > 1 else inputs[0]}")
    return ", ".join(described)


def _data_license(trained: TrainConfig | None) -> str:
    """Return the license of the images that the weights have learned from, those of an earlier run included."""
    if trained is None:
        return "The run does not record what it was trained on."
    text = LICENSES[trained.dataset]
    if trained.init_from is None:
        return text
    return f"{text} The weights began with those of {_code(trained.init_from)}: see the license of its data as well."


def _origin(run: Run, weights: Weights, trained: TrainConfig | None) -> Iterable[str]:
    """Describe the run, its options and the package versions."""
    step = _step(run, weights)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("tensorflow", "keras", "numpy"))
    after = f" after {counted(step, 'step')}" if step else ""
    yield "## Origin"
    yield f"Run {_code(run.name)}{after}, {WEIGHTS[weights]}, in float32. Exported with {versions}."
    if trained is not None:
        options = {name: value for name, value in result_options(trained).items() if value is not None}
        yield f"Data set `{trained.dataset}`; options that change the result:"
        yield _code_block("yaml", yaml.safe_dump(options, sort_keys=False))


def _step(run: Run, weights: Weights) -> int | None:
    """The training step of the weights; None if the run does not record it."""
    if weights == "best":
        step = run.best_metrics().get("step")
        return None if step is None else int(step)
    return run.checkpoints.latest_step() or max((record["step"] for record in run.log_records()), default=None)


def _evaluation(run: Run, weights: Weights) -> Iterable[str]:
    """List the metrics of the run's evaluation report or, without one, the best ones during training."""
    yield "## Evaluation"
    report, best = read_report(run), run.best_metrics()
    if report:
        origin = f"{report['count']} images, generated with {report['weights']}. Data: {report['data']}"
        yield f"Measured on {_text(origin)}"
        rows = [
            f"| {_text(name)} | {_format(metric.get('generated'))} | {_format(metric.get('real'))} |"
            for name, metric in report["metrics"]
        ]
        yield "\n".join(["| metric | generated | real |", "| --- | --- | --- |", *rows])
    elif best:
        step = int(best.pop("step", 0))
        other = "" if weights != "raw" and step == _step(run, weights) else ", not of this export"
        yield f"Measured during training, with the EMA weights after {counted(step, 'step')}{other}:"
        rows = [f"| {_text(name)} | {_format(value)} |" for name, value in best.items()]
        yield "\n".join(["| metric | value |", "| --- | --- |", *rows])
    else:
        yield "The run has no evaluation; `python -m dcgan evaluate` computes one."


def _format(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "–"


def _text(text: str) -> str:
    """Return a text in one line, in which Markdown and HTML find no markup."""
    return re.sub(r"([\\`*\[\]<>|&])", r"\\\1", printable(text))


def _code(text: str) -> str:
    """Return a text as code in a line, between more backticks than it has in a row."""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""
    return f"{fence}{space}{printable(text)}{space}{fence}"


def _code_block(language: str, text: str) -> str:
    """Return lines of code in Markdown, between more backticks than they have in a row."""
    fence = "`" * max([3, *(1 + len(run) for run in re.findall("`+", text))])
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _in_quotes(text: str) -> str:
    """Return a text as it stands between double quotes in Python."""
    return printable(json.dumps(text, ensure_ascii=False)[1:-1])


def _dictionary(inputs: dict[str, str], value: str) -> str:
    """Return the source code of a dictionary of inputs."""
    return "{" + ", ".join(f'"{name}": {value.format(variable)}' for name, variable in inputs.items()) + "}"


def _source(module: str) -> str:
    """Return the source code of a module of this package, from its import of NumPy on."""
    text = (resources.files("dcgan.export") / module).read_text(encoding="utf-8")
    return text[text.index("import numpy as np") :]
