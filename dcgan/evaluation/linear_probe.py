"""Linear probe of the discriminator: the accuracy of a linear classifier on its convolutional features."""

from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

from dcgan.evaluation.features import extract

GRID = 4
"""Every layer is max-pooled to GRID × GRID."""

SVM_C = 1e-3
"""C of the support vector machine; the features are many, and standardized."""


def pooled_features(discriminator: keras.Model) -> keras.Model:
    """Build the model of the paper's features: each stage's output max-pooled to 4×4, flattened and concatenated.

    Radford et al. 2016, section 5.1, on CIFAR-10: "the discriminator's convolutional features from all layers,
    maxpooling each layer's representation to produce a 4×4 spatial grid".

    Args:
        discriminator: convolutions that downsample the image stage by stage; the output of a stage is its last layer,
            after BatchNorm and activation.

    Returns:
        A model from the same images to float32 (N, 16 · filters of all stages).
    """
    stages = {}
    for layer in discriminator.layers[1:]:
        shape = layer.output.shape
        if isinstance(layer, keras.layers.Conv2D) and shape[1:3] == cast(Any, layer).input.shape[1:3]:
            continue  # it belongs to the next stage, whose max-pooling follows
        if len(shape) == 4 and tuple(shape[1:3]) != tuple(discriminator.inputs[0].shape[1:3]):
            stages[tuple(shape[1:3])] = layer.output
    image = discriminator.inputs[0]  # a conditional discriminator uses the class only after its convolutions
    pooled = [keras.layers.Flatten()(MaxPoolingToGrid()(output)) for output in stages.values()]
    return keras.Model(image, keras.layers.Concatenate()(pooled) if len(pooled) > 1 else pooled[0])


class MaxPoolingToGrid(keras.layers.Layer):
    """Max-pool (N, H, W, C) to (N, 4, 4, C): cell i of 4 covers rows ⌊iH/4⌋ to ⌈(i+1)H/4⌉, and columns likewise."""

    def call(self, inputs: Any) -> tf.Tensor:
        """Pool the inputs; cells share pixels where the map is smaller than the grid.

        Args:
            inputs: maps (N, H, W, C).

        Returns:
            The maximum of each cell, (N, 4, 4, C).
        """
        rows, columns = (_cell_bounds(size) for size in inputs.shape[1:3])
        cells = [tf.reduce_max(inputs[:, a:b, c:d], axis=(1, 2)) for a, b in rows for c, d in columns]
        return tf.reshape(tf.stack(cells, axis=1), (-1, GRID, GRID, inputs.shape[-1]))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (N, 4, 4, C)."""
        return input_shape[0], GRID, GRID, input_shape[-1]


def _cell_bounds(size: int) -> list[tuple[int, int]]:
    """Return where the grid's cells begin and end along an axis of `size` pixels."""
    return [(cell * size // GRID, -(-(cell + 1) * size // GRID)) for cell in range(GRID)]


def linear_accuracy(
    features: np.ndarray, labels: np.ndarray, test_features: np.ndarray, test_labels: np.ndarray
) -> float:
    """Return the test accuracy of a linear L2-SVM (squared hinge loss, one against the rest), features standardized.

    Args:
        features: (N, D).
        labels: integers (N,) of at least two classes.
        test_features: (M, D).
        test_labels: integers (M,).

    Returns:
        The fraction of the test images, in [0, 1], that are classified correctly.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=SVM_C, dual="auto", tol=1e-3, max_iter=10_000, random_state=0)
    fitted = make_pipeline(StandardScaler(), machine).fit(features, labels)
    return float(fitted.score(test_features, test_labels))


def discriminator_accuracy(
    discriminator: keras.Model, images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray
) -> float:
    """Return the test accuracy of a linear classifier on the discriminator's features.

    Args:
        discriminator: as for `pooled_features`.
        images: uint8 (N, H, W, C), to fit on.
        labels: integers (N,).
        test_images: uint8 (M, H, W, C).
        test_labels: integers (M,).

    Returns:
        A number in [0, 1].
    """
    model = pooled_features(discriminator)
    return linear_accuracy(extract(model, images), labels, extract(model, test_images), test_labels)


def pixel_accuracy(images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray) -> float:
    """Return the test accuracy of the same classifier on pixels, the baseline for the discriminator's features.

    Args:
        images: uint8 (N, H, W, C), to fit on.
        labels: integers (N,).
        test_images: uint8 (M, H, W, C).
        test_labels: integers (M,).

    Returns:
        A number in [0, 1].
    """
    flat, flat_test = (np.asarray(x, np.float32).reshape(len(x), -1) for x in (images, test_images))
    return linear_accuracy(flat, labels, flat_test, test_labels)
