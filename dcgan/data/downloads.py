"""The data sets that Keras fetches, when no folder is named."""

import importlib

import numpy as np

from dcgan.core.errors import UserError


def download(dataset: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Have Keras fetch a data set, or read what it fetched before (`~/.keras/datasets`).

    Args:
        dataset: `mnist`, `fashion_mnist` or `cifar10`.
        split: `train` or `test`.

    Returns:
        images, uint8 (N, H, W) or (N, H, W, 3), and labels, (N,).

    Raises:
        UserError: the download failed.
    """
    try:
        pairs = importlib.import_module(f"keras.datasets.{dataset}").load_data()
    except Exception as error:  # Keras raises plain `Exception` when an address can't be reached
        raise UserError(
            f"{dataset} could not be downloaded: {' '.join(str(error).split())[:200]}",
            "Without a network, name the folder of its files with --data-dir.",
        ) from error
    images, labels = pairs[("train", "test").index(split)]
    return images, np.ravel(labels)
