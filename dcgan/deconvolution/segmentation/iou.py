"""Mean intersection over union: how well predicted labels cover the true ones."""

import numpy as np

from dcgan.errors import UserError


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count pixels by what they are and what they are taken for.

    Args:
        truth, predicted: whole numbers of one shape, 0 to `classes` − 1.
        classes: how many labels there are.

    Returns:
        int64 (classes, classes); row i, column j counts pixels of label i that were given label j. Tables of parts of
        a set add up to that of the set.

    Raises:
        UserError: the shapes differ, or a label is not below `classes`.
    """
    truth, predicted = np.asarray(truth, np.int64), np.asarray(predicted, np.int64)
    if truth.shape != predicted.shape:
        raise UserError(f"True labels {truth.shape} and predicted ones {predicted.shape} differ in shape.")
    for labels in (truth, predicted):
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            raise UserError(f"A label lies outside of 0 to {classes - 1}.")
    counts = np.bincount(truth.ravel() * classes + predicted.ravel(), minlength=classes**2)
    return counts.reshape(classes, classes)


def mean_iou(table: np.ndarray) -> float:
    """The mean over the labels of |true ∩ predicted| / |true ∪ predicted| (Long et al. 2015, section 5).

    Args:
        table: of `confusion`, over all pixels of a set.

    Returns:
        In [0, 1]; labels that neither occur nor are predicted are left out, and nan stands for no pixels at all.
    """
    both = np.diag(table)
    either = table.sum(axis=0) + table.sum(axis=1) - both
    occurs = either > 0
    return float(np.mean(both[occurs] / either[occurs])) if occurs.any() else float("nan")
