"""What a drawn picture shows, read by the classifier of the data set that its generator learnt from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import keras
import numpy as np

from dcgan import data, runs
from dcgan.config import DataConfig
from dcgan.config.messages import did_you_mean
from dcgan.core import devices
from dcgan.core.classes import Classes, with_class
from dcgan.core.errors import UserError
from dcgan.data.image_dataset import LABELS_HINT
from dcgan.evaluation.classifier import load_classifier
from dcgan.evaluation.features import extract
from dcgan.runs import Run
from dcgan.runs.loading import data_options
from dcgan.sampling.generation import generate_images
from dcgan.sampling.latents import latents


@dataclass(frozen=True, eq=False)
class Subject:
    """A run's generator, its pictures, and what they show.

    Args:
        run: it is of.
        config: the options of the command, from which the data set follows.
        generator: as `Run.load_generator` gives it.
        classes: of a conditional run.
    """

    run: Run
    config: DataConfig
    generator: keras.Model
    classes: Classes | None

    def pool(self, seeds: range) -> "Pool":
        """The pictures of some seeds; with classes, each in its own."""
        z = latents(seeds, self.generator.inputs[0].shape[-1])
        if self.classes is None:
            return Pool(z, generate_images(self.generator, z), None)
        labels = self.classes.labels_for(seeds)
        rows = with_class(z, self.classes.one_hot(labels))
        return Pool(rows, generate_images(self.generator, rows), labels)

    def reader(self) -> tuple[tuple[str, ...], Callable[[np.ndarray], np.ndarray]]:
        """The names of the data set's classes, and what reads the class of pictures: uint8 (N, H, W, C) to int (N,).

        The classifier is trained when it is first asked, so that a name can be looked up before.

        Raises:
            UserError: the data set is not there, has no labels or not the run's, or images of another size.
        """
        shape = self.generator.output_shape[1:]
        images = data.load(data_options(self.config, self.run, shape))
        if images.labels is None:
            raise UserError(f"{images.name} has no labels by which its classes could be read.", LABELS_HINT)
        if images.images.shape[1:] != shape:
            sizes = " and ".join("x".join(map(str, each)) for each in (images.images.shape[1:], shape))
            raise UserError(f"Images and generator differ in size: {sizes}.", "Leave out --image-size and --channels.")
        if self.classes is not None and tuple(images.class_names) != self.classes.names:
            raise UserError(f"{images.name} has other classes than {self.run.path}.", "Leave out --dataset.")
        classifier = cache(lambda: load_classifier(images, self.config.cache_dir))
        return tuple(images.class_names), lambda pictures: extract(classifier(), pictures).argmax(axis=1)


@dataclass(frozen=True, eq=False)
class Pool:
    """Some drawn pictures.

    Args:
        rows: what they are drawn from: float32 (N, dim), or with classes (N, dim + classes).
        images: uint8 (N, H, W, C).
        labels: int (N,), the classes they are drawn in; None without classes.
    """

    rows: np.ndarray
    images: np.ndarray
    labels: np.ndarray | None

    def __getitem__(self, chosen) -> "Pool":
        labels = None if self.labels is None else self.labels[chosen]
        return Pool(self.rows[chosen], self.images[chosen], labels)


def load_subject(config, weights: str) -> Subject:
    """The generator of the run that a command's options name.

    Raises:
        UserError: as `dcgan.runs.find_run` and `Run.load_generator`.
    """
    devices.configure_tensorflow(seed=0)  # nothing is drawn from it: latents have seeds of their own
    run = runs.find_run(config.run_dir)
    return Subject(run, config, run.load_generator(weights), run.classes())


def parse_class(text: str, names: tuple[str, ...], others: Iterable[str] = ()) -> int:
    """The number of the class that a person means by its name or number.

    Args:
        text: the name or number.
        names: of the classes.
        others: what else may have been meant.

    Raises:
        UserError: there is no such class; it names what is spelt alike.
    """
    try:
        return Classes(names, tuple(1 / len(names) for _ in names)).parse(text)
    except UserError as error:
        if (meant := did_you_mean(text, others)) == ".":
            raise
        raise UserError(f"There is no class {text!r}{meant}", error.hint) from None
