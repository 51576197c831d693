"""MNIST and Fashion-MNIST, and the 10,000 digits that are part of the package."""

from pathlib import Path

import numpy as np

from dcgan.core.errors import UserError
from dcgan.data.downloads import download
from dcgan.data.idx import read_idx

HERE = Path(__file__).parent / "mnist10k"

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt or top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)  # https://github.com/zalandoresearch/fashion-mnist, "Labels"; a class is a folder's name, too, so "or" for its stroke
CLASS_NAMES = {"mnist10k": DIGITS, "mnist": DIGITS, "fashion_mnist": CLOTHES}

_STEMS = {"train": "train", "test": "t10k"}
_DIMENSIONS = {"images": 3, "labels": 1}
_SUBFOLDERS = ("", "raw", "MNIST/raw", "FashionMNIST/raw")  # the last three: as torchvision leaves them


def read_mnist(dataset: str, data_dir: Path | None, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a data set that came in IDX files.

    Args:
        dataset: `mnist10k`, `mnist` or `fashion_mnist`.
        data_dir: where the files lie; None for `mnist10k`, and for a download by Keras.
        split: `train` or `test`.

    Returns:
        images, uint8 (N, H, W, 1), and labels, uint8 (N,) below 10.

    Raises:
        UserError: the files are missing or damaged, do not belong together, or can't be downloaded.
    """
    if dataset == "mnist10k":
        return read_pair(HERE, split)
    if data_dir is None:
        images, labels = download(dataset, split)
        return images[..., np.newaxis], labels
    return read_pair(data_dir, split)


def read_pair(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read images, uint8 (N, H, W, 1), and labels, uint8 (N,), of one split from their two files in `folder`."""
    paths = [find_idx(folder, f"{_STEMS[split]}-{kind}") for kind in _DIMENSIONS]
    images, labels = (read_idx(path, dims) for path, dims in zip(paths, _DIMENSIONS.values(), strict=True))
    if len(images) != len(labels):
        raise UserError(f"{paths[0]} holds {len(images)} images, but {paths[1].name} {len(labels)} labels.")
    if labels.max() > 9:
        raise UserError(f"{paths[1]} has the label {labels.max()}; there are ten classes, 0 to 9.")
    return images[..., np.newaxis], labels


def find_idx(folder: Path, stem: str) -> Path:
    """Find one of the four files under the names it goes by.

    Args:
        folder: where to look.
        stem: `train-images`, `train-labels`, `t10k-images` or `t10k-labels`.

    Raises:
        UserError: there is no such file.
    """
    ending = f"idx{_DIMENSIONS[stem.split('-')[1]]}-ubyte"
    names = [f"{stem}{joint}{ending}{packed}" for packed in ("", ".gz") for joint in "-."]
    # Kaggle's archive unpacks to folders that carry the name of the one file in them.
    candidates = [folder / sub / path for sub in _SUBFOLDERS for name in names for path in (name, f"{name}/{name}")]
    for path in candidates:
        if path.is_file():
            return path
    problem = f"has no {stem}-{ending}.gz" if folder.exists() else "does not exist"
    raise UserError(
        f"{folder} {problem}.",
        "--data-dir is the folder of the four IDX files, gzipped or not.",
    )
