"""Small synthetic datasets in the files of the real ones, for tests of the readers. Nothing here uses the package."""

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def idx_bytes(array):
    """An IDX file: two zeros, the type, the number of dimensions, each size as a big-endian word, the bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def random_digits(count, side=28, seed=0):
    """Random images (count, side, side) and labels (count,) of ten classes."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, side, side), np.uint8), rng.integers(0, 10, count, np.uint8)


def write_mnist(folder: Path, train=12, test=5, names="{}-idx{}-ubyte.gz", side=28):
    """Write the four files of MNIST; returns `{split: (images, labels)}`."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"train": random_digits(train, side), "t10k": random_digits(test, side, seed=1)}
    for split, (images, labels) in arrays.items():
        for content, array in (("images", images), ("labels", labels)):
            path = folder / names.format(f"{split}-{content}", array.ndim)
            data = idx_bytes(array)
            path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return {"train": arrays["train"], "test": arrays["t10k"]}


def cifar10_files(images_per_file=3):
    """The six binary files by name, and `{split: (images (N, 32, 32, 3), labels)}`."""
    rng = np.random.default_rng(2)
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    images = rng.integers(0, 256, (len(names), images_per_file, 32, 32, 3), np.uint8)
    labels = rng.integers(0, 10, (len(names), images_per_file), np.uint8)
    files = {
        name: b"".join(
            bytes([label]) + b"".join(image[:, :, channel].tobytes() for channel in range(3))
            for image, label in zip(images[index], labels[index], strict=True)
        )
        for index, name in enumerate(names)
    }
    train = images[:5].reshape(-1, 32, 32, 3), labels[:5].reshape(-1)
    return files, {"train": train, "test": (images[5], labels[5])}


def tar_bytes(files, folder="cifar-10-batches-bin"):
    """A .tar.gz of files in a folder, with an entry for the folder, as in the original archive."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        top = tarfile.TarInfo(folder)
        top.type = tarfile.DIRTYPE
        archive.addfile(top)
        for name, data in files.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def encode_image(image, format="PNG", **options):
    """The file of an image (a PIL image or an array)."""
    target = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(target, format, **options)
    return target.getvalue()


def solid_image(color=(200, 100, 50), size=(20, 20)):
    """The file of an image of one color; `size` is (width, height)."""
    return encode_image(Image.new("RGB", size, color))


def numbered_images(count):
    """PNG files of images whose color is their number."""
    return {f"{n:05d}.png": solid_image((n % 256, n // 256, 7), (9, 10)) for n in range(count)}


def write_files(root: Path, files):
    """Write `{path relative to the root: bytes}` as files; returns the root."""
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def write_zip(path: Path, files, compression=zipfile.ZIP_STORED):
    """Write `{name: bytes}` as a zip; returns its path."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path
