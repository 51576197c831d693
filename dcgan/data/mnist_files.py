"""MNIST as others pass it on: CSV tables, Keras' `.npz`, folders of images, and archives of these."""

import contextlib
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from dcgan.core.errors import UserError
from dcgan.core.wording import counted
from dcgan.data.archives import ARCHIVE_ENDINGS
from dcgan.data.decoding import SkippedImage, open_image, pillow_warnings
from dcgan.data.decoding_pool import decode_all
from dcgan.data.file_names import IMAGE_ENDINGS
from dcgan.data.folder import open_split
from dcgan.data.image_dataset import check_dataset_size
from dcgan.data.transforms import CropResize

FORMS = (
    "--data-dir must be the folder of the four IDX files, gzipped or not, an archive of them, Keras' mnist.npz, "
    "Kaggle's CSV tables, or a folder or archive of images in training/0 to testing/9."
)
"""What is read, as a hint in error messages."""

_IDX = re.compile(r"(train|t10k)-(images|labels)[-.]idx[13]-ubyte(\.gz)?")
_TABLE = re.compile(r"(?:.*[-_ ])?(train|test)(?:ing)?(?:[-_ ].*)?\.csv", re.IGNORECASE)
_SIDE = 28
_MAX_MEMBER_BYTES = 1 << 29  # the largest table has 133 million
_MAX_MEMBERS = 16
_COPY_BYTES = 1 << 20


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Unpack the IDX files and tables of an archive to a temporary folder.

    Args:
        path: an archive, or a folder with nothing but one archive to read; or anything else.

    Yields:
        The temporary folder, which exists until the block ends; `path` itself, where there is nothing to unpack.

    Raises:
        UserError: an archive is damaged, or what it holds is larger than any file of MNIST.
    """
    archive = path
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.name.lower().endswith(ARCHIVE_ENDINGS))
        if len(files) != 1:
            yield path
            return
        archive = files[0]
    elif not path.name.lower().endswith(ARCHIVE_ENDINGS):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="dcgan-") as folder:
        yield Path(folder) if _unpack(archive, Path(folder)) else path


def _unpack(archive: Path, folder: Path) -> int:
    """Unpack the files of MNIST in an archive, side by side, and return their number."""
    count = 0
    try:
        for name, stream in _members(archive):
            if not (_IDX.fullmatch(name) or _TABLE.fullmatch(name)) or count == _MAX_MEMBERS:
                continue
            count += 1
            with stream, (folder / name).open("wb") as file:
                while chunk := stream.read(_COPY_BYTES):
                    if file.tell() + len(chunk) > _MAX_MEMBER_BYTES:
                        raise UserError(f"{name} in {archive} is larger than any file of MNIST.", FORMS)
                    file.write(chunk)
    except UserError:
        raise
    except Exception as error:  # zipfile, tarfile and the decompressors raise many types
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{archive} is cut off, damaged or no archive: {reason}.", "Download it again.") from error
    return count


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name without folders and the content of each file."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                name = info.filename.replace("\\", "/").rpartition("/")[2]
                if name and not info.filename.startswith("__MACOSX"):
                    yield name, zipped.open(info)
        return
    with tarfile.open(archive) as tar:
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None:
                yield member.name.rpartition("/")[2], content


def find_tables(path: Path) -> dict[str, Path]:
    """Find CSV tables of MNIST.

    Args:
        path: a table, or the folder of `train.csv`, `mnist_train.csv`, `mnist_test.csv` or similar.

    Returns:
        The table of each split. One that is named itself is that of the training split.
    """
    if path.is_file():
        return {"train": path} if path.suffix.lower() == ".csv" else {}
    found = {}
    for file in sorted(path.glob("*.csv")):
        match = _TABLE.fullmatch(file.name)
        if match is not None:
            found.setdefault(match[1].lower(), file)
    return found


def read_table(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read images from a CSV table: per line a label and 784 values, or the label at the end under a name.

    Args:
        path: the table, with or without a line of column names.

    Returns:
        images, uint8 (N, 28, 28), and labels, uint8 (N,).

    Raises:
        UserError: it can't be read, is no such table, or has no labels.
    """
    try:
        if path.stat().st_size > _MAX_MEMBER_BYTES:
            raise UserError(f"{path} is larger than any table of MNIST.", FORMS)
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            first = [cell.strip().strip('"').lower() for cell in file.readline(1 << 16).split(",")]
            named = not first[0].isdecimal()
            _check_columns(path, first, named)
            if named and not (file.read(1).strip() or file.readline().strip()):
                raise UserError(f"{path} has no images.", "Download it again.")
            file.seek(0)
            if named:
                file.readline()
            table = np.loadtxt(file, np.uint8, delimiter=",", ndmin=2, quotechar='"', comments=None)
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise UserError(f"{path} is damaged or cut off: {str(error)[:200]}.", "Download it again.") from error
    last = named and first[-1] in ("class", "label")
    labels, pixels = (table[:, -1], table[:, :-1]) if last else (table[:, 0], table[:, 1:])
    return np.ascontiguousarray(pixels).reshape(-1, _SIDE, _SIDE), labels


def _check_columns(path: Path, first: list[str], named: bool) -> None:
    pixels = _SIDE * _SIDE
    if len(first) == pixels:
        raise UserError(
            f"{path} has {pixels} columns, which are images without labels.",
            "MNIST has a label in the first column; Kaggle's competition has labels in train.csv only.",
        )
    if len(first) != 1 + pixels or (named and not {first[0], first[-1]} & {"label", "class", "5", "y"}):
        raise UserError(f"{path} has {counted(len(first), 'column')} instead of a label and {pixels} values.", FORMS)


def holds_images(path: Path) -> bool:
    """Return whether a path may be images of MNIST: any file, or a folder with images, an `.npz` or an archive."""
    endings = (*IMAGE_ENDINGS, ".npz", ".h5", ".parquet", *ARCHIVE_ENDINGS)
    return path.is_file() or any(file.name.lower().endswith(endings) for file in path.rglob("*"))


def read_images(path: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read digits from image files or a container, labeled by their folders or by the container.

    Args:
        path: a folder, archive or container, as `--dataset folder` takes it.
        split: `train` or `test`.

    Returns:
        images, uint8 (N, H, W) of the size of the first one, and labels, uint8 (N,).

    Raises:
        UserError: there are no images, one can't be read, or the classes are not 0 to 9.
    """
    with open_split(path, "auto", split) as files, pillow_warnings():
        if files.labels is None or not set(files.class_names) <= set("0123456789"):
            found = ", ".join(files.class_names[:5]) or "none"
            raise UserError(f"The classes of {path} are {found}, not those of MNIST, 0 to 9.", FORMS)
        try:
            with open_image(files.read(files.entries[0])) as first:
                size = first.height, first.width
        except Exception as error:  # Pillow's decoders raise many types
            raise UserError(f"{files.entries[0].name} in {path} can't be read: {error}.", "Replace it.") from error
        check_dataset_size(len(files.entries), (*size, 1))
        images = np.empty((len(files.entries), *size), np.uint8)
        for index, result in enumerate(decode_all(files, CropResize(size, None, 1))):
            if isinstance(result, SkippedImage):
                raise UserError(f"{result.name} in {path} can't be used: {result.reason}.", "Replace or remove it.")
            images[index] = result[..., 0]
    return images, np.array([int(name) for name in files.class_names], np.uint8)[files.labels]
