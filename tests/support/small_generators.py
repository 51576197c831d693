"""Generators of a few weights, runs that hold one, and inputs for them."""

import functools
import tempfile
from pathlib import Path

import keras
import numpy as np

from dcgan.config import TrainConfig
from dcgan.config.parser import to_yaml
from dcgan.core.classes import Classes
from dcgan.networks import build_generator
from dcgan.runs import Run
from dcgan.sampling import latents

LATENT_DIM, CLASSES = 5, 3


def randomize_weights(model: keras.Model, seed: int = 1) -> keras.Model:
    """Assign weights that give images of all gray levels."""
    random = np.random.default_rng(seed)
    for variable in model.variables:
        values = random.standard_normal(variable.shape) * 0.4
        variable.assign(np.abs(values) + 0.1 if "variance" in variable.path else values)
    return model


def new_small_generator(classes: int = 0, seed: int = 1, **options) -> keras.Model:
    """Build a generator of 16×24 images, gray or, with classes, in color."""
    sizes = {"image_size": (16, 24), "channels": 3 if classes else 1, "width": 3, "latent_dim": LATENT_DIM}
    return randomize_weights(build_generator(**(sizes | options), classes=classes), seed)


small_generator = functools.cache(new_small_generator)
"""The same, built once; tests must not change it."""


@functools.cache
def _saved(generator: keras.Model) -> bytes:
    """The content of `generator.keras`."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        run.save_generator(generator)
        return run.generator_file.read_bytes()


def run_with_generator(generator: keras.Model, path: Path = Path("checkpoints/tiny"), dataset: str = "cifar10") -> Run:
    """Write a run directory that holds a generator, its classes and a config."""
    run = Run(path)
    path.mkdir(parents=True)
    run.generator_file.write_bytes(_saved(generator))
    if len(generator.inputs) > 1:
        run.save_classes(Classes(("ant", "bee", "cat"), (0.5, 0.25, 0.25)))
    run.config_file.write_text(to_yaml(TrainConfig(dataset=dataset, data_dir=Path("/home/ann/secret"))))
    return run


def inputs_for(generator: keras.Model, count: int) -> dict[str, np.ndarray]:
    """Latents of the seeds from 0 on and, for a conditional generator, mixtures of classes."""
    arrays = {"latent": latents(range(count), LATENT_DIM)}
    if len(generator.inputs) > 1:
        mixtures = np.random.default_rng(2).dirichlet(np.ones(CLASSES), count)
        arrays["class"] = mixtures.astype(np.float32)
    return arrays


def images_from(generator: keras.Model, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Images in [-1, 1] as Keras computes them."""
    arrays = list(inputs.values())
    return np.asarray(generator(arrays if len(arrays) > 1 else arrays[0], training=False))


def list_files(folder: Path | str = ".") -> list[str]:
    """All files and folders below `folder`, sorted, relative to it."""
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))
