"""The card of an export: what it is, how to use it, what it was made from and how good it is."""

import importlib.metadata
import json
import re
from collections.abc import Iterable
from typing import Any

import keras
import yaml

from dcgan.config import ExportConfig, TrainConfig, result_options
from dcgan.export.formats import FORMATS
from dcgan.export.usage_code import PACKAGES, code
from dcgan.runs import Run

WEIGHTS = {
    "ema": "the average of the trained weights (`ema`)",
    "raw": "the weights as training left them (`raw`)",
    "best": "the average of the trained weights when its pictures were nearest to the data (`best`)",
}

_MNIST = (
    "MNIST is the work of Yann LeCun and Corinna Cortes, under CC BY-SA 3.0 "
    "(https://creativecommons.org/licenses/by-sa/3.0/)."
)

LICENCES = {
    "mnist10k": f"{_MNIST} These are its first 10,000 training images.",
    "mnist": _MNIST,
    "stacked_mnist": f"{_MNIST} Every image is three of its digits, one a colour.",
    "fashion_mnist": "Fashion-MNIST is the work of Zalando SE, under the MIT licence.",
    "cifar10": "CIFAR-10 (Alex Krizhevsky, 2009) is published without a stated licence.",
    "celeba": "CelebA (Liu et al. 2015) may be used for non-commercial research only, by the terms of its authors.",
    "folder": "The pictures came from a folder of whoever trained the generator: ask them what may be done with it.",
}
"""What may be done with the data, by the data set's name."""


def model_card(config: ExportConfig, run: Run, generator: keras.Model, name: str, difference: float) -> str:
    """Describe an export in Markdown.

    Args:
        config: the command's options.
        run: what was exported.
        generator: of that run, in float32.
        name: of the file or folder that was written.
        difference: the largest one between its pictures and the generator's, in [-1, 1].

    Raises:
        UserError: the run's config is damaged.
    """
    trained = run.config() if run.config_file.exists() else None
    height, width, channels = generator.output_shape[1:]
    parts = [
        f"# {name}",
        f"Draws {height}×{width} pictures {'in colour' if channels == 3 else 'in grey'}: a DCGAN's generator as "
        f"{FORMATS[config.format].words}.",
        *_use(config.format, run, generator, name),
        *_origin(config, run, trained),
        *_figures(config, run),
        f"The pictures of 64 seeds differ by at most {difference:.1e}, in [-1, 1], from those of the Keras generator "
        "this was made from.",
        "## Licence of the data",
        LICENCES[trained.dataset] if trained else "The run does not say what it was trained on.",
    ]
    return "\n\n".join(parts) + "\n"


def _use(kind: str, run: Run, generator: keras.Model, name: str) -> Iterable[str]:
    """Inputs, outputs, and lines that draw."""
    dim, shape = generator.inputs[0].shape[1], generator.output_shape[1:]
    classes = generator.inputs[1].shape[1] if len(generator.inputs) > 1 else 0
    rows = ["| | name | float32 of shape | values |", "| --- | --- | --- | --- |"]
    rows += [f"| in | `latent` | (N, {dim}) | drawn from a standard normal distribution |"]
    rows += [f"| in | `class` | (N, {classes}) | one-hot, or parts of classes that add up to 1 |"] if classes else []
    rows += [f"| out | `image` | (N, {', '.join(map(str, shape))}) | from -1, black, to 1; {_axes(shape)} |"]
    packages = " ".join(["numpy", "pillow", *PACKAGES.get(kind, "").split()])
    return [
        "## Use",
        "\n".join(rows),
        "N is any number.",
        *([f"Classes, in order: {_classes(run, classes)}."] if classes else []),
        f"After `pip install {packages}`, in the folder that holds `{name}`:",
        f"```python\n{code(kind, name, dim, shape, classes).rstrip()}\n```",
        *_remarks(kind),
    ]


def _remarks(kind: str) -> Iterable[str]:
    """What there is to know of a format."""
    if kind != "npz":
        return []
    return [
        "The file holds every weight by the path of its variable (`project/kernel`, `norm_0/gamma`, …), and what "
        "rebuilds the network: `image_size`, `channels`, `width`, `latent_dim`, `kernel`, `classes` and `upsampling` "
        "are arguments of `dcgan.networks.build_generator`, `epsilon` is BatchNorm's. Kernels of transposed "
        "convolutions are (height, width, out, in), of others (height, width, in, out)."
    ]


def _axes(shape: tuple[int, ...]) -> str:
    return f"height, width, {'red-green-blue' if shape[2] == 3 else 'grey'}"


def _classes(run: Run, count: int) -> str:
    """The names of the classes, in the order of the one-hot row."""
    known = run.classes()
    names = known.names if known is not None and len(known) == count else [str(number) for number in range(count)]
    return ", ".join(f"`{name}`" for name in names)


def _origin(config: ExportConfig, run: Run, trained: TrainConfig | None) -> Iterable[str]:
    """What it was made from, and by what."""
    step = _step(config, run)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("tensorflow", "keras", "numpy"))
    yield "## Origin"
    yield (
        f"Run `{run.path.resolve().name}`{f' after {step} steps' if step else ''}, {WEIGHTS[config.weights]}, "
        f"in float32. Written with {versions}."
    )
    if trained is not None:
        options = {name: value for name, value in result_options(trained).items() if value is not None}
        yield f"Data set `{trained.dataset}`; the options that decide the result:"
        yield f"```yaml\n{yaml.safe_dump(options, sort_keys=False).rstrip()}\n```"


def _step(config: ExportConfig, run: Run) -> int | None:
    """The step the weights are from, as far as the run says."""
    if config.weights == "best":
        return run.best_metrics().get("step")
    return run.checkpoints.latest_step() or max((record["step"] for record in run.log_records()), default=None)


def _figures(config: ExportConfig, run: Run) -> Iterable[str]:
    """What was measured: the report of `evaluate`, or of training on its way."""
    yield "## Figures"
    report, best = _evaluation(run), run.best_metrics()
    if report:
        yield f"Of {report['count']} pictures, drawn with {report['weights']}. Data: {report['data']}"
        rows = [f"| {name} | {_number(f.get('drawn'))} | {_number(f.get('real'))} |" for name, f in report["figures"]]
        yield "\n".join(["| | drawn | real |", "| --- | --- | --- |", *rows])
    elif best:
        step = best.pop("step", None)
        other = "" if config.weights != "raw" and step == _step(config, run) else ", not of this one"
        yield f"Measured during training, of the averaged generator after {step} steps{other}:"
        yield "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {_number(value)} |" for name, value in best.items())])
    else:
        yield "The run holds no figures; `python -m dcgan evaluate` measures them."


def _evaluation(run: Run) -> dict[str, Any] | None:
    """The parts of `evaluation.json` that a card repeats; None where there is none that can be read."""
    try:
        report = json.loads(run.evaluation_file.read_text(encoding="utf-8"))
        figures = [(name, dict(figure)) for name, figure in report["figures"].items()]
        # The report names the run with its path, which is nobody else's business.
        weights = re.search(r"\((\w+ weights)\)$", report["pictures"])
        described = {"weights": weights[1] if weights else "weights unknown", "count": report["counts"]["drawn"]}
        return {**described, "data": str(report["data"]), "figures": figures}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _number(value: Any) -> str:
    """A figure as a table shows it."""
    return f"{value:.4g}" if isinstance(value, int | float) else "–"
