"""The class of a generated image, predicted by the classifier of the dataset that its generator was trained on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import keras
import numpy as np

from dcgan import data, runs
from dcgan.config import DataConfig, EditConfig
from dcgan.core import devices
from dcgan.core.classes import Classes
from dcgan.core.errors import UserError, did_you_mean
from dcgan.core.sizes import format_shape
from dcgan.data.image_dataset import LABELS_HINT
from dcgan.evaluation.classifier import load_classifier
from dcgan.evaluation.features import extract
from dcgan.runs import Run
from dcgan.runs.loading import data_options
from dcgan.sampling.generation import generate_images
from dcgan.sampling.selection import Selection

LabelPredictor = Callable[[np.ndarray], np.ndarray]
"""Maps images, uint8 (N, H, W, C), to class labels, int (N,)."""


@dataclass(frozen=True, eq=False)
class GeneratedImages:
    """Some generated images and their latents.

    Args:
        rows: generator inputs, float32 (N, dim), or (N, dim + classes) with one-hot classes.
        images: uint8 (N, H, W, C).
        labels: classes they were generated for, int (N,); None for an unconditional generator.
    """

    rows: np.ndarray
    images: np.ndarray
    labels: np.ndarray | None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: np.ndarray | slice) -> "GeneratedImages":
        """Return the chosen images, by a mask, indices or a slice."""
        labels = None if self.labels is None else self.labels[chosen]
        return GeneratedImages(self.rows[chosen], self.images[chosen], labels)


@dataclass(frozen=True, eq=False)
class RunGenerator:
    """A run's generator, and the classes of the dataset it was trained on.

    Args:
        run: the run.
        config: options of the command, which select the dataset.
        generator: as `Run.load_generator` returns it.
        classes: classes of a conditional run; None for an unconditional one.
    """

    run: Run
    config: DataConfig
    generator: keras.Model
    classes: Classes | None

    @property
    def latent_dim(self) -> int:
        """Length of a latent vector."""
        return self.generator.inputs[0].shape[-1]

    def generate(self, seeds: range) -> GeneratedImages:
        """Generate the images of some seeds, in a conditional run each in its own class.

        Args:
            seeds: non-negative integers.

        Returns:
            One image per seed.
        """
        selection = Selection(seeds, self.classes)
        rows = np.stack(list(selection.rows(self.latent_dim)))
        labeled = self.classes is not None and self.classes.labeled
        labels = np.array([label for _, label in selection.pairs()]) if labeled else None
        return GeneratedImages(rows, generate_images(self.generator, rows), labels)

    def label_predictor(self) -> tuple[tuple[str, ...], LabelPredictor]:
        """Return the names of the dataset's classes, and a function that predicts the class of images.

        The classifier is loaded or trained on the first prediction, so that class names can be checked before.

        Raises:
            UserError: the dataset is missing, has no labels, or its images or classes are not those of the run.
        """
        shape = self.generator.output_shape[1:]
        images = data.load(data_options(self.config, self.run, shape))
        if images.labels is None:
            raise UserError(f"{images.name} has no labels to predict classes from.", LABELS_HINT)
        if images.images.shape[1:] != shape:
            ours, theirs = format_shape(shape), format_shape(images.images.shape[1:])
            raise UserError(
                f"The generated images are {ours}, but the dataset's images are {theirs}.",
                "Leave out --image-size and --channels.",
            )
        classes = self.classes
        if classes is not None and classes.labeled and tuple(images.class_names) != classes.names:
            raise UserError(f"{images.name} has other classes than {self.run.path}.", "Leave out --dataset.")
        classifier = cache(lambda: load_classifier(images, self.config.cache_dir))
        return tuple(images.class_names), lambda generated: extract(classifier(), generated).argmax(axis=1)


def load_run_generator(config: EditConfig) -> RunGenerator:
    """Load the generator of the run that the options name.

    Args:
        config: options with `run_dir`, `weights` and `device`.

    Returns:
        The generator and its classes.

    Raises:
        UserError: as `dcgan.runs.find_run` and `Run.load_generator`, or the device can't be used.
    """
    devices.configure_tensorflow(seed=0, device=config.device)  # latents have seeds of their own
    devices.check_gpus()
    run = runs.find_run(config.run_dir)
    return RunGenerator(run, config, run.load_generator(config.weights), run.classes())


def parse_class(text: str, names: tuple[str, ...], alternatives: Iterable[str] = ()) -> int:
    """Return the label of a class given by name or number.

    Args:
        text: name or number.
        names: class names.
        alternatives: other valid values of the option, suggested for a misspelled name.

    Returns:
        The label, an index into `names`.

    Raises:
        UserError: there is no such class; the message suggests similar names.
    """
    try:
        return Classes(names, tuple(1 / len(names) for _ in names)).parse(text)
    except UserError as error:
        if (suggestion := did_you_mean(text, alternatives)) == ".":
            raise
        raise UserError(f"There is no class {text!r}{suggestion}", error.hint) from None
