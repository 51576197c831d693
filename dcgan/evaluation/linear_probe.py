"""What the discriminator has learnt to see: a linear classifier on its features."""

import keras
import numpy as np
import tensorflow as tf

from dcgan.evaluation.features import extract

GRID = 4
"""Every layer is max-pooled to GRID × GRID."""

PENALTY = 1e-3
"""C of the support vector machine; the features are many, and standardised."""


def pooled_features(discriminator: keras.Model) -> keras.Model:
    """The discriminator up to its convolutions' outputs, each max-pooled to 4×4, flattened and put in a row.

    Radford et al. 2016, section 5.1, on CIFAR-10: "the discriminator's convolutional features from all layers,
    maxpooling each layer's representation to produce a 4×4 spatial grid".

    Args:
        discriminator: convolutions that shrink the image stage by stage; a stage's output is the last layer of its
            size, after BatchNorm and activation.

    Returns:
        A model from the same images to float32 (N, 16 · filters of all stages).
    """
    stages = {}
    for layer in discriminator.layers[1:]:
        shape = layer.output.shape
        if isinstance(layer, keras.layers.Conv2D) and shape[1:3] == layer.input.shape[1:3]:
            continue  # the next stage's, which max-pooling shrinks
        if len(shape) == 4 and tuple(shape[1:3]) != tuple(discriminator.inputs[0].shape[1:3]):
            stages[tuple(shape[1:3])] = layer.output
    image = discriminator.inputs[0]  # a conditional one takes the class as well, behind its convolutions
    pooled = [keras.layers.Flatten()(MaxPoolingToGrid()(output)) for output in stages.values()]
    return keras.Model(image, keras.layers.Concatenate()(pooled) if len(pooled) > 1 else pooled[0])


class MaxPoolingToGrid(keras.layers.Layer):
    """Max-pool (N, H, W, C) to (N, 4, 4, C): place i of n covers rows ⌊iH/n⌋ to ⌈(i+1)H/n⌉, and so for columns."""

    def call(self, inputs):
        """Pool; of a map smaller than the grid, places share pixels."""
        rows, columns = (_spans(size) for size in inputs.shape[1:3])
        places = [tf.reduce_max(inputs[:, a:b, c:d], axis=(1, 2)) for a, b in rows for c, d in columns]
        return tf.reshape(tf.stack(places, axis=1), (-1, GRID, GRID, inputs.shape[-1]))

    def compute_output_shape(self, input_shape):
        """(N, 4, 4, C)."""
        return input_shape[0], GRID, GRID, input_shape[-1]


def _spans(size: int) -> list[tuple[int, int]]:
    """Where the grid's places begin and end along a side of `size` pixels."""
    return [(place * size // GRID, -(-(place + 1) * size // GRID)) for place in range(GRID)]


def linear_accuracy(
    features: np.ndarray, labels: np.ndarray, test_features: np.ndarray, test_labels: np.ndarray
) -> float:
    """The accuracy of a linear L2-SVM (squared hinge loss, one against the rest) on standardised features.

    Args:
        features: (N, D), with labels (N,) of at least two classes.
        test_features: (M, D), with labels (M,).

    Returns:
        The part of the test images, in [0, 1], that it classifies rightly.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=PENALTY, dual="auto", tol=1e-3, max_iter=10_000, random_state=0)
    fitted = make_pipeline(StandardScaler(), machine).fit(features, labels)
    return float(fitted.score(test_features, test_labels))


def discriminator_accuracy(
    discriminator: keras.Model, images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray
) -> float:
    """The accuracy, in [0, 1], of a linear classifier on the discriminator's features.

    Args:
        discriminator: as for `pooled_features`.
        images: uint8 (N, H, W, C), with labels (N,), to fit it on.
        test_images: uint8 (M, H, W, C), with labels (M,), to test it on.
    """
    model = pooled_features(discriminator)
    return linear_accuracy(extract(model, images), labels, extract(model, test_images), test_labels)


def pixel_accuracy(images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray) -> float:
    """The accuracy of the same classifier on pixels: what the discriminator's features have to better."""
    flat, flat_test = (np.asarray(x, np.float32).reshape(len(x), -1) for x in (images, test_images))
    return linear_accuracy(flat, labels, flat_test, test_labels)
