"""Clusters of similar images: classes within the classes, found before training without labels."""

from typing import Any

import numpy as np

from dcgan.core.rng import derived_seed

COMPONENTS = 50
"""Principal components of the images in which they are clustered."""

MAX_SIDE = 32
"""Larger images are averaged over blocks of pixels, down to at most this side, before they are clustered."""

MIN_IMAGES = 50
"""A class has at most one cluster per so many of its images."""

_FITTED_IMAGES = 10_000
"""Number of images that the principal components are computed from."""

_CHUNK = 4096
"""Number of images that are read at a time."""


def cluster_images(images: np.ndarray, labels: np.ndarray | None, count: int, seed: int) -> np.ndarray:
    """Divide the images of each class into clusters by k-means on their principal components.

    Conditioning a GAN on such clusters stabilizes it and improves its images (Sage et al. 2018, "Logo Synthesis and
    Manipulation with Clustered Generative Adversarial Networks", section 3.2): the discriminator compares each
    generated image with similar real ones, and the generator cannot leave a cluster out.

    Args:
        images: uint8 (N, H, W, C), in memory or memory-mapped.
        labels: integers (N,), the class of each image; None for a single class.
        count: number of clusters of all classes together. Each class has its share, but no more than one cluster per
            `MIN_IMAGES` images, and at least one.
        seed: seed of the run.

    Returns:
        int64 (N,), the number of each image's cluster within its class, from 0; no number of a class is left out.
    """
    import sklearn.cluster

    random_state = derived_seed(seed, "clusters")
    features = _principal_components(images, random_state)
    labels = np.zeros(len(images), np.int64) if labels is None else labels
    result = np.zeros(len(images), np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        share = min(round(count * len(members) / len(images)), len(members) // MIN_IMAGES)
        rows = features if len(members) == len(features) else features[members]
        share = _count_distinct(rows, share)
        if share > 1:
            options: dict[str, Any] = {"random_state": random_state, "n_init": 3, "batch_size": _CHUNK}
            k_means = sklearn.cluster.MiniBatchKMeans(share, **options)
            result[members] = np.unique(k_means.fit(rows).labels_, return_inverse=True)[1]
    return result


def _count_distinct(rows: np.ndarray, most: int) -> int:
    """Return the number of distinct rows, or `most` as soon as there are so many."""
    seen = set()
    for row in rows:
        if len(seen) >= most:
            return most
        seen.add((row + 0.0).tobytes())  # -0.0 + 0.0 is 0.0
    return len(seen)


def _principal_components(images: np.ndarray, random_state: int) -> np.ndarray:
    """Return the images' coordinates along their principal components, float32 (N, components)."""
    import sklearn.decomposition

    random = np.random.Generator(np.random.Philox(key=random_state))
    chosen = np.sort(random.permutation(len(images))[:_FITTED_IMAGES])
    sample = _flat(images[chosen])
    if not np.ptp(sample, axis=0).any():
        return np.zeros((len(images), 1), np.float32)  # equal images have no principal components
    components = min(COMPONENTS, *sample.shape)
    pca = sklearn.decomposition.PCA(components, svd_solver="covariance_eigh").fit(sample)
    result = np.empty((len(images), components), np.float32)
    for start in range(0, len(images), _CHUNK):
        result[start : start + _CHUNK] = pca.transform(_flat(images[start : start + _CHUNK]))
    return result


def _flat(images: np.ndarray) -> np.ndarray:
    """Return images uint8 (N, H, W, C) as rows of float32 in [0, 1], averaged over blocks where they are large."""
    count, height, width, channels = images.shape
    block = -(-max(height, width) // MAX_SIDE)
    rows, columns = (side // block * block for side in (height, width))
    blocks = images[:, :rows, :columns].reshape(count, rows // block, block, columns // block, block, channels)
    return blocks.mean(axis=(2, 4), dtype=np.float32).reshape(count, -1) / 255
