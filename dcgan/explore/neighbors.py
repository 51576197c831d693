"""The training images that are nearest to a generated one."""

import base64
from typing import Any

import numpy as np

from dcgan.core.errors import UserError
from dcgan.evaluation.nearest_neighbors import k_nearest, nearest
from dcgan.evaluation.splits import random_indices
from dcgan.explore.models import Models, computing

NUM_NEIGHBORS = 8

MAX_REFERENCES = 50
"""Training images whose distance to the nearest other one is measured, to compare with."""


class Neighbors:
    """Searches the training images of a run.

    Args:
        models: the run's.
    """

    def __init__(self, models: Models):
        self.models = models
        self._typical: float | None = None

    def nearest(self, weights: str, version: str, inputs: list[np.ndarray]) -> dict[str, Any]:
        """Return the training images that are nearest to a generated one, by the distance of their pixels.

        Args:
            weights: weights of the generator.
            version: version of the generator, as for `Models.generator`.
            inputs: latent and perhaps class input of the image, float32.

        Returns:
            `neighbors`, the nearest first: of each the `index`, the `distance` (of pixels in [0, 1]), whether it is
            compared as its `mirrored` image, and its `pixels` in base64; the `shape` [H, W, C] of each; `searched`, the
            number of images; and `typical`, the median distance of a training image to the nearest other one.

        Raises:
            UserError: as `Models.generator` and `Models.images`, or there are no images.
        """
        with computing:
            query, images = self.models.generator(weights, version).image(inputs), self.models.images()
            if len(images) < 2:
                raise UserError("The dataset has fewer than two images.")
            mirrored = self.models.run.config().flip
            found = _search(query, images, mirrored=False) + (_search(query, images, mirrored=True) if mirrored else [])
            found.sort(key=lambda neighbor: neighbor["distance"])
            return {
                "neighbors": found[:NUM_NEIGHBORS],
                "shape": list(query.shape),
                "searched": len(images),
                "typical": self._typical_distance(images),
            }

    def _typical_distance(self, images: np.ndarray) -> float:
        if self._typical is None:
            chosen = random_indices(len(images), min(MAX_REFERENCES, len(images)))
            self._typical = float(np.median(nearest(images[chosen], images, chosen)[1]))
        return self._typical


def _search(query: np.ndarray, images: np.ndarray, *, mirrored: bool) -> list[dict[str, Any]]:
    """Return the neighbors of an image, or those whose mirror images are near."""
    indices, distances = k_nearest(query[:, ::-1] if mirrored else query, images, NUM_NEIGHBORS)
    shown = images[indices][:, :, ::-1] if mirrored else images[indices]
    return [
        {
            "index": int(index),
            "distance": float(distance),
            "mirrored": mirrored,
            "pixels": base64.b64encode(image.tobytes()).decode("ascii"),
        }
        for index, distance, image in zip(indices, distances, shown, strict=True)
    ]
