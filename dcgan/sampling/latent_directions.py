"""Directions in the latent space along which one thing changes, and pictures along them.

Radford et al. 2016, section 6.3.2 and figure 8: a "turn" vector, from the mean of four faces that look left to that of
four that look right, turns other faces. Which samples show what is for the caller to say: labels of a person's, or a
reading of the drawn pictures, a classifier's or one of pixels.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from dcgan.core.errors import UserError
from dcgan.sampling.generation import generate_images
from dcgan.sampling.latent_arithmetic import along_direction

Predictor = Callable[[np.ndarray], np.ndarray]
"""Takes pictures, uint8 (N, H, W, C), and says something of each: an array (N, …)."""


def predict(generator: keras.Model, rows: np.ndarray, reader: Predictor) -> np.ndarray:
    """What a reader says of the pictures of some latents.

    Args:
        generator: as for `dcgan.sampling.generation.generate_batches`.
        rows: float32 (N, dim), or with a conditional generator (N, dim + K), the class behind the latent.
        reader: sees all pictures at once.

    Returns:
        The reader's answer.
    """
    return np.asarray(reader(generate_images(generator, rows)))


def difference_of_means(latents: np.ndarray, shows: np.ndarray) -> np.ndarray:
    """The way from the mean of the latents that do not show something to the mean of those that do.

    Adding it once goes as far as the two groups lie apart.

    Args:
        latents: (N, dim).
        shows: bool (N,), whether each one's picture shows it.

    Returns:
        float32 (dim,).

    Raises:
        UserError: all of them show it, or none.
    """
    shows = _both(latents, shows)
    means = (np.mean(latents[group], axis=0, dtype=np.float64) for group in (shows, ~shows))
    return np.subtract(*means).astype(np.float32)


def linear_direction(latents: np.ndarray, shows: np.ndarray, penalty: float = 1.0) -> np.ndarray:
    """The normal of the plane that best tells latents that show something from those that do not.

    Of a logistic regression; the same idea as in Shen et al. 2020, "Interpreting the Latent Space of GANs for Semantic
    Face Editing", section 2.1, with support vectors. Few examples in many dimensions are told apart by many planes;
    then the penalty decides, and the difference of means is the better choice.

    Args:
        latents: (N, dim).
        shows: bool (N,).
        penalty: of the squared weights; larger is nearer to the difference of means.

    Returns:
        float32 (dim,) of length 1, pointing to where it shows.

    Raises:
        UserError: all of them show it, or none.
    """
    from sklearn.linear_model import LogisticRegression

    shows = _both(latents, shows)
    fitted = LogisticRegression(C=1.0 / penalty, max_iter=1000).fit(np.asarray(latents, np.float64), shows)
    normal = fitted.coef_[0]
    return (normal / np.linalg.norm(normal)).astype(np.float32)


def orthogonal_to(direction: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """The part of a direction along which others do not change (Shen et al. 2020, section 2.2).

    Args:
        direction: (dim,).
        others: (dim,) each, not all zeros.

    Returns:
        float32 (dim,), at right angles to each of the others.
    """
    if not others:
        return np.asarray(direction, np.float32)
    span = np.stack(others, axis=1).astype(np.float64)
    share = span @ np.linalg.lstsq(span, np.asarray(direction, np.float64), rcond=None)[0]
    return (direction - share).astype(np.float32)


def generate_along(
    generator: keras.Model, rows: np.ndarray, direction: np.ndarray, strengths: Sequence[float]
) -> np.ndarray:
    """The pictures along a direction; arguments as for `predict` and `along_direction`.

    Returns:
        uint8 (N, strengths, H, W, C); `tile` of them, `columns=len(strengths)`, is figure 8.
    """
    points = along_direction(rows, direction, strengths)
    images = generate_images(generator, points.reshape(-1, points.shape[-1]))
    return images.reshape(*points.shape[:2], *images.shape[1:])


def _both(latents: np.ndarray, shows: np.ndarray) -> np.ndarray:
    """Labels as bool, if there is something to be told apart."""
    shows = np.asarray(shows).astype(bool)
    if shows.shape != (len(latents),):
        raise ValueError(f"{shows.shape} labels for {len(latents)} latents.")
    if shows.all() or not shows.any():
        raise UserError("A direction needs samples that show something, and some that don't.", "Draw more seeds.")
    return shows
