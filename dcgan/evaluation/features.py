"""Feature extraction: the networks in whose features generated and real images are compared."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dcgan.config import DataConfig
from dcgan.config.run_commands import FEATURES, check_features
from dcgan.core.devices import without_tensor_float_32
from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.core.sizes import Size
from dcgan.data.image_dataset import ImageDataset
from dcgan.evaluation import inception_2015
from dcgan.evaluation.classifier import load_classifier
from dcgan.evaluation.splits import load_splits
from dcgan.runs.keras_models import load_model

BATCH_SIZE = 256
"""Images per forward pass, the last one padded, so that rounding does not depend on the number of images."""
INCEPTION_BATCH_SIZE = 32  # its 299×299 images take 100 times the memory of a digit's
INCEPTION_SIZE = (299, 299)

CLASSIFIER, INCEPTION, INCEPTION_2015 = FEATURES


@dataclass(frozen=True, eq=False)
class Extractor:
    """A network whose output is used as features.

    Args:
        name: `classifier`, `inception`, `inception-2015`, or a file.
        model: maps float32 (N, H, W, C) in [-1, 1] to one floating-point output (N, …).
        note: what to know when comparing results in these features, in one sentence.
        batch_size: images per forward pass.
        each_channel: whether the network takes one channel at a time; the features of all channels are concatenated.
    """

    name: str
    model: keras.Model
    note: str
    batch_size: int = BATCH_SIZE
    each_channel: bool = False

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the features, float32 (N, D), of images, uint8 (N, H, W, C)."""
        parts = [images[..., [c]] for c in range(images.shape[-1])] if self.each_channel else [images]
        return np.concatenate([extract(self.model, part, self.batch_size) for part in parts], axis=1)


def extract(model: keras.Model, images: np.ndarray, batch_size: int = BATCH_SIZE) -> np.ndarray:
    """Run images through a network in inference mode, in padded batches of one size.

    On a GPU, float32 products are not rounded to TF32: distances between features are differences of sums of these.

    Args:
        model: as for `Extractor`; images of another size are resized to its input, grayscale is repeated to RGB, and
            transparency blended with white.
        images: uint8 (N, H, W, C), in memory or memory-mapped.
        batch_size: images per forward pass; it changes the features by rounding only.

    Returns:
        float32 (N, D), the model's output flattened.
    """
    forward, shape = _forward(model, batch_size), images.shape[1:]
    padded = np.zeros((batch_size, *shape), np.uint8)
    parts = []
    with without_tensor_float_32():
        for start in range(0, len(images), batch_size):
            part = images[start : start + batch_size]
            padded[: len(part)], padded[len(part) :] = part, 0
            parts.append(forward(tf.constant(padded)).numpy()[: len(part)])
    return np.concatenate(parts) if parts else np.empty((0, math.prod(model.output_shape[1:])), np.float32)


@lru_cache(maxsize=4)
def _forward(model: keras.Model, batch_size: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return the network from uint8 images to flat features, as a graph for one batch size."""

    @tf.function(reduce_retracing=False)
    def forward(images: tf.Tensor) -> tf.Tensor:
        output = model(_resize_to_input(to_float(images), model.input_shape[1:]), training=False)
        return tf.reshape(tf.cast(output, tf.float32), (batch_size, -1))

    return forward


def _resize_to_input(images: Any, shape: tuple[int | None, ...]) -> tf.Tensor:
    """Match the images to an input shape (H, W, C); None matches any size."""
    *size, channels = shape
    if images.shape[-1] == 1 and channels == 3:
        images = tf.image.grayscale_to_rgb(images)
    if images.shape[-1] == 4 and channels == 3:
        images = images[..., :3] + (1.0 - images[..., 3:])  # premultiplied, on white: 1 is opaque or white
    if None in size or tuple(size) == tuple(images.shape[1:3]):
        return images
    return tf.image.resize(images, size, "bicubic", antialias=True)


def classifier_features(images: ImageDataset, cache_dir: Path | None = None) -> Extractor:
    """Return the last hidden layer of a classifier trained on these images and their labels.

    Args:
        images: as for `load_classifier`.
        cache_dir: as for `load_classifier`.

    Returns:
        An extractor of 64 features.

    Raises:
        UserError: as `load_classifier`.
    """
    return classifier_features_from(load_classifier(images, cache_dir))


def classifier_features_from(classifier: keras.Model, *, each_channel: bool = False) -> Extractor:
    """Return the last hidden layer of a classifier.

    Args:
        classifier: a model from `dcgan.evaluation.classifier`.
        each_channel: as for `Extractor`.

    Returns:
        An extractor of 64 features, or of 64 per channel.
    """
    hidden = keras.Model(classifier.input, classifier.get_layer("features").output)
    note = "Comparable only between runs on one dataset and one machine."
    return Extractor(CLASSIFIER, hidden, note, each_channel=each_channel)


def named_features(name: str, image_size: Size, channels: int, cache_dir: Path | None = None) -> Extractor:
    """Return the features of a network that is trained already.

    Args:
        name: `inception`, `inception-2015`, or a `.keras` file.
        image_size: as for `file_features`.
        channels: as for `file_features`.
        cache_dir: folder of downloaded weights; the default cache folder if None.

    Returns:
        Their extractor.

    Raises:
        UserError: the weights can't be downloaded, or the file can't be used.
    """
    if name == INCEPTION:
        return inception_features()
    if name == INCEPTION_2015:
        return inception_2015_features(cache_dir)
    return file_features(Path(name), image_size, channels)


def inception_2015_features(cache_dir: Path | None = None) -> Extractor:
    """Return the 2015 Inception network of published FID values; its weights are downloaded once.

    Args:
        cache_dir: as for `named_features`.

    Returns:
        An extractor of 2048 features.

    Raises:
        UserError: the weights are not there and the download fails, or they are not the published file.
    """
    model = inception_2015.build_inception_2015(inception_2015.graph_file(cache_dir))
    note = "The network of published FID, which usually compares 50,000 images with training images."
    return Extractor(INCEPTION_2015, model, note, INCEPTION_BATCH_SIZE)


def inception_features() -> Extractor:
    """Return Inception-v3 from `keras.applications` with average pooling; its weights are downloaded once.

    Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", trained on ImageNet. Published
    FID values use another network, that of `inception_2015_features`, so results must not be compared with them.

    Returns:
        An extractor of 2048 features.

    Raises:
        UserError: the weights are not there and the download fails.
    """
    try:
        model = keras.applications.InceptionV3(
            include_top=False, weights="imagenet", input_shape=(*INCEPTION_SIZE, 3), pooling="avg"
        )
    except Exception as error:  # Keras raises plain `Exception` when an address can't be reached
        raise UserError(
            f"The weights of Inception-v3 can't be downloaded: {' '.join(str(error).split())[:200]}",
            "Without a network connection, use --features classifier or a model file.",
        ) from error
    note = "Not comparable with published FID, which uses the 2015 Inception weights."
    return Extractor(INCEPTION, model, note, INCEPTION_BATCH_SIZE)


def file_features(path: Path, image_size: Size, channels: int) -> Extractor:
    """Load any Keras model in safe mode; its flattened output is used as features.

    Args:
        path: a `.keras` file whose model takes images in [-1, 1].
        image_size: (height, width) of the images; they are resized if the model takes another size.
        channels: image channels.

    Returns:
        An extractor of as many features as the model has outputs.

    Raises:
        UserError: the file is missing, contains no model, or its model takes other inputs.
    """
    check_features(str(path))
    model: Any = load_model(path, "model")
    try:
        shape, width = model.input_shape, math.prod(model.output_shape[1:])
        fits = len(shape) == 4 and shape[-1] in (channels, None, 3 if channels in (1, 4) else channels)
    except Exception as error:  # several inputs or outputs raise many types
        raise UserError(
            f"{path} can't be used: {' '.join(str(error).split())[:200]}",
            "--features needs a .keras model with one input and one output.",
        ) from error
    if not fits:
        raise UserError(
            f"{path} takes inputs {shape}, not images of {(*image_size, channels)}.", "Choose another --features model."
        )
    note = "" if None in shape[1:3] or shape[1:3] == image_size else f"Images are resized to {shape[1]}x{shape[2]}. "
    return Extractor(str(path), model, f"{note}{width} features of {path.name}.")


def digit_features(images: np.ndarray) -> np.ndarray:
    """Compute features of digits, by a classifier trained once on some of the digits of `mnist10k`.

    Only digits that the classifier was not trained on are to be compared: those in the other parts of
    `dcgan.evaluation.splits.load_splits(DataConfig())`.

    Args:
        images: uint8 (N, 28, 28, 1).

    Returns:
        float32 (N, 64).

    Raises:
        UserError: the user's cache directory is not writable.
    """
    return digit_extractor()(images)


@lru_cache(maxsize=1)
def digit_extractor() -> Extractor:
    """Return the extractor that `digit_features` uses, loaded or trained once per process.

    Returns:
        An extractor of 64 features.
    """
    return classifier_features(load_splits(DataConfig()).classifier)
