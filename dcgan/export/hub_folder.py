"""A run as the folder of a repository of Hugging Face: what others need to use it, and nothing else."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from dcgan.config.fields import Weights
from dcgan.core.classes import Classes
from dcgan.export.public_files import public_config, public_report, read_report
from dcgan.runs import Run
from dcgan.runs.jsonl import is_number, write_jsonl
from dcgan.runs.keras_models import save_model

if TYPE_CHECKING:
    import keras

SAMPLES = "samples.png"
"""Name of the grid of the images of the seeds 0 to 63."""

_BINARY = ("*.keras", "*.h5", "*.png", "*.onnx", "*.tflite", "*.npz", "*.npy", "*.pb", "*.data-*", "*.gif")

ATTRIBUTES = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in _BINARY)
"""The files that Git stores by Git LFS, as the hub requires; those of other exports, too, which may be added later."""


def write_hub_folder(generator: "keras.Model", path: Path, run: Run, weights: Weights) -> None:
    """Write a folder that is a run directory, a repository that Keras loads, and holds nothing private.

    Args:
        generator: a generator in float32.
        path: folder to write; its model card is written by `dcgan.export.export`.
        run: the run of the generator.
        weights: the weights of the generator; an evaluation of others is left out.

    Raises:
        UserError: the config, the classes or the log of the run are damaged.
    """
    published = Run(path)
    save_model(generator, published.generator_file)
    with zipfile.ZipFile(published.generator_file) as archive:  # what `keras.saving.load_model("hf://…")` reads
        archive.extractall(path)
    if run.discriminator_file.is_file():
        shutil.copyfile(run.discriminator_file, published.discriminator_file)
    if run.config_file.is_file():
        published.save_config(public_config(run.config()))
    if (classes := run.classes()) is not None:
        published.save_classes(classes)
    if records := [{key: value for key, value in record.items() if is_number(value)} for record in run.log_records()]:
        write_jsonl(published.log_file, records)
    if (report := read_report(run)) is not None and report["weights"] == f"{weights} weights":
        published.evaluation_file.write_text(json.dumps(public_report(run), indent=1) + "\n", encoding="utf-8")
    (path / ".gitattributes").write_text(ATTRIBUTES, encoding="utf-8")
    _save_samples(generator, path / SAMPLES, classes)


def _save_samples(generator: "keras.Model", file: Path, classes: Classes | None) -> None:
    """Write the grid of the images of the seeds 0 to 63, each in the class that belongs to its seed."""
    from dcgan.sampling.generation import generate_images, input_widths
    from dcgan.sampling.selection import Selection
    from dcgan.visualization import save_png, tile

    dim, *others = input_widths(generator)
    if others and (classes is None or len(classes.input_probabilities) != others[0]):
        count = others[0]
        classes = Classes(tuple(map(str, range(count))), (1 / count,) * count)
    save_png(file, tile(generate_images(generator, Selection(range(64), classes if others else None).rows(dim))))
