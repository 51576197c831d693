"""From images to the features in which they are compared."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from dcgan.config import DataConfig
from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.core.sizes import Size
from dcgan.data import load
from dcgan.data.image_dataset import ImageDataset
from dcgan.evaluation.classifier import load_classifier

BATCH = 256
"""Images a forward pass, the last one filled up: sums are rounded the same way for any number of images."""
INCEPTION_BATCH = 32  # its 299×299 images take 100 times the memory of a digit's
INCEPTION_SIZE = (299, 299)

CLASSIFIER, INCEPTION = "classifier", "inception"


@dataclass(frozen=True, eq=False)
class Extractor:
    """A network whose outputs are the features.

    Args:
        name: `classifier`, `inception`, or a file.
        model: float32 (N, H, W, C) in [-1, 1] in, one output of floats (N, …) out.
        note: what has to be known to read figures in these features, in one line.
        batch_size: images a forward pass.
        each_channel: whether the network sees one channel at a time, and the features are those of all channels.
    """

    name: str
    model: keras.Model
    note: str
    batch_size: int = BATCH
    each_channel: bool = False

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features of images, uint8 (N, H, W, C): float32 (N, D)."""
        parts = [images[..., [c]] for c in range(images.shape[-1])] if self.each_channel else [images]
        return np.concatenate([extract(self.model, part, self.batch_size) for part in parts], axis=1)


def extract(model: keras.Model, images: np.ndarray, batch_size: int = BATCH) -> np.ndarray:
    """Run images through a network in inference mode, in padded batches of one size.

    Args:
        model: as for `Extractor`; images of another size than its input's are resized, and grey ones repeated.
        images: uint8 (N, H, W, C), in memory or memory-mapped.
        batch_size: images a forward pass; features depend on it by rounding only.

    Returns:
        float32 (N, D), the model's output flattened.
    """
    forward, shape = _forward(model, batch_size), images.shape[1:]
    padded = np.zeros((batch_size, *shape), np.uint8)
    parts = []
    for start in range(0, len(images), batch_size):
        part = images[start : start + batch_size]
        padded[: len(part)], padded[len(part) :] = part, 0
        parts.append(forward(tf.constant(padded)).numpy()[: len(part)])
    return np.concatenate(parts) if parts else np.empty((0, math.prod(model.output_shape[1:])), np.float32)


@lru_cache(maxsize=4)
def _forward(model: keras.Model, batch_size: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """The network from bytes to flat features, as a graph for one batch size."""

    @tf.function(reduce_retracing=False)
    def forward(images: tf.Tensor) -> tf.Tensor:
        output = model(_fitted(to_float(images), model.input_shape[1:]), training=False)
        return tf.reshape(tf.cast(output, tf.float32), (batch_size, -1))

    return forward


def _fitted(images: tf.Tensor, shape: tuple[int | None, ...]) -> tf.Tensor:
    """Images of the size and channels that a network takes; None takes any."""
    *size, channels = shape
    if images.shape[-1] == 1 and channels == 3:
        images = tf.image.grayscale_to_rgb(images)
    if None in size or tuple(size) == tuple(images.shape[1:3]):
        return images
    return tf.image.resize(images, size, "bicubic", antialias=True)


def classifier_features(images: ImageDataset, cache_dir: Path | None = None) -> Extractor:
    """The last hidden layer of a classifier trained on these images and their labels; see `load_classifier`."""
    return classifier_features_from(load_classifier(images, cache_dir))


def classifier_features_from(classifier: keras.Model, *, each_channel: bool = False) -> Extractor:
    """The last hidden layer of a classifier that `dcgan.evaluation.classifier` built; `each_channel` as above."""
    hidden = keras.Model(classifier.input, classifier.get_layer("features").output)
    note = "Figures compare runs on one data set, and on one machine; with no other classifier's."
    return Extractor(CLASSIFIER, hidden, note, each_channel=each_channel)


def inception_features() -> Extractor:
    """Inception-v3 as `keras.applications` has it, pooled: 2048 features; the weights are downloaded once.

    Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", trained on ImageNet. The
    Fréchet inception distance of the literature is measured in another network's features (the Inception of 2015, in
    TensorFlow 1), so these figures must not be compared with it.

    Raises:
        UserError: the weights are not there and can't be downloaded.
    """
    try:
        model = keras.applications.InceptionV3(
            include_top=False, weights="imagenet", input_shape=(*INCEPTION_SIZE, 3), pooling="avg"
        )
    except Exception as error:  # Keras raises plain `Exception` when an address can't be reached
        raise UserError(
            f"Inception-v3's weights could not be downloaded: {' '.join(str(error).split())[:200]}",
            "Without a network, take --features classifier, or a model file.",
        ) from error
    note = "Not comparable to the FID of the literature, whose Inception network of 2015 is another one."
    return Extractor(INCEPTION, model, note, INCEPTION_BATCH)


def file_features(path: Path, image_size: Size, channels: int) -> Extractor:
    """Any Keras model, read in safe mode: images in [-1, 1] in, its output, flattened, is the features.

    Args:
        path: a `.keras` file.
        image_size: (height, width) of the images it will see; resized if it takes others.
        channels: of the images.

    Raises:
        UserError: there is no such file, it holds no model, or one that takes no such images.
    """
    if not path.is_file():
        raise UserError(f"There is no model file {path}.", "--features: classifier, inception, or a .keras file.")
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
        shape, width = model.input_shape, math.prod(model.output_shape[1:])
        fits = len(shape) == 4 and shape[-1] in (channels, None, 3 if channels == 1 else channels)
    except Exception as error:  # whatever a damaged or hostile file makes Keras raise; several inputs or outputs
        raise UserError(f"{path} can't be used: {' '.join(str(error).split())[:200]}") from error
    if not fits:
        raise UserError(f"{path} takes {shape}, not images of {(*image_size, channels)}.")
    note = "" if None in shape[1:3] or shape[1:3] == image_size else f"Images are resized to {shape[1]}x{shape[2]}. "
    return Extractor(str(path), model, f"{note}{width} features of {path.name}.")


def digit_features(images: np.ndarray) -> np.ndarray:
    """Features of digits, by a classifier that was trained, once, on the 10,000 embedded ones.

    Args:
        images: uint8 (N, 28, 28, 1).

    Returns:
        float32 (N, 64).

    Raises:
        UserError: the classifier can't be kept in the user's cache folder.
    """
    return _extractor()(images)


@lru_cache(maxsize=1)
def _extractor() -> Extractor:
    return classifier_features(load(DataConfig()))
