"""Files in their real formats, made small: what the readers are tested on. Nothing here uses the package."""

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


def digits(count, side=28, seed=0):
    """Random images (count, side, side) and labels (count,) of ten classes."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, side, side), np.uint8), rng.integers(0, 10, count, np.uint8)


def write_mnist(folder: Path, train=12, test=5, names="{}-idx{}-ubyte.gz", side=28):
    """The four files of MNIST; gives `{split: (images, labels)}`."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"train": digits(train, side), "t10k": digits(test, side, seed=1)}
    for split, (images, labels) in arrays.items():
        for kind, array in (("images", images), ("labels", labels)):
            path = folder / names.format(f"{split}-{kind}", array.ndim)
            data = idx_bytes(array)
            path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return {"train": arrays["train"], "test": arrays["t10k"]}


def cifar_files(each=3):
    """The six binary files by name, and `{split: (images (N, 32, 32, 3), labels)}`."""
    rng = np.random.default_rng(2)
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    images = rng.integers(0, 256, (len(names), each, 32, 32, 3), np.uint8)
    labels = rng.integers(0, 10, (len(names), each), np.uint8)
    files = {
        name: b"".join(
            bytes([label]) + b"".join(image[:, :, colour].tobytes() for colour in range(3))
            for image, label in zip(images[at], labels[at], strict=True)
        )
        for at, name in enumerate(names)
    }
    train = images[:5].reshape(-1, 32, 32, 3), labels[:5].reshape(-1)
    return files, {"train": train, "test": (images[5], labels[5])}


def tar_bytes(files, folder="cifar-10-batches-bin"):
    """A .tar.gz of files in a folder, folder entry included, as the real archive has it."""
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


def encode(picture, format="PNG", **options):
    """The file of a picture (a PIL image or an array)."""
    target = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(target, format, **options)
    return target.getvalue()


def plain(colour=(200, 100, 50), size=(20, 20)):
    """The file of a picture of one colour; `size` is (width, height)."""
    return encode(Image.new("RGB", size, colour))


def write_files(root: Path, files):
    """Write `{path from the root: bytes}` as files."""
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def write_zip(path: Path, files, compression=zipfile.ZIP_STORED):
    """Write `{name: bytes}` as a zip."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path
