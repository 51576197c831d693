"""MNIST and Fashion-MNIST, the 10,000 digits that are part of the package, and Stacked MNIST.

Stacked MNIST (Srivastava et al. 2017, VEEGAN, section 4.2) puts three random digits into the three channels of an
image: 1,000 classes, which show how many of its modes a generator covers.
"""

import contextlib
from pathlib import Path

import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.wording import counted
from dcgan.data.idx import read_idx, write_idx
from dcgan.data.image_dataset import check_dataset_size
from dcgan.data.mnist_files import FORMS, find_tables, holds_images, read_images, read_table, unpacked

MNIST10K = Path(__file__).parent / "mnist10k"
"""Folder of the first 10,000 training images and labels of MNIST."""

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
)  # https://github.com/zalandoresearch/fashion-mnist, "Labels"; "or" stands for "/", since a class also names a folder
STACKED_DIGITS = tuple(f"{label:03d}" for label in range(1000))

STACKED_COUNT = {"train": 60_000, "test": 10_000}
"""Images in each split of Stacked MNIST."""

_STEMS = {"train": "train", "test": "t10k"}
_DIMENSIONS = {"images": 3, "labels": 1}
_SUBFOLDERS = ("", "raw", "MNIST/raw", "FashionMNIST/raw")  # the last three are those of torchvision

_STACKING_SEED = 0x57AC
_WORDS_PER_BLOCK = 4  # 64-bit words in a block of Philox; three are used


def read_mnist(data_dir: Path | None, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read one split of MNIST or Fashion-MNIST, from its two IDX files or in another form.

    Args:
        data_dir: folder of the IDX files, gzipped or not, as downloaded or as Kaggle and torchvision arrange them, or
            what `dcgan.data.mnist_files` reads; None for the 10,000 training images that are part of the package.
        split: `train` or `test`.

    Returns:
        images, uint8 (N, H, W, 1), and labels, uint8 (N,) in [0, 10).

    Raises:
        UserError: the files are missing or damaged, or do not belong together.
    """
    if data_dir is None:
        images, labels = _read_idx_files(MNIST10K, split)
    else:
        images, labels = _read_any(data_dir, split)
    return images[..., np.newaxis], labels


def _read_any(data_dir: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read images (N, H, W) and labels (N,) in the first of the known forms that is there."""
    source = data_dir
    if not data_dir.exists() or _has_idx(data_dir):
        return _read_idx_files(data_dir, split)
    tables = find_tables(data_dir)
    with contextlib.nullcontext(data_dir) if tables else unpacked(data_dir) as folder:
        if _has_idx(folder):
            return _read_idx_files(folder, split)
        tables = tables or find_tables(folder)
        if split in tables:
            images, labels = read_table(tables[split])
            source = tables[split]
        elif tables:
            raise UserError(f"{data_dir} has no table of the {split} split, only {min(tables.values()).name}.", FORMS)
        elif holds_images(folder):
            images, labels = read_images(folder, split)
        else:
            return _read_idx_files(folder, split)  # which says what is missing
    _check_labels(source, labels)
    return images, labels


def _has_idx(path: Path) -> bool:
    """Return whether there are IDX files of any split."""
    stems = (f"{stem}-images" for stem in _STEMS.values())
    return path.is_dir() and any(_find_idx(path, stem) is not None for stem in stems)


def _read_idx_files(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    paths = [find_idx(folder, f"{_STEMS[split]}-{content}") for content in _DIMENSIONS]
    images, labels = (read_idx(path, dims) for path, dims in zip(paths, _DIMENSIONS.values(), strict=True))
    if len(images) != len(labels):
        raise UserError(
            f"{paths[0]} holds {counted(len(images), 'image')}, but {paths[1].name} {counted(len(labels), 'label')}."
        )
    _check_labels(paths[1], labels)
    return images, labels


def _check_labels(source: Path, labels: np.ndarray) -> None:
    if labels.max() > 9:
        raise UserError(f"{source} has the label {labels.max()}. There are ten classes, 0 to 9.")


def find_idx(folder: Path, stem: str) -> Path:
    """Find one of the four IDX files, whichever of its usual names and folders it has.

    Args:
        folder: where to search.
        stem: `train-images`, `train-labels`, `t10k-images` or `t10k-labels`.

    Returns:
        Its path.

    Raises:
        UserError: there is no such file.
    """
    path = _find_idx(folder, stem)
    if path is not None:
        return path
    problem = f"has no {stem}-{_idx_ending(stem)}.gz" if folder.exists() else "does not exist"
    raise UserError(f"{folder} {problem}.", FORMS)


def _idx_ending(stem: str) -> str:
    return f"idx{_DIMENSIONS[stem.split('-')[1]]}-ubyte"


def _find_idx(folder: Path, stem: str) -> Path | None:
    ending = _idx_ending(stem)
    names = [f"{stem}{joint}{ending}{suffix}" for suffix in ("", ".gz") for joint in "-."]
    # Kaggle's archive unpacks to one folder per file, of the same name.
    candidates = [folder / sub / path for sub in _SUBFOLDERS for name in names for path in (name, f"{name}/{name}")]
    return next((path for path in candidates if path.is_file()), None)


def write_mnist10k(folder: Path, target: Path = MNIST10K, count: int = 10_000) -> None:
    """Write the part of MNIST that belongs to the package: `write_mnist10k(Path("folder of the originals"))`.

    The files are identical wherever the same zlib writes them.

    Args:
        folder: folder of the original `train-images-idx3-ubyte.gz` and `train-labels-idx1-ubyte.gz`.
        target: folder to write to.
        count: number of training images and labels to take from the beginning.

    Raises:
        UserError: a file is missing or damaged, or can't be written.
    """
    for content, dimensions in _DIMENSIONS.items():
        array = read_idx(find_idx(folder, f"train-{content}"), dimensions)
        write_idx(target / f"train-{content}-idx{dimensions}-ubyte.gz", array[:count])


def stack_split(images: np.ndarray, labels: np.ndarray, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Make one split of Stacked MNIST.

    Args:
        images: as for `stack_digits`.
        labels: as for `stack_digits`.
        split: `train` or `test`, which decides how many triples there are.

    Returns:
        As `stack_digits`.

    Raises:
        UserError: as `stack_digits`.
    """
    return stack_digits(images, labels, STACKED_COUNT[split])


def stack_digits(images: np.ndarray, labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Stack triples of digits, sampled with replacement.

    Image i is a function of i and the digits alone.

    Args:
        images: uint8 digits (M, H, W, C); only their first channel is used.
        labels: integers (M,) in [0, 10).
        count: number N of triples.

    Returns:
        images, uint8 (N, H, W, 3), and labels, int64 (N,): 100·red + 10·green + blue.

    Raises:
        UserError: the images would not fit into memory.
    """
    height, width = images.shape[1:3]
    check_dataset_size(count, (height, width, 3))
    triples = digit_triples(0, count, len(images))
    stacked = np.empty((count, height, width, 3), np.uint8)
    for channel in range(3):
        np.take(images[..., 0], triples[:, channel], axis=0, out=stacked[..., channel])
    return stacked, labels.astype(np.int64)[triples] @ (100, 10, 1)


def digit_triples(first: int, count: int, digits: int) -> np.ndarray:
    """Return the digits that the images `first` to `first + count - 1` of Stacked MNIST consist of.

    Philox (Salmon et al. 2011, Parallel Random Numbers: As Easy as 1, 2, 3) computes its block i from i alone.

    Args:
        first: index of the first image.
        count: number of images.
        digits: number of digits to choose from.

    Returns:
        int64 (count, 3) in [0, digits).
    """
    words = np.random.Philox(key=_STACKING_SEED, counter=first).random_raw(_WORDS_PER_BLOCK * count)
    return (words.reshape(count, _WORDS_PER_BLOCK)[:, :3] % np.uint64(digits)).astype(np.int64)
