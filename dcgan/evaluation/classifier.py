"""A small classifier of a data set's own labels, trained once and kept: what its features know is that data set."""

import hashlib
import sys
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from dcgan.core import devices
from dcgan.core.atomic_io import atomic_write
from dcgan.core.build_lock import build_lock, resolve_cache_dir
from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.core.keras_archive import make_reproducible
from dcgan.core.rng import derived_seed
from dcgan.core.sizes import Size
from dcgan.data.batches import batch_indices
from dcgan.data.image_dataset import ImageDataset

RECIPE = 1
"""Counted up by whoever changes the network or its training, so that no classifier of an older recipe is taken for it.
Figures by different recipes can't be compared."""

# 99.2 % on MNIST's test set after 45 seconds on two cores; twice the filters add no more than a tenth of a percent.
STEPS, BATCH, LEARNING_RATE = 1500, 128, 2e-3
FILTERS, MOST_FILTERS, FEATURES = 16, 128, 64
_SEED = 0


def load_classifier(images: ImageDataset, cache_dir: Path | None = None, steps: int = STEPS) -> keras.Model:
    """The classifier of these images: trained now, or read from where an earlier call left it.

    The same images give the same weights on one machine; on another, sums are rounded in another order.

    Args:
        images: with labels of at least two classes.
        cache_dir: where it is kept; by default the user's cache folder.
        steps: how long it is trained.

    Returns:
        A model from float32 (N, H, W, C) in [-1, 1] to logits (N, classes); its layer `features` gives
        float32 (N, 64), none below 0.

    Raises:
        UserError: the images have no labels, or the folder can't be written to.
    """
    if images.labels is None or len(images.class_names) < 2:
        raise UserError(f"{images.name} has no labels to train a classifier on.", "Take --features inception.")
    path = place_of(images, cache_dir, steps)
    with build_lock(path, "training"):
        model = _read(path)
        if model is None:
            model = train_classifier(images, steps)
            with atomic_write(path) as temporary:
                model.save(temporary)
                make_reproducible(temporary)
    return model


def place_of(images: ImageDataset, cache_dir: Path | None, steps: int = STEPS) -> Path:
    """Where the classifier of these images, by this recipe, lies."""
    key = hashlib.sha256(f"{RECIPE} {steps} {images.fingerprint}".encode()).hexdigest()[:12]
    return resolve_cache_dir(cache_dir) / f"classifier-{images.name}-{key}.keras"


def train_classifier(images: ImageDataset, steps: int = STEPS) -> keras.Model:
    """Train a new classifier; arguments and result as for `load_classifier`."""
    devices.configure_tensorflow(_SEED)
    model = build_classifier(images.image_size, images.channels, len(images.class_names))
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    words = f"Training a classifier of {images.name}, once"
    if not sys.stderr.isatty():  # where no bar is drawn
        print(f"{words}.", file=sys.stderr, flush=True)
    for step in tqdm(range(1, steps + 1), words, leave=False, disable=None):
        chosen = batch_indices(step, BATCH, len(images), _SEED)
        model.train_on_batch(to_float(images.images[chosen]), images.labels[chosen])
    return model


def build_classifier(image_size: Size, channels: int, classes: int) -> keras.Model:
    """Convolutions that double their filters wherever the image is halved, until it is 4 pixels or less, and two
    dense layers; the first of them is `features`."""
    image = keras.Input((*image_size, channels), name="image")
    x, side, filters = image, min(image_size), FILTERS
    while side > 4:
        name = f"convolution_{filters}_{side}"
        x = _normed(keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, **_initial(name)), x)
        x = keras.layers.MaxPooling2D(2)(x)
        side, filters = side // 2, min(2 * filters, MOST_FILTERS)
    x = keras.layers.Flatten()(x)
    x = _normed(keras.layers.Dense(FEATURES, use_bias=False, **_initial("dense")), x, "features")
    logits = keras.layers.Dense(classes, **_initial("logits"))(x)
    return keras.Model(image, logits, name="classifier")


def _normed(layer: keras.layers.Layer, x, name: str | None = None):
    """A layer, BatchNorm and ReLU."""
    x = keras.layers.BatchNormalization(momentum=0.9)(layer(x))
    return keras.layers.ReLU(name=name)(x)


def _initial(name: str) -> dict:
    """The name of a layer, and weights that are drawn for it alone."""
    return {"name": name, "kernel_initializer": keras.initializers.HeNormal(derived_seed(_SEED, f"classifier/{name}"))}


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """The part of the images, in [0, 1], whose largest logit, of (N, classes), is their label's, of (N,)."""
    return float((np.argmax(logits, axis=1) == labels).mean())


def _read(path: Path) -> keras.Model | None:
    """The classifier, or None where there is none, or none that is whole."""
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True) if path.is_file() else None
    except Exception:  # whatever a damaged file makes Keras raise
        return None
