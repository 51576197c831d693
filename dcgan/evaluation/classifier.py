"""A small classifier of a dataset's own labels, trained once and cached; its hidden layer provides features."""

import hashlib
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from dcgan.core import devices
from dcgan.core.build_lock import build_lock, resolve_cache_dir
from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.core.rng import derived_seed
from dcgan.core.sizes import Size
from dcgan.core.streams import shows_progress
from dcgan.data.batches import batch_indices
from dcgan.data.image_dataset import ImageDataset
from dcgan.runs.keras_models import load_model, save_model

VERSION = 1
"""Increase it with every change of the network or its training, so that no cached older classifier is loaded.
Results in the features of different versions are not comparable."""

# 99.2 % on MNIST's test set after 45 seconds on two cores; twice the filters add no more than a tenth of a percent.
STEPS, BATCH_SIZE, LEARNING_RATE = 1500, 128, 2e-3
FILTERS, MAX_FILTERS, FEATURES = 16, 128, 64
_SEED = 0


def load_classifier(images: ImageDataset, cache_dir: Path | None = None, steps: int = STEPS) -> keras.Model:
    """Load the classifier of these images from the cache, or train it and write it there.

    The same images give the same weights on one machine. On another machine sums are rounded in another order.

    Args:
        images: dataset with labels of at least two classes.
        cache_dir: directory of the cache; None for the user's cache directory.
        steps: number of training steps.

    Returns:
        A model from float32 (N, H, W, C) in [-1, 1] to logits (N, classes). Its layer `features` outputs non-negative
        float32 (N, 64).

    Raises:
        UserError: the images have no labels, or the cache directory is not writable.
    """
    if images.labels is None or len(images.class_names) < 2:
        raise UserError(f"{images.name} has no labels to train a classifier on.", "Use --features inception.")
    path = classifier_path(images, cache_dir, steps)
    with build_lock(path, "training"):
        model = _load_cached(path)
        if model is None:
            model = train_classifier(images, steps)
            save_model(model, path)
    return model


def classifier_path(images: ImageDataset, cache_dir: Path | None, steps: int = STEPS) -> Path:
    """Return the path of these images' classifier in the cache.

    Args:
        images: as for `load_classifier`.
        cache_dir: as for `load_classifier`.
        steps: as for `load_classifier`.

    Returns:
        A `.keras` file, which need not exist; its name depends on the images, the steps and `VERSION`.
    """
    key = hashlib.sha256(f"{VERSION} {steps} {images.fingerprint}".encode()).hexdigest()[:12]
    return resolve_cache_dir(cache_dir) / f"classifier-{images.name}-{key}.keras"


def train_classifier(images: ImageDataset, steps: int = STEPS) -> keras.Model:
    """Train a new classifier.

    Args:
        images: as for `load_classifier`.
        steps: as for `load_classifier`.

    Returns:
        As `load_classifier`.
    """
    devices.configure_tensorflow(_SEED)
    model = untrained_classifier(images, steps)
    message = f"Training a classifier of {images.name} (once)"
    if not shows_progress():  # tqdm shows no bar there
        print(f"{message}.", file=sys.stderr, flush=True)
    with devices.without_tensor_float_32():
        for step in tqdm(range(1, steps + 1), message, leave=False, disable=not shows_progress()):
            train_step(model, images, step)
    return model


def untrained_classifier(images: ImageDataset, steps: int = STEPS) -> keras.Model:
    """Build a classifier with its optimizer.

    Args:
        images: as for `load_classifier`.
        steps: as for `load_classifier`.
    """
    model = build_classifier(images.image_size, images.channels, len(images.class_names))
    rate: Any = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)  # pyright: ignore[reportArgumentType]  (the stub knows only "auto")
    return model


def train_step(model: keras.Model, images: ImageDataset, step: int) -> None:
    """Train a classifier for one step.

    Args:
        model: what `untrained_classifier` returned.
        images: as for `load_classifier`.
        step: number of the step, from 1 on; it decides which images are used.
    """
    assert images.labels is not None
    chosen = batch_indices(step, BATCH_SIZE, len(images), _SEED)
    model.train_on_batch(to_float(images.images[chosen]), images.labels[chosen])


def build_classifier(image_size: Size, channels: int, classes: int) -> keras.Model:
    """Build the untrained classifier.

    Convolutions with max-pooling double the filters at every halving of the image until a side is at most 4 pixels.
    Two dense layers follow, of which the first one is `features`.

    Args:
        image_size: (height, width) in pixels.
        channels: image channels.
        classes: number of classes.

    Returns:
        A model as `load_classifier` returns it.
    """
    image = keras.Input((*image_size, channels), name="image")
    x, side, filters = image, min(image_size), FILTERS
    while side > 4:
        name = f"convolution_{filters}_{side}"
        x = _with_norm(keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, **_seeded(name)), x)
        x = keras.layers.MaxPooling2D(2)(x)
        side, filters = side // 2, min(2 * filters, MAX_FILTERS)
    x = keras.layers.Flatten()(x)
    x = _with_norm(keras.layers.Dense(FEATURES, use_bias=False, **_seeded("dense")), x, "features")
    logits = keras.layers.Dense(classes, **_seeded("logits"))(x)
    return keras.Model(image, logits, name="classifier")


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the fraction of images whose largest logit is that of their label.

    Args:
        logits: (N, classes).
        labels: integers (N,).

    Returns:
        A number in [0, 1].
    """
    return float((np.argmax(logits, axis=1) == labels).mean())


def _with_norm(layer: keras.layers.Layer, x: Any, name: str | None = None) -> Any:
    """Apply a layer, BatchNorm and ReLU."""
    x = keras.layers.BatchNormalization(momentum=0.9)(layer(x))
    return keras.layers.ReLU(name=name)(x)


def _seeded(name: str) -> dict[str, Any]:
    """Return a layer's name and its kernel initializer, whose seed depends on the name."""
    return {"name": name, "kernel_initializer": keras.initializers.HeNormal(derived_seed(_SEED, f"classifier/{name}"))}


def _load_cached(path: Path) -> keras.Model | None:
    """Load the classifier, or return None where the file is missing or damaged."""
    try:
        return load_model(path, "classifier") if path.is_file() else None
    except UserError:
        return None
