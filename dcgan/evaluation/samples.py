"""The pictures that are judged: drawn by a run, or read from a file or folder."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from PIL import Image
from tqdm import tqdm

from dcgan.core.classes import Classes
from dcgan.core.errors import UserError
from dcgan.data.decoding import FORMATS, pillow_warnings, skip_reason
from dcgan.data.image_files import open_image_files
from dcgan.data.load import folder_labels
from dcgan.data.transforms import CropResize, crop_and_resize
from dcgan.evaluation.splits import fixed_permutation
from dcgan.runs import Run
from dcgan.sampling.generation import generate_batches
from dcgan.sampling.selection import Selection

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Samples:
    """Pictures to judge.

    Args:
        words: where they come from, in a few words.
        shape: (H, W, C) of each.
        take: gives n of them, uint8 (n, H, W, C), n at most `available`; fewer are the first of more.
        available: how many there are at most; None where more can always be drawn.
        labels: gives what n of them were drawn to be, whole numbers (n,); None where nobody knows.
    """

    words: str
    shape: Shape
    take: Callable[[int], np.ndarray]
    available: int | None = None
    labels: Callable[[int], np.ndarray] | None = None


def samples_from_run(run: Run, weights: str) -> Samples:
    """The pictures of a run's generator, from seed 0 on: those that `generate.py --num N` draws.

    Raises:
        UserError: as `Run.load_generator`.
    """
    return samples_from_generator(run.load_generator(weights), run.classes(), f"{run.path} ({weights} weights)")


def samples_from_generator(generator: keras.Model, classes: Classes | None, words: str) -> Samples:
    """The pictures of a generator, from seed 0 on.

    Args:
        generator: as `Run.load_generator` gives it.
        classes: of a conditional one.
        words: where it is from.
    """

    def take(count: int) -> np.ndarray:
        images = np.empty((count, *generator.output_shape[1:]), np.uint8)
        chunks = generate_batches(generator, Selection(range(count), classes).rows(generator.inputs[0].shape[-1]))
        done = 0
        with tqdm(total=count, desc="Drawing", unit=" pictures", leave=False, disable=None) as bar:
            for chunk in chunks:
                images[done : done + len(chunk)] = chunk
                done += len(chunk)
                bar.update(len(chunk))
        return images

    labels = None if classes is None else lambda count: classes.labels_for(range(count))
    return Samples(words, generator.output_shape[1:], take, labels=labels)


def samples_from_path(path: Path, shape: Shape, class_names: tuple[str, ...]) -> Samples:
    """Pictures of a `.npy` or `.npz` file, as `generate.py --out` writes them, or of a folder or `.zip` of any.

    Args:
        path: `.npy` of uint8 (N, H, W, C); `.npz` with `images` and perhaps `labels`; or a folder of pictures, whose
            first-level folders, where they bear the names of classes, are labels.
        shape: (H, W, C) of the data set's images.
        class_names: of the data set, to read a folder's labels.

    Raises:
        UserError: there is nothing there, or no pictures of this shape.
    """
    if not path.exists():
        raise UserError(f"There is no {path}.", "--images is a folder of pictures, or a .npy file.")
    is_array = path.is_file() and path.suffix.lower() in (".npy", ".npz")
    images, labels, note = (*_read_array(path), "") if is_array else _read_folder(path, shape, class_names)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != shape or not len(images):
        raise UserError(
            f"{path} holds {images.dtype} {images.shape}, and the data set's images are uint8 (N, {_times(shape)}).",
            "Draw them at that size, or change --image-size and --channels.",
        )
    if labels is not None and (labels.shape != images.shape[:1] or labels.dtype.kind not in "iu"):
        raise UserError(f"{path} holds {labels.dtype} {labels.shape} labels for {len(images)} images.")
    order = fixed_permutation(len(images))  # they may be sorted by class
    labelled = None if labels is None else lambda count: labels[order[:count]]
    return Samples(f"{path}{note}", shape, lambda count: images[order[:count]], len(images), labelled)


def _read_array(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Images and labels of an array file; pickles are not read."""
    try:
        content = np.load(path, mmap_mode="r" if path.suffix.lower() == ".npy" else None, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return content, None
        with content:
            return content["images"], content["labels"] if "labels" in content.files else None
    except Exception as error:  # NumPy and zipfile agree on no exception
        raise UserError(f"{path} can't be read as an array of images: {' '.join(str(error).split())[:200]}") from error


def _read_folder(path: Path, shape: Shape, class_names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray | None, str]:
    """The pictures of a folder; their labels, if their folders are named like the classes; and what became of them."""
    with open_image_files(path) as listing, pillow_warnings():
        names = [entry.name for entry in listing.entries]
        read = [_read_picture(path / entry.name, listing.read(entry), shape) for entry in listing.entries]
    colourful = sum(lost for _, lost in read)
    note = f" ({colourful} of {len(read)} in colour, turned grey as the data set is)" if colourful else ""
    return np.stack([pixels for pixels, _ in read]), _labels(names, class_names), note


def _read_picture(path: Path, data: bytes, shape: Shape) -> tuple[np.ndarray, bool]:
    """A picture, which has to be of this size already: resizing would change what is measured; and whether it lost
    its colours."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            size, pixels = picture.size[::-1], crop_and_resize(picture, CropResize(shape[:2], None, 3))
    except Exception as error:  # Pillow's decoders agree on no exception
        raise UserError(
            f"{path} can't be read: {skip_reason('', error).reason}.", "Remove it, or write it again."
        ) from error
    if size != shape[:2]:
        raise UserError(
            f"{path} has {_times(size)} pixels, and the data set's images have {_times(shape[:2])}.",
            "Draw them at that size, or change --image-size.",
        )
    if shape[2] == 3:
        return pixels, False
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        return crop_and_resize(picture, CropResize(shape[:2], None, 1)), bool((pixels != pixels[..., :1]).any())


def _labels(names: list[str], class_names: tuple[str, ...]) -> np.ndarray | None:
    """Labels by first-level folders, if all of them bear names of classes."""
    labels, folders = folder_labels(names)
    if labels is None or not set(folders) <= set(class_names):
        return None
    return np.array([class_names.index(folders[label]) for label in labels])


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
