"""Predictions of segmenters, their mean IoU, and figures of both."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.image_range import to_float
from dcgan.deconvolution.segmentation.canvases import BACKGROUND, Canvases
from dcgan.deconvolution.segmentation.network import coarsest_stride
from dcgan.visualization.grid import tile

HELD_OUT = 100
"""Number of canvases for the mean IoU."""

COLORMAP = "tab10"
"""Ten colors that are easy to distinguish."""

_INFERENCE_BATCH = 8
"""Canvases per forward pass."""


def segment(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Predict the label of every pixel.

    Args:
        model: model of `build_segmenter`.
        images: uint8 (N, H, W, C) of any height and width; they are padded with black at the bottom and the right to
            multiples of the model's coarsest stride, and the result is cropped.

    Returns:
        int64 (N, H, W), the most probable label of every pixel.
    """
    count, height, width, _ = images.shape
    stride = coarsest_stride(model)
    padded = np.pad(images, ((0, 0), (0, -height % stride), (0, -width % stride), (0, 0)))
    batches = [padded[start : start + _INFERENCE_BATCH] for start in range(0, count, _INFERENCE_BATCH)]
    labels = [np.argmax(np.asarray(model(to_float(batch), training=False)), axis=-1) for batch in batches]
    return np.concatenate(labels)[:, :height, :width]


def measure(model: keras.Model, canvases: Canvases, count: int = HELD_OUT) -> float:
    """Compute the mean IoU of a segmenter.

    Args:
        model: model of `build_segmenter`.
        canvases: test data.
        count: number of canvases, from 0 on.

    Returns:
        The mean IoU in [0, 1].
    """
    table = np.zeros((canvases.classes, canvases.classes), np.int64)
    for start in range(0, count, _INFERENCE_BATCH):
        images, truth = canvases.make(range(start, min(start + _INFERENCE_BATCH, count)))
        table += confusion(truth, segment(model, images), canvases.classes)
    return mean_iou(table)


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count pixels by true and predicted label.

    Args:
        truth: true labels, integers from 0 to `classes` − 1.
        predicted: predicted labels, of the same shape.
        classes: number of labels.

    Returns:
        int64 (classes, classes); row i, column j counts pixels of label i that were predicted as j. The tables of parts
        of a dataset add up to that of the dataset.

    Raises:
        UserError: the shapes differ, or a label is not below `classes`.
    """
    truth, predicted = np.asarray(truth, np.int64), np.asarray(predicted, np.int64)
    if truth.shape != predicted.shape:
        raise UserError(f"True labels {truth.shape} and predicted labels {predicted.shape} differ in shape.")
    for labels in (truth, predicted):
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            raise UserError(f"Labels range from {labels.min()} to {labels.max()}.", f"Use 0 to {classes - 1}.")
    counts = np.bincount(truth.ravel() * classes + predicted.ravel(), minlength=classes**2)
    return counts.reshape(classes, classes)


def mean_iou(table: np.ndarray) -> float:
    """Compute the mean over the labels of |true ∩ predicted| / |true ∪ predicted| (Long et al. 2015, section 5).

    Args:
        table: table of `confusion` for all pixels of a dataset.

    Returns:
        A number in [0, 1]; labels that neither occur nor are predicted are left out. NaN if there are no pixels.
    """
    intersection = np.diag(table)
    union = table.sum(axis=0) + table.sum(axis=1) - intersection
    occurs = union > 0
    return float(np.mean(intersection[occurs] / union[occurs])) if occurs.any() else float("nan")


def colorize_labels(labels: np.ndarray) -> np.ndarray:
    """Convert labels to colors: black for the background, and ten colors in turn for the other labels.

    Args:
        labels: integers (…), from 0.

    Returns:
        uint8 (…, 3).
    """
    from matplotlib import colormaps

    colormap: Any = colormaps[COLORMAP]
    palette = np.rint(255 * np.array(colormap.colors)).astype(np.uint8)
    colors = palette[(labels - 1) % len(palette)]
    colors[labels == BACKGROUND] = 0
    return colors


def comparison_grid(images: np.ndarray, labelings: Sequence[np.ndarray]) -> np.ndarray:
    """Return a grid with one row per canvas: the canvas, and labelings of it, such as the truth and predictions.

    Args:
        images: uint8 (N, H, W, C).
        labelings: integers (N, H, W) each.

    Returns:
        uint8 (height, width, 3).
    """
    gray = np.rint(np.mean(images, axis=-1, keepdims=True)).astype(np.uint8).repeat(3, axis=-1)
    columns = [gray, *map(colorize_labels, labelings)]
    cells = np.stack(columns, axis=1).reshape(-1, *gray.shape[1:])
    return tile(cells, columns=len(columns))
