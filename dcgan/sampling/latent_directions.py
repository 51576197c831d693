"""Directions in the latent space along which one attribute changes, and images along them.

Radford et al. 2016, section 6.3.2 and figure 8: a "turn" vector, from the mean of four faces that look left to that of
four that look right, turns other faces. The caller decides which samples are positive: by labels of a person, or by a
prediction from the generated images, of a classifier or from pixels.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from dcgan.core.errors import UserError
from dcgan.sampling.generation import generate_images
from dcgan.sampling.latent_arithmetic import along_direction

Predictor = Callable[[np.ndarray], np.ndarray]
"""Maps images, uint8 (N, H, W, C), to a prediction per image: an array (N, …)."""


def predict(generator: keras.Model, rows: np.ndarray, predictor: Predictor) -> np.ndarray:
    """Generate the images of some latents and return the predictions for them.

    Args:
        generator: as for `dcgan.sampling.generation.generate_batches`.
        rows: float32 (N, dim), or for a conditional generator (N, dim + classes) with one-hot classes.
        predictor: called once with all images.

    Returns:
        The predictions (N, …).
    """
    return np.asarray(predictor(generate_images(generator, rows)))


def difference_of_means(latents: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Return the difference between the mean of the positive and the mean of the negative latents.

    Args:
        latents: (N, dim).
        positive: whether the image of each latent shows the attribute, bool (N,).

    Returns:
        float32 (dim,). Adding it once moves a latent as far as the groups are apart.

    Raises:
        UserError: all latents are positive, or none.
    """
    positive = _as_mask(latents, positive)
    mean, other_mean = (np.mean(latents[group], axis=0, dtype=np.float64) for group in (positive, ~positive))
    return np.subtract(mean, other_mean).astype(np.float32)


def linear_direction(latents: np.ndarray, positive: np.ndarray, penalty: float = 1.0) -> np.ndarray:
    """Return the normal of the plane that best separates positive from negative latents, by logistic regression.

    The same idea as in Shen et al. 2020, "Interpreting the Latent Space of GANs for Semantic Face Editing", section
    2.1, with support vectors. Few samples in many dimensions are separated by many planes; the penalty then determines
    the result, and `difference_of_means` is the better choice.

    Args:
        latents: (N, dim).
        positive: whether the image of each latent shows the attribute, bool (N,).
        penalty: factor of the squared weights; a larger value is closer to the difference of means.

    Returns:
        float32 (dim,) of length 1, pointing to the positive side.

    Raises:
        UserError: all latents are positive, or none.
    """
    from sklearn.linear_model import LogisticRegression

    positive = _as_mask(latents, positive)
    fitted = LogisticRegression(C=1.0 / penalty, max_iter=1000).fit(np.asarray(latents, np.float64), positive)
    normal = fitted.coef_[0]
    return (normal / np.linalg.norm(normal)).astype(np.float32)


def orthogonal_to(direction: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Return the part of a direction that is orthogonal to others (Shen et al. 2020, section 2.2).

    Args:
        direction: (dim,).
        others: (dim,) each, not all zeros.

    Returns:
        float32 (dim,).
    """
    if not others:
        return np.asarray(direction, np.float32)
    span = np.stack(others, axis=1).astype(np.float64)
    shared = span @ np.linalg.lstsq(span, np.asarray(direction, np.float64), rcond=None)[0]
    return (direction - shared).astype(np.float32)


def generate_along(
    generator: keras.Model, rows: np.ndarray, direction: np.ndarray, strengths: Sequence[float] | np.ndarray
) -> np.ndarray:
    """Generate the images along a direction.

    Args:
        generator: as for `predict`.
        rows: as for `predict`.
        direction: (dim,).
        strengths: multiples of the direction to add.

    Returns:
        uint8 (N, strengths, H, W, C); tiled with `columns=len(strengths)` they form figure 8.
    """
    points = along_direction(rows, direction, strengths)
    images = generate_images(generator, points.reshape(-1, points.shape[-1]))
    return images.reshape(*points.shape[:2], *images.shape[1:])


def _as_mask(latents: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Return labels as bool, if both groups exist."""
    positive = np.asarray(positive).astype(bool)
    if positive.shape != (len(latents),):
        raise ValueError(f"{positive.shape} labels for {len(latents)} latents.")
    if positive.all() or not positive.any():
        raise UserError(
            "A direction needs samples that show the attribute, and some that do not.", "Generate more seeds."
        )
    return positive
